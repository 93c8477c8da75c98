'use strict';

// ws#1830: messages for clients that do not read.

const http = require('node:http');
const { WebSocketServer } = require('ws');

const server = http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
setInterval(() => {
  const data = Buffer.alloc(60_000, 1);
  for (const client of sockets.clients) {
    client.send(data);
  }
}, 5);
require('./listen.js')(server);
