'use strict';

// ws#1830: permessage-deflate, whose streams have memory of zlib's for each connection.

const http = require('node:http');
const { WebSocketServer } = require('ws');

const server = http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data));
});
require('./listen.js')(server);
