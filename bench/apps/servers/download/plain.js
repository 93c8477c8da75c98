const http = require('node:http');
const { crc32 } = require('node:zlib');
const { request } = require('undici');

/** Downloads a file with undici, all of it, as clients of APIs do. */
module.exports = (port) =>
  http.createServer(async (req, res) => {
    const { body } = await request(`http://127.0.0.1:${port}${req.url}`);
    res.end(`${crc32(Buffer.from(await body.arrayBuffer()))}`);
  });
