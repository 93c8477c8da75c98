const express = require('express');
const { requestArena } = require('ralloc');
const page = require('./page.js');

module.exports = () => {
  const app = express();
  app.use(requestArena());
  app.get('/products/:page', (req, res) => {
    res.json(page(Number(req.params.page)));
  });
  return app;
};
