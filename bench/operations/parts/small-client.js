'use strict';

// The client of small.js: kept-alive connections, each with one request at a time, whose head and
// body are one write.

const net = require('node:net');
const { answerLoads } = require('../../method/load.js');

const [size, connections] = process.argv.slice(2).map(Number);
const post = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${size}\r\n\r\n`;
const request =
  size < 0
    ? Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    : Buffer.concat([Buffer.from(post), Buffer.alloc(size, 'b')]);
const end = `\r\n\r\n${size < 0 ? 'undefined' : size}`;

class Connection {
  #socket;
  #text = '';

  constructor(port, onDone) {
    this.#socket = net.connect(port, '127.0.0.1').setNoDelay().setEncoding('latin1');
    this.#socket.on('data', (text) => {
      this.#text += text;
      const isRight = this.#text.startsWith('HTTP/1.1 200') && this.#text.endsWith(end);
      if (!isRight && !/^Content-Length: (\d+)/m.test(this.#text)) return;
      this.#text = '';
      onDone(this, isRight ? null : 'a wrong answer', isRight);
    });
  }

  send() {
    this.#socket.write(request);
  }

  destroy() {
    this.#socket.destroy();
  }
}

answerLoads(
  (port, onDone) => Array.from({ length: connections }, () => new Connection(port, onDone)),
  {},
);
