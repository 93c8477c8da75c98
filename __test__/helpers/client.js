'use strict';

// A client that speaks HTTP/1.1 over a socket by hand: so it can pause, pipeline, and go away at any byte.

const net = require('node:net');
const tls = require('node:tls');
const { once } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');

const hasNoBody = (status) => status < 200 || status === 204 || status === 304;

/** What a server sends, read only when asked for; so backpressure is real. */
class Reader {
  #chunks;
  #have = Buffer.alloc(0);
  #pause;

  constructor(socket, pause) {
    this.#chunks = socket[Symbol.asyncIterator]();
    this.#pause = pause;
  }

  async #more() {
    if (this.#pause) await turn();
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#have = this.#have.length === 0 ? value : Buffer.concat([this.#have, value]);
    return true;
  }

  async through(mark) {
    for (;;) {
      const at = this.#have.indexOf(mark);
      if (at >= 0) return this.#take(at + mark.length);
      if (!(await this.#more())) throw new Error('the connection ended within a response');
    }
  }

  async exactly(count) {
    const parts = [];
    let left = count;
    while (left > 0) {
      if (this.#have.length === 0 && !(await this.#more())) {
        throw new Error(`the connection ended ${left} bytes early`);
      }
      const part = this.#take(Math.min(left, this.#have.length));
      left -= part.length;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  async rest() {
    const parts = [];
    try {
      do parts.push(this.#take(this.#have.length));
      while (await this.#more());
    } catch (error) {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error;
    }
    return Buffer.concat(parts);
  }

  #take(count) {
    const taken = this.#have.subarray(0, count);
    this.#have = this.#have.subarray(count);
    return taken;
  }
}

class Client {
  #reader;
  raw; // below TLS

  constructor(socket, pause = false, raw = socket) {
    this.socket = socket;
    this.raw = raw;
    this.#reader = new Reader(socket, pause);
    socket.on('error', () => {}); // a reset is what many tests are about
  }

  static async connect(port, { pause } = {}) {
    const socket = net.connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new Client(socket, pause);
  }

  /** Over TLS; `ca` is the certificate of the server, or any will do. */
  static async connectSecurely(port, ca) {
    const raw = net.connect({ port, host: '127.0.0.1' });
    raw.on('error', () => {});
    const how = ca === undefined ? { rejectUnauthorized: false } : { ca };
    const socket = tls.connect({ socket: raw, servername: 'localhost', ...how });
    await once(socket, 'secureConnect');
    return new Client(socket, false, raw);
  }

  /** Sends a request and returns at once; answers are read by response(). */
  send(path, { method = 'GET', headers = {}, body } = {}) {
    const all = { Host: 'localhost', ...headers };
    if (body !== undefined) all['Content-Length'] ??= body.length;
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    if (body !== undefined) this.socket.write(body);
  }

  /** The next response, whole. */
  async response({ head = false } = {}) {
    const lines = (await this.#reader.through('\r\n\r\n')).toString('latin1').split('\r\n');
    const status = Number(lines[0].split(' ')[1]);
    const pairs = lines.slice(1, -2).map((line) => line.split(': '));
    const headers = Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
    return { status, headers, body: await this.#body(headers, head || hasNoBody(status)) };
  }

  async #body(headers, none) {
    if (none) return Buffer.alloc(0);
    if (headers['transfer-encoding'] === 'chunked') return this.#chunked();
    if ('content-length' in headers) return this.#reader.exactly(Number(headers['content-length']));
    return this.#reader.rest();
  }

  async #chunked() {
    const parts = [];
    for (;;) {
      const size = Number.parseInt((await this.#reader.through('\r\n')).toString('latin1'), 16);
      parts.push(await this.#reader.exactly(size));
      await this.#reader.exactly(2);
      if (size === 0) return Buffer.concat(parts);
    }
  }

  /** A part of a body whose request said how long it is. */
  write(bytes) {
    this.socket.write(bytes);
  }

  endBody(bytes) {
    this.socket.write(bytes);
  }

  /** The server has said that it wants the body. */
  async continued() {
    return (await this.response()).status === 100;
  }

  async get(path, options) {
    this.send(path, options);
    return this.response({ head: options?.method === 'HEAD' });
  }

  /** Everything up to the end of the connection, whichever it is. */
  rest() {
    return this.#reader.rest();
  }

  /** Goes away with an RST. */
  async reset() {
    this.raw.resetAndDestroy();
    await this.#closed();
  }

  /** Says that it sends no more. */
  end() {
    this.socket.end();
  }

  /** Goes away as a process that ends would: FIN, or RST with bytes unread. */
  async destroy() {
    this.socket.destroy();
    await this.#closed();
  }

  async #closed() {
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}

module.exports = { Client };
