const express = require('express');

module.exports = () => {
  const app = express();
  app.use((_req, _res, next) => next());
  app.post('/', express.text({ type: () => true }), (req, res) => {
    res.end(Buffer.from(`You sent: ${req.body}\n`));
  });
  return app;
};
