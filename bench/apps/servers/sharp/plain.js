const { crc32 } = require('node:zlib');
const express = require('express');
const sharp = require('sharp');

/** Makes a thumbnail of an upload; answers which upload it was. */
module.exports = () => {
  const app = express();
  app.post('/', express.raw({ type: () => true, limit: '20mb' }), async (req, res) => {
    const small = sharp(req.body).resize(320, 240);
    const { data, info } = await small.webp({ quality: 70 }).toBuffer({ resolveWithObject: true });
    res.send(`${crc32(req.body)} ${info.width} ${data.length > 0}`);
  });
  return app;
};
