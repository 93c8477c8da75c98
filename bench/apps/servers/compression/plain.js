const compression = require('compression');
const express = require('express');
const page = require('../json/page.js');

module.exports = () => {
  const app = express();
  app.use(compression());
  app.get('/products/:from/:pages', (req, res) => {
    const first = Number(req.params.from);
    res.json(Array.from({ length: Number(req.params.pages) }, (_, n) => page(first + n)));
  });
  return app;
};
