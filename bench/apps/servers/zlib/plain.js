const http = require('node:http');
const { crc32, createGzip, createGunzip } = require('node:zlib');

/** Unpacks what it is sent, and packs it again; answers a checksum of what it was. */
module.exports = () =>
  http.createServer((req, res) => {
    let sum = 0;
    const unpacked = req.pipe(createGunzip());
    unpacked.on('data', (chunk) => {
      sum = crc32(chunk, sum);
    });
    unpacked
      .pipe(createGzip({ level: 1 }))
      .resume()
      .on('end', () => res.end(`${sum}`));
  });
