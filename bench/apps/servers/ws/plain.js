const http = require('node:http');
const { WebSocketServer } = require('ws');
const write = require('./write.js');

module.exports = () => {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  const broadcast = (id, size) => {
    const frame = Buffer.allocUnsafe(size);
    write(frame, id);
    for (const socket of sockets.clients) socket.send(frame);
  };
  sockets.on('connection', (socket) => {
    socket.on('message', (message) => broadcast(...JSON.parse(message)));
  });
  return server;
};
