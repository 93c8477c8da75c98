const https = require('node:https');
const { crc32 } = require('node:zlib');
const { requestArena } = require('ralloc/http');
const { certificate } = require('../../../../__test__/helpers/certificate.js');

module.exports = () =>
  https.createServer(
    certificate(),
    requestArena().wrap(async (req, res) => {
      const body = await req.arena.body();
      res.end(`${crc32(body)}`);
    }),
  );
