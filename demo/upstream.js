'use strict';

// The server behind the mix `proxy`: GET /ID. It lives in the client's process, so that the measured ones do nothing but pass its answers on.

const { once } = require('node:events');
const http = require('node:http');

/** Resolves to the server, which listens. */
module.exports = async function listen(expected) {
  const server = http.createServer((req, res) => {
    res.end(expected.answer('proxy', Number(req.url.slice(1))));
  });
  server.keepAliveTimeout = 0; // connections rest while the other contenders have their turn
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
};
