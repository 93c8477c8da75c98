const http = require('node:http');
const { Slab } = require('ralloc');
const { WebSocketServer } = require('ws');
const write = require('./write.js');

const slab = new Slab({ sizes: [8192, 16384], maxCount: 1024, guard: true });

module.exports = () => {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  const broadcast = (id, size) => {
    const frame = slab.allocUnsafe(size);
    write(frame, id);
    for (const socket of sockets.clients) socket.send(frame);
    slab.free(frame);
  };
  sockets.on('connection', (socket) => {
    socket.on('message', (message) => broadcast(...JSON.parse(message)));
  });
  return server;
};
