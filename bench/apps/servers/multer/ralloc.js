require('ralloc/auto'); // before multer: collect() gives back what busboy is done with
const { crc32 } = require('node:zlib');
const express = require('express');
const multer = require('multer');
const { requestArena } = require('ralloc');

const storage = {
  _handleFile(req, file, done) {
    req.arena
      .collect(file.stream, { limit: 4 * 1024 * 1024 })
      .then((buffer) => done(null, { buffer, size: buffer.length }), done);
  },
  _removeFile(_req, file, done) {
    delete file.buffer;
    done(null);
  },
};
const upload = multer({ storage });

module.exports = () => {
  const app = express();
  app.use(requestArena());
  app.post('/', upload.single('file'), (req, res) => {
    res.send(`${crc32(req.file.buffer)}`);
  });
  return app;
};
