'use strict';
// tier: run-time, differs by Node

// A request that resets its arena while its own response is being sent: what was written to the response is in its
// socket's queue, or in that of a compressor, until the reader has taken it.

const test = require('ava');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { once } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const zlib = require('node:zlib');
const compression = require('compression');
const { sameBytes } = require('../../helpers/bytes.js');
const { requestArena } = require('../../../lib/index.js');
const { certificate } = require('../../helpers/certificate.js');
const { listener, serveOnly, assertSettled } = require('../../helpers/server.js');
const { letGo, until } = require('../../helpers/until.js');

const PARTS = 120; // more than a socket takes at once
const SIZE = 40_000;

const fill = (buffer, i) => buffer.fill(String.fromCharCode(65 + (i % 26)));
const whole = Buffer.concat(Array.from({ length: PARTS }, (_, i) => fill(Buffer.alloc(SIZE), i)));

const drained = (res) => once(res, 'drain', { close: ['close'] });

/** How a part is made and written, and its memory given up. */
const ways = {
  'a reset after each write, waiting for drain': async (arena, res, i) => {
    if (!res.write(fill(arena.allocUnsafe(SIZE), i))) await drained(res);
    arena.reset();
  },
  'a reset after each write': async (arena, res, i) => {
    res.write(fill(arena.allocUnsafe(SIZE), i));
    arena.reset();
  },
  'a scope for each part': (arena, res, i) =>
    arena.scope(async (child) => {
      if (!res.write(fill(child.allocUnsafe(SIZE), i))) await drained(res);
    }),
  'a scope within a scope': (arena, res, i) =>
    arena.scope((child) => {
      child.allocUnsafe(100);
      child.scope((inner) => {
        res.write(fill(inner.allocUnsafe(SIZE), i));
      });
    }),
  'a rewind after each part': async (arena, res, i) => {
    const checkpoint = arena.checkpoint();
    if (!res.write(fill(arena.allocUnsafe(SIZE), i))) await drained(res);
    arena.rewind(checkpoint);
  },
};

const handle = (way) => async (req, res) => {
  res.setHeader('content-type', 'text/plain');
  for (let i = 0; i < PARTS; i++) await ways[way](req.arena, res, i);
  res.end();
};

const servers = {
  http: (handler) => http.createServer(handler),
  https: (handler) => https.createServer(certificate(), handler),
  'HTTP/2': (handler) => http2.createServer(handler),
};

/** The response, as a stream. */
async function ask(t, protocol, port, headers) {
  if (protocol === 'HTTP/2') {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    return session.request({ ':path': '/', ...headers });
  }
  const client = protocol === 'https' ? https : http;
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, agent: false, headers };
  const request = client.get(options);
  const [response] = await once(request, 'response');
  return response;
}

/** What a reader that is slow gets. */
async function read(response) {
  const parts = [];
  for await (const part of response) {
    parts.push(part);
    await turn();
  }
  return Buffer.concat(parts);
}

async function answer(t, { protocol = 'http', kind = 'node:http', way, before = [], headers }) {
  const arenas = requestArena();
  const server = servers[protocol](listener(kind, [...before, arenas], handle(way)));
  const port = await serveOnly(t, server);
  const body = await read(await ask(t, protocol, port, headers));
  return { arenas, body };
}

async function assertOver(t, arenas) {
  await until(() => arenas.stats().inFlight === 0);
  await letGo(arenas);
  t.is(arenas.stats().finished, 1);
  assertSettled(t, arenas);
}

for (const protocol of Object.keys(servers)) {
  for (const way of Object.keys(ways)) {
    test.serial(`${protocol}: ${way}`, async (t) => {
      const { arenas, body } = await answer(t, { protocol, way });
      sameBytes(t, body, whole);
      await assertOver(t, arenas);
    });
  }
}

for (const kind of ['express 4', 'express 5']) {
  for (const way of Object.keys(ways)) {
    test.serial(`${kind} and compression: ${way}`, async (t) => {
      const before = [compression({ threshold: 0, level: 1 })];
      const headers = { 'accept-encoding': 'gzip' };
      const { arenas, body } = await answer(t, { kind, way, before, headers });
      sameBytes(t, zlib.gunzipSync(body), whole);
      await assertOver(t, arenas);
    });
  }
}

test.serial('a reader that goes away in the midst leaves nothing held', async (t) => {
  const arenas = requestArena();
  const way = 'a reset after each write';
  const port = await serveOnly(t, listener('node:http', [arenas], handle(way)));
  const response = await ask(t, 'http', port);
  await once(response, 'readable');
  t.true(arenas.stats().memory.held > 0);
  response.destroy();
  await until(() => arenas.stats().inFlight === 0);
  await letGo(arenas);
  assertSettled(t, arenas);
});
