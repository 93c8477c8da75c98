const { crc32 } = require('node:zlib');
const express = require('express');

module.exports = () => {
  const app = express();
  app.post('/', express.raw({ limit: '2mb' }), (req, res) => {
    res.send(`${crc32(req.body)}`);
  });
  return app;
};
