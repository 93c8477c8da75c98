'use strict';

// A worker: answers GET with a file, compressed, and PURGE by making all workers forget it.

const { readFile } = require('node:fs/promises');
const http = require('node:http');
const { join } = require('node:path');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { Slab } = require('ralloc');
const { answer, refuse } = require('../shared/answer.js');
const { Leases } = require('./leases.js');

const SLAB_FD = 4; // after stdin, stdout, stderr and the channel for messages
const TIMEOUT_MS = 30_000; // for a client to take any of its answer
const MOST_WAITING = 1000; // answers of the primary; each is of another file
const PATH = /^\/([\w-][\w.-]{0,254})$/; // of one folder, without hidden files

const { dir, host, port, leaseMs } = JSON.parse(process.argv[2]);
const gzip = promisify(zlib.gzip);
const slab = Slab.open(SLAB_FD);
// Where the primary has gone, node:cluster ends this process.
const post = (message) => process.send(message, () => {});
const leases = new Leases({ slab, post, encode, leaseMs });

async function encode(name) {
  try {
    return await gzip(await readFile(join(dir, name)));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') error.status = 404;
    else console.error(error);
    throw error;
  }
}

async function serve(req, res) {
  const [, name] = PATH.exec(req.url) ?? [];
  if (name === undefined) return refuse(res, 404, 'not found');
  if (req.method === 'PURGE') {
    await leases.purge(name);
    res.writeHead(204).end();
    return;
  }
  if (req.method !== 'GET') return refuse(res, 405, 'GET it', { allow: 'GET, PURGE' });
  if (!/\bgzip\b/.test(req.headers['accept-encoding'])) return refuse(res, 406, 'it is gzip');
  if (leases.waiting >= MOST_WAITING) {
    return refuse(res, 503, 'too much at once', { 'retry-after': 1 });
  }
  const { status, bytes, from, done } = await leases.get(name);
  if (status !== undefined) return refuse(res, status, http.STATUS_CODES[status].toLowerCase());
  const headers = {
    'content-type': 'application/octet-stream',
    'content-encoding': 'gzip',
    vary: 'accept-encoding',
    'x-cache': from,
    'x-served-by': process.pid,
    connection: server.listening ? 'keep-alive' : 'close',
  };
  answer(res, 200, headers, bytes, done);
}

const server = http.createServer(serve);
server.setTimeout(TIMEOUT_MS);
server.listen(port, host);

/** Answers what was begun, and ends. */
function stop() {
  server.close(() => {
    leases.close();
    slab.close(); // throws if a Buffer were left
    process.disconnect();
  });
  server.closeIdleConnections();
}

process.on('message', (message) => {
  if (message.what === 'stop') stop();
  else leases.hear(message);
});
process.on('SIGINT', () => {}); // Ctrl-C reaches the group: the primary says when it is over
