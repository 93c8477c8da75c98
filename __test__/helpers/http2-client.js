'use strict';

// A client that speaks HTTP/2 in clear, with the methods of Client: each request is a stream of one session.

const { once } = require('node:events');
const http2 = require('node:http2');
const net = require('node:net');

const ONE_OF_HTTP1 = /^(connection|host|transfer-encoding|keep-alive)$/i;

class Http2Client {
  #raw;
  #streams = [];
  #over;

  constructor(session, raw) {
    this.session = session;
    this.#raw = raw;
    session.on('error', () => {});
    raw.on('error', () => {});
    this.#over = new Promise((resolve) => {
      session.once('close', resolve);
    });
  }

  static async connect(port) {
    const raw = net.connect({ port, host: '127.0.0.1' });
    const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => raw });
    const client = new Http2Client(session, raw);
    await once(session, 'connect');
    return client;
  }

  /** Sends a request and returns its stream; answers are read by response(), in the order of the requests. */
  send(path, { method = 'GET', headers = {}, body } = {}) {
    const own = Object.entries(headers).filter(([name]) => !ONE_OF_HTTP1.test(name));
    const promised = own.some(([name]) => /^(content-length|expect)$/i.test(name));
    const stream = this.session.request(
      { ':method': method, ':path': path, ...Object.fromEntries(own) },
      { endStream: body === undefined && !promised },
    );
    const seen = { stream, head: undefined, parts: [] };
    seen.responded = new Promise((resolve) => {
      stream.once('response', (head) => {
        seen.head = head;
        resolve();
      });
      stream.once('close', resolve);
    });
    seen.closed = new Promise((resolve) => {
      stream.once('close', resolve);
    });
    seen.ended = new Promise((resolve) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
    });
    stream.on('error', () => {});
    stream.on('data', (part) => seen.parts.push(part));
    if (body !== undefined) stream.end(body);
    this.#streams.push(seen);
    return stream;
  }

  async response() {
    const { stream, head, parts, ended } = await this.#first();
    await ended;
    if (head === undefined || stream.rstCode !== 0) throw new Error('the stream ended early');
    return { status: head[':status'], headers: head, body: Buffer.concat(parts) };
  }

  async #first() {
    const seen = this.#streams.shift();
    await seen.responded;
    return seen;
  }

  async get(path, options) {
    this.send(path, options);
    return this.response();
  }

  write(bytes) {
    this.#streams.at(-1).stream.write(bytes);
  }

  endBody(bytes) {
    this.#streams.at(-1).stream.end(bytes);
  }

  async continued() {
    await once(this.#streams[0].stream, 'continue');
    return true;
  }

  /** What came of the streams that are open, up to their end. */
  async rest() {
    const all = this.#streams.splice(0);
    await Promise.all(all.map(({ closed }) => closed));
    return Buffer.concat(all.flatMap(({ parts }) => parts));
  }

  async reset() {
    this.#raw.resetAndDestroy();
    await this.#over;
  }

  async destroy() {
    this.session.destroy();
    await this.#over;
  }
}

module.exports = { Http2Client };
