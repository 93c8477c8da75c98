// A broadcast to 200 WebSockets, which the first of them asks for.

const { once } = require('node:events');
const { WebSocket } = require('ws');
const write = require('../servers/ws/write.js');
const Room = require('./room.js');

const CLIENTS = 200;
const SIZES = [8000, 16_000];

module.exports = async (port, onDone) => {
  const sockets = Array.from({ length: CLIENTS }, () => new WebSocket(`ws://127.0.0.1:${port}`));
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  const start = (id) => {
    const size = SIZES[id % SIZES.length];
    sockets[0].send(JSON.stringify([id, size]));
    return write(Buffer.allocUnsafe(size), id);
  };
  const destroy = () => {
    for (const socket of sockets) socket.terminate();
  };
  const room = new Room(CLIENTS, { start, destroy }, onDone);
  for (const socket of sockets) {
    socket.on('message', (message) => room.take(message));
    socket.on('error', () => {}); // its `close` follows
    socket.on('close', () => room.lose());
  }
  return [room];
};
