const http = require('node:http');
const { crc32 } = require('node:zlib');
const { requestArena } = require('ralloc/http');

module.exports = () =>
  http.createServer(
    requestArena().wrap(async (req, res) => {
      const body = await req.arena.body();
      res.end(`${crc32(body)}`);
    }),
  );
