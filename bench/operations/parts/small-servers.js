'use strict';

// For small.js: servers of Express 5 that differ only in who reads their small bodies. `node
// small-servers.js NAME` starts one that answers calls; `node small-servers.js NAME SIZE COUNT
// ROUNDS` has COUNT requests sent in each round, between two calls of process.umask(), for
// bench/instructions.js.

const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const { peakRss } = require('../../../tools/compare/meter.js');
const { Child, answerCalls } = require('../../method/child.js');

const passOn = (_req, _res, next) => next();
const ralloc = () => require('../../../lib/express.js');

/** The whole body on the heap, in the fewest lines. */
function collect(req, _res, next) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('error', next);
  req.on('end', () => {
    req.body = Buffer.concat(chunks);
    next();
  });
}

/** The same within a handler. */
const collected = (req) =>
  new Promise((resolve, reject) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('error', reject);
    req.on('end', () => resolve(Buffer.concat(chunks)));
  });

const raw = () => require('express').raw({ limit: '2mb', type: () => true });
const rawBody = () => ralloc().rawBody({ limit: '2mb', type: () => true });
const limit = 2 ** 21;

const answer = (req, res) => res.end(`${req.body?.length}`);

/** Name → [its middlewares, its handler]. */
const SERVERS = {
  hello: () => [answer],
  'hello, an empty middleware': () => [passOn, answer],
  'hello, requestArena()': () => [ralloc().requestArena(), answer],
  'hello, requestArena({ context: true })': () => [
    ralloc().requestArena({ context: true }),
    answer,
  ],
  'express.raw()': () => [raw(), answer],
  'express.raw(), an empty middleware': () => [passOn, raw(), answer],
  'express.raw(), requestArena()': () => [ralloc().requestArena(), raw(), answer],
  'rawBody()': () => [ralloc().requestArena(), rawBody(), answer],
  'by hand': () => [collect, answer],
  'in the handler, by hand': () => [
    passOn,
    async (req, res) => res.end(`${(await collected(req)).length}`),
  ],
  'in the handler, arena.body()': () => [
    ralloc().requestArena(),
    async (req, res) => res.end(`${(await req.arena.body({ limit })).length}`),
  ],
};

async function listen(name) {
  const app = require('express')();
  app.use(...SERVERS[name]());
  const server = http.createServer(app);
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

/** So long V8 goes on to compile; of large bodies there are fewer, since they take long. */
const warmUp = (size) => Math.max(2000, Math.min(15_000, Math.floor(2 ** 30 / Math.max(size, 1))));

/**
 * Makes the connection old. Otherwise it is so only if the server has allocated 128 MB by the end
 * of the warm-up, and write barriers take 400 instructions of a request.
 */
function makeOld() {
  for (let i = 0; i < 2; i++) globalThis.gc({ type: 'minor' });
}

async function count(name, size, requests, rounds) {
  const port = await listen(name);
  const client = new Child(path.join(__dirname, 'small-client.js'), [size, 1]);
  await client.call('connect', { name, port });
  const send = (n) => client.call('closedLoop', { name, requests: n }, 600_000);
  makeOld();
  await send(warmUp(size));
  for (let round = 0; round < rounds; round++) {
    process.umask();
    await send(requests);
    process.umask();
  }
  process.exit(0);
}

function serve(name) {
  let before;
  answerCalls({
    listen: () => listen(name),
    begin() {
      before = process.cpuUsage();
    },
    end() {
      const { user, system } = process.cpuUsage(before);
      return { cpuUs: user + system, rss: peakRss() };
    },
  });
}

module.exports = { SERVERS };

if (require.main === module) {
  const [name, size, ...counts] = process.argv.slice(2);
  if (size === undefined) serve(name);
  else count(name, size, ...counts.map(Number));
}
