const http = require('node:http');
const { crc32 } = require('node:zlib');

module.exports = () =>
  http.createServer((req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      res.end(`${crc32(body)}`);
    });
  });
