'use strict';

// In place of node-rs#655, an addon that did not free what it had made, and has been mended: streams of zlib that nobody ends.

const http = require('node:http');
const zlib = require('node:zlib');

const kept = [];
const server = http.createServer((_req, res) => {
  const stream = zlib.createGzip();
  stream.write('some');
  kept.push(stream);
  res.end(String(kept.length));
});
require('./listen.js')(server);
