'use strict';

// socket.io: messages for clients that do not read.

const http = require('node:http');
const { Server } = require('socket.io');

const server = http.createServer();
const io = new Server(server);
setInterval(() => {
  const picture = Buffer.alloc(200_000, 1);
  io.emit('picture', picture);
}, 5);
require('./listen.js')(server);
