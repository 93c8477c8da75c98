'use strict';

// body-parser#191: large bodies, many at once.

const http = require('node:http');
const express = require('express');

const app = express();
app.post('/', express.raw({ type: () => true, limit: '50mb' }), (req, res) => {
  setTimeout(() => res.end(String(req.body.length)), 100);
});
require('./listen.js')(http.createServer(app));
