'use strict';

// undici#3895: large bodies of fetch().

const { createHash } = require('node:crypto');
const http = require('node:http');

const server = http.createServer(async (_req, res) => {
  const response = await fetch(`http://127.0.0.1:${process.env.UPSTREAM}/`);
  const body = Buffer.from(await response.arrayBuffer());
  res.end(createHash('md5').update(body).digest('hex'));
});
require('./listen.js')(server);
