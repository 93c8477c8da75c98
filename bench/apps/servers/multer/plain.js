const { crc32 } = require('node:zlib');
const express = require('express');
const multer = require('multer');

const upload = multer({ storage: multer.memoryStorage() });

module.exports = () => {
  const app = express();
  app.post('/', upload.single('file'), (req, res) => {
    res.send(`${crc32(req.file.buffer)}`);
  });
  return app;
};
