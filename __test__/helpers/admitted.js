'use strict';

// A server of node:http behind admission(), over real sockets. Its clock stands still until the test moves it.

const http = require('node:http');
const { Budget, admission } = require('ralloc');
const time = require('../../lib/base/time.js');
const { Client } = require('./client.js');
const { Clock } = require('./clock.js');
const { listen } = require('./server.js');
const { until } = require('./until.js');
const { writeChunk } = require('./uploads.js');

/** Reads all, and answers with its length. */
async function collect(req, res) {
  const parts = await req.toArray();
  res.end(`${Buffer.concat(parts).length}`);
}

/** `handler(req, res)` may reject where its request is cut off. */
async function serveAdmitted(t, options = {}, handler = collect, createServer = http.createServer) {
  const { maxBytes = 1_000_000, wait = false, ...rest } = options;
  const clock = new Clock();
  const budget = rest.budget ?? new Budget({ name: 'server', maxBytes });
  const admit = admission({ budget, wait, ...rest });
  const failures = [];
  const listener = admit.wrap((req, res) => {
    const answer = async () => handler(req, res);
    answer().catch((error) => failures.push(error));
  });
  const server = createServer((req, res) => clock.use(() => listener(req, res)));
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const port = await listen(server);
  /** Nothing is charged, waits or is looked at. */
  const settled = async () => {
    await until(() => budget.used === 0 && admit.stats().open === 0);
    const { charges, waiting } = budget.stats();
    t.deepEqual({ charges, waiting }, { charges: 0, waiting: 0 });
    t.like(admit.stats(), { waiting: 0, keys: 0 });
  };
  /** Resolves once so many requests wait. */
  const waits = (count) => until(() => admit.stats().waiting === count);
  const connect = () => Client.connect(port);
  return { admit, budget, clock, connect, failures, port, server, settled, waits };
}

const posted = (bytes) => ({ method: 'POST', body: Buffer.alloc(bytes, 7) });
const announced = (bytes) => ({ method: 'POST', headers: { 'Content-Length': bytes } });

const chunked = { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } };

/** From now on no timer of the library falls due. */
function withoutTimers(t) {
  const { setTimeout } = time;
  t.teardown(() => Object.assign(time, { setTimeout }));
  time.setTimeout = () => ({ unref() {} });
}

const endChunks = ({ socket }) => socket.write('0\r\n\r\n');

/** Sends a body without a length, of `count` chunks; `isWhole`: to its end. */
function sendChunks(client, count, bytes, isWhole = true, path = '/') {
  client.send(path, chunked);
  for (let i = 0; i < count; i++) writeChunk(client, Buffer.alloc(bytes));
  if (isWhole) endChunks(client);
}

module.exports = {
  announced,
  chunked,
  collect,
  endChunks,
  posted,
  sendChunks,
  serveAdmitted,
  withoutTimers,
  writeChunk,
};
