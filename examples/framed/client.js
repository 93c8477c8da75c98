'use strict';

// A client of the framed server. Its socket reads straight into a Buffer of the slab: `onread` is for sockets
// that connect, as this one.

const net = require('node:net');
const { once } = require('node:events');
const { HEADER, FrameReader, writeHeader } = require('./protocol.js');

const READ_BYTES = 64 * 1024;

class FramedClient {
  #slab;
  #socket;
  #reader;
  #waiting = []; // requests without an answer, in order

  /** Resolves when it is connected. */
  static async connect({ port, host = '127.0.0.1', slab, maxFrame = 2 ** 20 }) {
    const client = new FramedClient(slab, maxFrame, { port, host });
    await once(client.#socket, 'connect');
    return client;
  }

  constructor(slab, maxFrame, address) {
    this.#slab = slab;
    const header = slab.alloc(HEADER);
    const buffer = slab.allocUnsafe(READ_BYTES);
    this.#reader = new FrameReader(header, maxFrame);
    const onread = { buffer, callback: (length) => this.#read(buffer.subarray(0, length)) };
    this.#socket = net.connect({ ...address, noDelay: true, onread });
    this.#socket.on('error', (error) => this.#fail(error));
    // Nothing reads into them after this.
    this.#socket.on('close', () => {
      this.#fail(new Error('the connection is closed'));
      slab.free(this.#reader.take());
      slab.free(header);
      slab.free(buffer);
    });
    this.#socket.resume(); // for 'end'
  }

  /**
   * Sends a request: { status, body, frame }, where `body` is a view of `frame`, a Buffer of the slab, which the
   * caller frees. Requests are answered in their order.
   */
  request(op, body) {
    if (this.#socket.destroyed) return Promise.reject(new Error('the connection is closed'));
    const frame = this.#slab.allocUnsafe(HEADER + body.length);
    writeHeader(frame, op, body.length);
    frame.set(body, HEADER);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(frame, () => this.#slab.free(frame));
    });
  }

  /** Resolves when the server has closed its side too. */
  async close() {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.end();
    await closed;
  }

  /** Cuts the connection: the server sees a reset. */
  async reset() {
    const closed = once(this.#socket, 'close');
    this.#socket.resetAndDestroy();
    await closed;
  }

  #read(chunk) {
    try {
      for (let at = 0; at < chunk.length; ) {
        at = this.#reader.read(chunk, at);
        const { wants } = this.#reader;
        if (wants > 0) this.#reader.give(this.#slab.allocUnsafe(wants));
        if (this.#reader.isWhole) this.#answer(this.#reader.take());
      }
    } catch (error) {
      this.#socket.destroy(error);
    }
  }

  #answer(frame) {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#slab.free(frame);
      throw new Error('an answer without a request');
    }
    waiting.resolve({ status: frame[4], body: frame.subarray(HEADER), frame });
  }

  #fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

module.exports = { FramedClient };
