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

const TEXT = 'a row of a table '.repeat(10);
const ABOUT = [int(4, 0), int(2, 0), int(4, 25), int(2, -1), int(4, -1), int(2, 0)];
/** One column of text. */
const COLUMNS = message('T', int(2, 1), Buffer.from('name\0'), ...ABOUT);
const ROW = message('D', int(2, 1), int(4, TEXT.length), Buffer.from(TEXT));

const rowsOf = (count) => Array.from({ length: count }, () => ROW);
const doneOf = (count) => message('C', Buffer.from(`SELECT ${count}\0`));

/** The type and the body of each message that a client sends: it sends them whole. */
function* messagesOf(data) {
  for (let at = 0; at < data.length; ) {
    const end = at + 1 + data.readInt32BE(at + 1);
    yield [String.fromCharCode(data[at]), data.subarray(at + 5, end)];
    at = end;
  }
}

/** A query, or a portal of which some rows at a time are asked for, as a cursor does. */
function answerer() {
  let left = 0;
  const answers = {
    Q(body) {
      const count = body.includes('limit') ? FEW_ROWS : ROWS;
      return [COLUMNS, ...rowsOf(count), doneOf(count), READY];
    },
    P: () => [message('1')],
    B() {
      left = ROWS;
      return [message('2')];
    },
    D: () => [COLUMNS],
    E(body) {
      const most = body.readInt32BE(body.indexOf(0) + 1) || left;
      const count = Math.min(most, left);
      left -= count;
      return [...rowsOf(count), left > 0 ? message('s') : doneOf(ROWS)];
    },
    C: () => [message('3')],
    S: () => [READY],
  };
  return ([type, body]) => answers[type]?.(body) ?? [];
}

function database() {
  return net.createServer((socket) => {
    const answer = answerer();
    let hasBegun = false;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const all = hasBegun
        ? [...messagesOf(data)].flatMap(answer)
        : [message('R', int(4, 0)), READY];
      hasBegun = true;
      if (all.length > 0) socket.write(Buffer.concat(all));
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
