'use strict';

// A body that is put together by Buffer.concat() at each chunk, as many answers on the web advise.

const { createHash } = require('node:crypto');
const http = require('node:http');

const server = http.createServer((req, res) => {
  let body = Buffer.alloc(0);
  req.on('data', (chunk) => {
    body = Buffer.concat([body, chunk]);
  });
  req.on('end', () => res.end(createHash('md5').update(body).digest('hex')));
});
require('./listen.js')(server);
