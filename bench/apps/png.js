// A PNG of noise and stripes, as large as a photograph, made without a package.

const { crc32, deflateSync } = require('node:zlib');

function chunk(type, data) {
  const part = Buffer.concat([Buffer.from(type), data]);
  const whole = Buffer.alloc(part.length + 8);
  whole.writeUInt32BE(data.length);
  part.copy(whole, 4);
  whole.writeUInt32BE(crc32(part), part.length + 4);
  return whole;
}

/** The image `n`, of 8 bits RGB. */
module.exports = (n, width, height) => {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++)
    for (let at = 1; at <= 3 * width; at++)
      rows[y * (1 + 3 * width) + at] = (at * (n + 3) + y * 7 + ((at * y) >> 3)) & 0xff;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(rows, { level: 1 });
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};
