'use strict';

// Ids of some bytes, each a slice of the body that it came with.

const http = require('node:http');

const seen = [];
const server = http.createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const id = body.subarray(0, 16);
  seen.push(id);
  res.end(id);
});
require('./listen.js')(server);
