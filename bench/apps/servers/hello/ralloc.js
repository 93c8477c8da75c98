const express = require('express');
const { requestArena } = require('ralloc');

module.exports = () => {
  const app = express();
  app.use(requestArena());
  app.post('/', express.text({ type: () => true }), (req, res) => {
    res.end(req.arena.from(`You sent: ${req.body}\n`));
  });
  return app;
};
