'use strict';

// Keys of node:crypto, whose bytes OpenSSL has: memory of neither V8 nor Buffers.

const { createSecretKey } = require('node:crypto');
const http = require('node:http');

const secret = Buffer.alloc(400_000, 97);
const keys = [];

const server = http.createServer((_req, res) => {
  keys.push(createSecretKey(secret));
  res.end('ok');
});
require('./listen.js')(server);
