'use strict';

// What the servers of the reports ask, in the process of their load, so that its memory is not theirs.

const http = require('node:http');
const net = require('node:net');

const BODY = Buffer.alloc(30 * 2 ** 20, 97);
const ROWS = 40_000;
const FEW_ROWS = 100;

/** A message of PostgreSQL's protocol. */
function message(type, ...parts) {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function int(bytes, value) {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
}

const READY = message('Z', Buffer.from('I'));

/** One column of text, and many rows. */
function answerOf(text, count = ROWS) {
  const about = [int(4, 0), int(2, 0), int(4, 25), int(2, -1), int(4, -1), int(2, 0)];
  const columns = message('T', int(2, 1), Buffer.from('name\0'), ...about);
  const row = message('D', int(2, 1), int(4, text.length), Buffer.from(text));
  const all = Array.from({ length: count }, () => row);
  return Buffer.concat([columns, ...all, message('C', Buffer.from(`SELECT ${count}\0`)), READY]);
}

function database() {
  const text = 'a row of a table '.repeat(10);
  const [answer, few] = [answerOf(text), answerOf(text, FEW_ROWS)];
  return net.createServer((socket) => {
    let hasBegun = false;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (!hasBegun) socket.write(Buffer.concat([message('R', int(4, 0)), READY]));
      else if (data[0] === 'Q'.charCodeAt(0)) socket.write(data.includes('limit') ? few : answer);
      hasBegun = true;
    });
  });
}

const files =
  (body = BODY) =>
  () => {
    const listener = (_req, res) => res.setHeader('content-length', body.length).end(body);
    return http.createServer({ keepAliveTimeout: 0 }, listener); // a machine under load may let a connection rest
  };

module.exports = { database, files };
