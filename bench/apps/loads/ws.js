// A broadcast is one request: it is over when each of the clients has its frame. All bytes of each are compared.

const { once } = require('node:events');
const { WebSocket } = require('ws');
const write = require('../servers/ws/write.js');

const CLIENTS = 200;
const SIZES = [8000, 16_000];

class Room {
  #sockets;
  #onDone;
  #frame = null;
  #missing = 0;
  #fault = null;

  constructor(sockets, onDone) {
    this.#sockets = sockets;
    this.#onDone = onDone;
    for (const socket of sockets) {
      socket.on('message', (message) =>
        this.#take(message.equals(this.#frame) ? null : 'a frame has other bytes'),
      );
      socket.on('error', () => {});
      socket.on('close', () => this.#take('a socket was closed'));
    }
  }

  #take(fault) {
    this.#fault ??= fault;
    if (--this.#missing === 0) this.#onDone(this, this.#fault, this.#fault === null);
  }

  send(_mix, id) {
    const size = SIZES[id % SIZES.length];
    this.#frame = write(Buffer.allocUnsafe(size), id);
    this.#missing = this.#sockets.length;
    this.#fault = null;
    this.#sockets[0].send(JSON.stringify([id, size]));
  }

  destroy() {
    for (const socket of this.#sockets) socket.terminate();
  }
}

module.exports = async (port, onDone) => {
  const sockets = Array.from({ length: CLIENTS }, () => new WebSocket(`ws://127.0.0.1:${port}`));
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  return [new Room(sockets, onDone)];
};
