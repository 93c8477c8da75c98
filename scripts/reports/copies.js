'use strict';

// A body as chunks, as one Buffer, as a text, as an object, and as a Buffer again.

const { createHash } = require('node:crypto');
const http = require('node:http');

const server = http.createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const value = JSON.parse(body.toString());
  const again = Buffer.from(JSON.stringify(value));
  res.end(createHash('md5').update(again).digest('hex'));
});
require('./listen.js')(server);
