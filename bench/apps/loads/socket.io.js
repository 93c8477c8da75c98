// A broadcast of binary messages to 50 clients of socket.io, which the first of them sends.

const { once } = require('node:events');
const { io } = require('socket.io-client');
const write = require('../servers/ws/write.js');
const Room = require('./room.js');

const CLIENTS = 50;
const SIZES = [64_000, 128_000];

module.exports = async (port, onDone) => {
  const options = { transports: ['websocket'], reconnection: false, forceNew: true };
  const sockets = Array.from({ length: CLIENTS }, () => io(`http://127.0.0.1:${port}`, options));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const start = (id) => {
    const bytes = write(Buffer.allocUnsafe(SIZES[id % SIZES.length]), id);
    sockets[0].emit('bytes', bytes);
    return bytes;
  };
  const destroy = () => {
    for (const socket of sockets) socket.disconnect();
  };
  const room = new Room(CLIENTS, { start, destroy }, onDone);
  for (const socket of sockets) {
    socket.on('bytes', (bytes) => room.take(bytes));
    socket.on('disconnect', () => room.lose());
  }
  return [room];
};
