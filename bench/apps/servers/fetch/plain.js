const http = require('node:http');
const { crc32 } = require('node:zlib');

module.exports = (port) =>
  http.createServer(async (req, res) => {
    const response = await fetch(`http://127.0.0.1:${port}${req.url}`);
    res.end(`${crc32(await response.text())}`);
  });
