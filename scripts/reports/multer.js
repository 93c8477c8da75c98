'use strict';

// multer#1242: uploads in memory.

const http = require('node:http');
const express = require('express');
const multer = require('multer');

const app = express();
app.post('/', multer({ storage: multer.memoryStorage() }).single('file'), (req, res) => {
  res.end(String(req.file.size));
});
require('./listen.js')(http.createServer(app));
