const { crc32 } = require('node:zlib');
const express = require('express');
const { rawBody, requestArena } = require('ralloc/express');

module.exports = () => {
  const app = express();
  app.use(requestArena());
  app.post('/', rawBody({ limit: '2mb' }), (req, res) => {
    res.send(`${crc32(req.body)}`);
  });
  return app;
};
