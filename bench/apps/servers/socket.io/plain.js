const http = require('node:http');
const { Server } = require('socket.io');

/** Sends on to everybody what one of them has sent. */
module.exports = () => {
  const server = http.createServer();
  const io = new Server(server, { maxHttpBufferSize: 1e7 });
  io.on('connection', (socket) => {
    socket.on('bytes', (bytes) => io.emit('bytes', bytes));
  });
  return server;
};
