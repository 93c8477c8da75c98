'use strict';
// tier: run-time

// What becomes of requests when the arenas' maxBytes are in use: heap Buffers up to maxHeapBytes, or a typed error with a
// status.

const test = require('ava');
const net = require('node:net');
const { Exchange, beginRouted } = require('../helpers/exchange.js');
const { serve } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { RallocError, requestArena } = require('../../lib/index.js');
const { Budget } = require('../../lib/memory/budget.js');
const { HeapShare } = require('../../lib/request/heap-share.js');

const KiB = 1024;
const MiB = 1024 * KiB;

/** Throws what it should, and gives what a test may compare. */
function refused(t, act, status, option) {
  const error = t.throws(act, { instanceOf: RallocError, code: 'ERR_RALLOC_LIMIT' });
  t.deepEqual([error.status, error.statusCode, error.option], [status, status, option]);
  return error;
}

/** A middleware whose arenas have `KiB` each of `full` requests, and are full. */
function full(options) {
  const arenas = requestArena({ maxBytes: 64 * KiB, maxBytesPerRequest: 64 * KiB, ...options });
  const first = new Exchange();
  first.begin(arenas).allocUnsafe(64 * KiB);
  const begin = () => {
    const exchange = new Exchange();
    return { exchange, arena: exchange.begin(arenas) };
  };
  return { arenas, first, begin };
}

test('the heap serves up to maxHeapBytes of all requests in flight, and then refuses with 503', async (t) => {
  const { arenas, begin } = full({ maxHeapBytes: 100 * KiB });
  const [second, third] = [begin(), begin()];
  second.arena.allocUnsafe(60 * KiB);
  third.arena.allocUnsafe(40 * KiB);
  const error = refused(t, () => third.arena.alloc(1), 503, 'maxHeapBytes');
  t.regex(error.message, /^1 bytes do not fit: 102400 of 102400 bytes are taken \(on the heap/);
  t.deepEqual([error.requested, error.limit, error.used], [1, 100 * KiB, 100 * KiB]);
  t.deepEqual(arenas.stats().heap, { limit: 100 * KiB, used: 100 * KiB, peak: 100 * KiB });
  t.like(arenas.stats(), { heapRequests: 2, heapBuffers: 2, heapBytes: 100 * KiB, refused: 1 });
  await second.exchange.finish();
  t.is(arenas.stats().heap.used, 40 * KiB);
  third.arena.alloc(10 * KiB);
  t.is(arenas.stats().heap.peak, 100 * KiB);
  await third.exchange.close();
  t.is(arenas.stats().heap.used, 0);
});

test('reset, rewind and the end of a scope give the share of the heap back', (t) => {
  const { arenas, begin } = full({ maxHeapBytes: 10 * KiB });
  const { arena } = begin();
  const used = () => arenas.stats().heap.used;
  arena.alloc(KiB);
  const mark = arena.checkpoint();
  arena.alloc(2 * KiB);
  arena.scope((scope) => {
    scope.alloc(3 * KiB);
    t.is(used(), 6 * KiB);
  });
  t.is(used(), 3 * KiB);
  arena.rewind(mark);
  t.is(used(), KiB);
  arena.reset();
  t.is(used(), 0);
});

test('what a handler allocates after its response does not count, and is bounded by its own limit', async (t) => {
  const { arenas, begin } = full({ maxHeapBytes: 10 * KiB });
  const { exchange, arena } = begin();
  arena.alloc(10 * KiB);
  await exchange.close();
  arena.alloc(60 * KiB);
  t.is(arenas.stats().heap.used, 0);
  refused(t, () => arena.alloc(5 * KiB), 413, 'maxBytesPerRequest');
  arena.reset();
  t.is(arenas.stats().heap.used, 0, 'nor is it given back');
  begin().arena.alloc(10 * KiB);
});

test('maxHeapBytes is a quarter of maxBytes, and what one request may have', (t) => {
  const limit = (options) => requestArena(options).stats().heap.limit;
  t.is(limit({ maxBytes: 256 * MiB }), 64 * MiB);
  t.is(limit({ maxBytes: 32 * MiB, maxBytesPerRequest: 16 * MiB }), 16 * MiB);
  t.is(limit({ maxHeapBytes: 0 }), 0);
});

test('requests that began before the guard have their share of the heap, and count', (t) => {
  const budget = (option, limit, parent) =>
    new Budget({ option, of: 'request arenas', name: '', status: 503 }, limit, parent);
  const share = new HeapShare(budget('maxHeapBytes', 100), budget('maxBytes', 1000));
  const early = budget('maxBytesPerRequest', 2000, share.unguarded);
  const usual = budget('maxBytesPerRequest', 2000, share.budget);
  share.alloc(early, 300, false, false);
  share.alloc(usual, 50, false, false);
  t.deepEqual(share.stats(), { limit: 100, used: 350, peak: 350 });
  refused(t, () => share.alloc(early, 701, false, false), 503, 'maxBytes');
  refused(t, () => share.alloc(usual, 51, false, false), 503, 'maxHeapBytes');
  t.deepEqual([early.used, usual.used, share.counts().refused], [300, 50, 2]);
  share.alloc(usual, 50, false, false);
  t.deepEqual(share.stats(), { limit: 100, used: 400, peak: 400 });
});

test("with onOverflow: 'error' no request is served from the heap", async (t) => {
  const { arenas, first, begin } = full({ onOverflow: 'error' });
  const { arena } = begin();
  for (const act of [
    () => arena.alloc(1),
    () => arena.allocUnsafe(1),
    () => arena.from('text'),
    () => arena.scope((scope) => scope.alloc(1)),
  ]) {
    refused(t, act, 503, 'maxBytes');
  }
  refused(t, () => arena.alloc(65 * KiB), 413, 'maxBytesPerRequest');
  t.like(arenas.stats(), { heapRequests: 0, heapBuffers: 0, refused: 4 });
  await first.finish();
  t.true(arena.owns(arena.alloc(1)), 'the same request goes on in the arenas');
});

test("with onOverflow: 'error' too much in quarantine is an error too, and after close() the heap serves", async (t) => {
  const arenas = requestArena({ maxQuarantineBytes: 0, onOverflow: 'error' });
  const begin = () => new Exchange().begin(arenas);
  const aborted = new Exchange();
  const buffer = aborted.begin(arenas).alloc(10);
  await aborted.close();
  const error = refused(t, () => begin().alloc(1), 503, 'maxQuarantineBytes');
  t.regex(error.message, /waiting for a garbage collection/);
  t.like(arenas.stats(), { heapRequests: 0, refused: 1 });
  arenas.close();
  t.is(begin().alloc(1).length, 1);
  t.like(arenas.stats(), { heapRequests: 1, heapBuffers: 1 });
  t.is(buffer.length, 10);
});

const SOCKETS = 60;
const BODY = 8 * MiB;

/** Sixty sockets, each with the head of a POST of 8 MiB, and never its body: what the server has of it then. */
async function headsOnly(t, options) {
  const statuses = [];
  const handler = async (req, res) => {
    let body;
    try {
      body = req.arena.allocUnsafe(Number(req.headers['content-length']));
      statuses.push(200);
    } catch (error) {
      t.is(error.code, 'ERR_RALLOC_LIMIT');
      statuses.push(error.status);
      res.writeHead(error.status).end();
      return;
    }
    let length = 0;
    for await (const part of req) length += part.copy(body, length);
  };
  const quiet = (req, res) => handler(req, res).catch(() => res.destroy()); // the client goes away
  const server = await serve(t, 'node:http', quiet, { maxBytes: 256 * MiB, ...options });
  const sockets = Array.from({ length: SOCKETS }, () => net.connect(server.port, '127.0.0.1'));
  // From the first on: a server ends a connection that rests for five seconds after its answer.
  const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.resume();
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY}\r\n\r\n`);
  }
  await until(() => statuses.length === SOCKETS);
  const stats = server.arenas.stats();
  for (const socket of sockets) socket.destroy();
  await Promise.all(closed);
  await until(() => server.arenas.stats().inFlight === 0);
  const count = (status) => statuses.filter((one) => one === status).length;
  return { served: count(200), refused: count(503), stats, after: server.arenas.stats() };
}

test('sixty sockets with heads alone get the arenas and the share of the heap, and the rest are told 503', async (t) => {
  const { served, refused: told, stats, after } = await headsOnly(t);
  t.is(stats.memory.used, 256 * MiB);
  t.deepEqual(stats.heap, { limit: 64 * MiB, used: 64 * MiB, peak: 64 * MiB });
  t.deepEqual([served, told, stats.refused], [40, 20, 20]);
  t.is(after.heap.used, 0);
  t.is(after.memory.leased, 0);
});

test("sixty sockets with heads alone, with onOverflow: 'error', get the arenas alone", async (t) => {
  const { served, refused: told, stats, after } = await headsOnly(t, { onOverflow: 'error' });
  t.is(stats.memory.used, 256 * MiB);
  t.deepEqual([served, told, stats.refused], [32, 28, 28]);
  t.like(stats, { heapBuffers: 0, heap: { used: 0, peak: 0 } });
  t.is(after.memory.leased, 0);
});

test('with wipe, of all or of the route, heap Buffers share no ArrayBuffer with others, also after the response', async (t) => {
  for (const [base, route] of [
    [{ wipe: true }, {}],
    [{}, { wipe: true }],
  ]) {
    const arenas = requestArena({ ...base, maxBytes: 64 * KiB });
    new Exchange().begin(arenas).alloc(64 * KiB);
    const { exchange, arena, toRoute } = beginRouted(arenas);
    toRoute(arenas.route(route));
    const buffers = [arena.allocUnsafe(100), arena.from('key')];
    t.is(arenas.stats().heapBuffers, 2);
    await exchange.finish();
    buffers.push(arena.allocUnsafe(100));
    t.is(arenas.stats().lateBuffers, 1);
    for (const { buffer, length } of buffers) t.is(buffer.byteLength, length);
  }
});
