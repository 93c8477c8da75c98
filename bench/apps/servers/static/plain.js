const express = require('express');

module.exports = (folder) => {
  const app = express();
  app.use(express.static(folder));
  return app;
};
