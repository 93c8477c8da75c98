'use strict';

// commandcode-proxy#20: events for clients that do not read.

const http = require('node:http');

const server = http.createServer((_req, res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  let left = 200;
  const timer = setInterval(() => {
    for (let i = 0; i < 8; i++) res.write(Buffer.alloc(32_768, 97));
    if (--left > 0) return;
    clearInterval(timer);
    res.end();
  }, 10);
  res.on('close', () => clearInterval(timer));
});
require('./listen.js')(server);
