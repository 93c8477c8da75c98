'use strict';

// compression(), whose gzip of each response stays open for as long as its client does not read.

const { once } = require('node:events');
const http = require('node:http');
const compression = require('compression');
const express = require('express');

const text = Array.from({ length: 20_000 }, (_, i) => (i * 7919 * i).toString(36)).join(' ');

const app = express();
app.use(compression());
app.get('/', async (_req, res) => {
  res.setHeader('content-type', 'text/plain');
  for (let i = 0; i < 20; i++) if (!res.write(text)) await once(res, 'drain');
  res.end();
});
require('./listen.js')(http.createServer(app));
