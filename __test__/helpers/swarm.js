'use strict';

// Many cheap clients in one process with the server: each sends batches of pipelined requests by hand, and
// reads the answers or resets the connection.

const net = require('node:net');
const { once } = require('node:events');
const { random } = require('./random.js');

/** A generator of pseudo-random numbers in [0, 1), the same at each run. */
function fractions(seed) {
  const next = random(seed);
  return () => next(2 ** 32) / 2 ** 32;
}

/** Fractions that fall evenly in [0, 1): of a hundred, ten are below 0.1, where chance might give three. */
function evenFractions(first) {
  let at = first;
  return () => {
    at = (at + 0.6180339887498949) % 1; // the golden ratio
    return at;
  };
}

/** One connection; answers are counted, and their bodies given to `onBody(body)` in order. */
class Bee {
  #socket = null;
  #rest = Buffer.alloc(0);
  #waiting = null;
  #left = 0;
  #open;
  #onBody;

  /** `open` makes a socket, of net or tls. */
  constructor(port, onBody, open = () => net.connect({ port, host: '127.0.0.1', noDelay: true })) {
    this.#open = open;
    this.#onBody = onBody;
  }

  async send(paths) {
    if (this.#socket === null) await this.#connect();
    this.#socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  }

  async #connect() {
    this.#socket = this.#open();
    this.#rest = Buffer.alloc(0);
    this.#socket.on('error', () => {});
    this.#socket.on('data', (data) => this.#read(data));
    this.#socket.on('close', () => this.#waiting?.(this.#left)); // cut off by the server
    await once(this.#socket, this.#socket.encrypted ? 'secureConnect' : 'connect');
  }

  /** Resolves when so many answers have come, or none will, to how many are missing. */
  answers(count) {
    this.#left = count;
    if (this.#socket.closed) return Promise.resolve(count);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #read(data) {
    let rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (;;) {
      const head = rest.indexOf('\r\n\r\n');
      if (head < 0) break;
      const length = Number(/content-length: (\d+)/i.exec(rest.latin1Slice(0, head))?.[1] ?? 0);
      if (rest.length < head + 4 + length) break;
      this.#onBody(rest.subarray(head + 4, head + 4 + length));
      rest = rest.subarray(head + 4 + length);
      if (--this.#left === 0) this.#waiting(0);
    }
    this.#rest = rest;
  }

  async reset() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null || socket.closed) return;
    const closed = once(socket, 'close');
    if (socket.encrypted) socket.destroy();
    else socket.resetAndDestroy();
    await closed;
  }
}

module.exports = { Bee, evenFractions, fractions };
