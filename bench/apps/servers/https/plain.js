const https = require('node:https');
const { crc32 } = require('node:zlib');
const { certificate } = require('../../../../__test__/helpers/certificate.js');

module.exports = () =>
  https.createServer(certificate(), (req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      res.end(`${crc32(body)}`);
    });
  });
