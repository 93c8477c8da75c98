const express = require('express');
const page = require('./page.js');

module.exports = () => {
  const app = express();
  app.use((_req, _res, next) => next());
  app.get('/products/:page', (req, res) => {
    res.json(page(Number(req.params.page)));
  });
  return app;
};
