'use strict';
// tier: run-time

// What happens at the bounds of a middleware. When its maxBytes are in use, or too much is in quarantine, requests have heap Buffers up to maxHeapBytes,
// or a typed error with a status. Most requests have no server here, so that nothing else allocates.

const test = require('ava');
const gc = require('../../lib/memory/gc.js');
const { isNative } = require('../helpers/backend.js');
const { isZero } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { fresh } = require('../helpers/fresh.js');
const { Exchange, beginRouted } = require('../helpers/exchange.js');
const { assertSettled, serve } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { RallocError, requestArena } = require('../../lib/index.js');

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

test('sixty sockets with heads alone get the arenas and the share of the heap, and the rest are told 503', async (t) => {
  const SOCKETS = 60;
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
  const { arenas, port } = await serve(t, 'node:http', quiet, { maxBytes: 256 * MiB });
  const clients = await Promise.all(Array.from({ length: SOCKETS }, () => Client.connect(port)));
  for (const client of clients)
    client.send('/', { method: 'POST', headers: { 'Content-Length': 8 * MiB } });
  await until(() => statuses.length === SOCKETS);
  const { heap, memory, refused } = arenas.stats();
  t.is(memory.used, 256 * MiB);
  t.deepEqual(heap, { limit: 64 * MiB, used: 64 * MiB, peak: 64 * MiB });
  const count = (status) => statuses.filter((one) => one === status).length;
  t.deepEqual([count(200), count(503), refused], [40, 20, 20]);
  for (const client of clients) await client.destroy();
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().heap.used, 0);
  assertSettled(t, arenas);
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

test('wipe: the next request finds zeroes where the last one wrote', async (t) => {
  const found = {};
  for (const wipe of [true, false]) {
    const arenas = requestArena({ wipe });
    found[wipe] = [];
    for (let i = 0; i < 4; i++) {
      const exchange = new Exchange();
      const buffer = exchange.begin(arenas).allocUnsafe(60_000);
      found[wipe].push(isZero(buffer));
      buffer.fill('s');
      await exchange.finish();
    }
  }
  t.deepEqual(found.true, [true, true, true, true]);
  t.deepEqual(
    found.false.slice(1),
    [false, false, false],
    'whose memory it was first is not known',
  );
});

// Which request is the first on the heap, what is counted, and when a collection is asked for.

/** A middleware of a fresh ralloc; `asked` are the collections that it asked for, `warned` its warnings. */
function middleware(options) {
  const asked = [];
  const warned = [];
  const { requestArena } = fresh('express.js', {
    'memory/gc.js': { ...gc, requestGc: (what) => asked.push(what) },
    'base/warnings.js': { warnOnce: (code) => warned.push(code) },
  });
  const arenas = requestArena(options);
  /** Begins a request and allocates in it. */
  const begin = (bytes) => {
    const exchange = new Exchange();
    const arena = exchange.begin(arenas);
    const buffer = bytes === undefined ? undefined : arena.alloc(bytes);
    return { exchange, arena, buffer };
  };
  const kept = [];
  /** Leaves `bytes` in quarantine. */
  const abort = async (bytes) => {
    const { exchange, buffer } = begin(bytes);
    kept.push(buffer);
    await exchange.close();
  };
  const heapRequests = () => arenas.stats().heapRequests;
  return { arenas, asked, warned, begin, abort, heapRequests, kept };
}

const ONE_COLLECTION = [{ full: false, major: !isNative, urgent: false }];

test('up to maxQuarantineBytes requests have arena memory, one byte above not', async (t) => {
  const env = middleware({ maxQuarantineBytes: 128 * KiB });
  await env.abort(10);
  await env.abort(10);
  t.is(env.arenas.stats().memory.quarantined, 128 * KiB);
  const { arena, buffer } = env.begin(10);
  t.true(arena.owns(buffer));
  t.deepEqual([env.heapRequests(), env.asked, env.warned], [0, [], []]);

  await env.abort(10);
  const { arena: second, buffer: onHeap } = env.begin(10);
  t.false(second.owns(onHeap));
  t.is(env.heapRequests(), 1);
  t.deepEqual(env.asked, ONE_COLLECTION);
  t.deepEqual(env.warned, ['RALLOC_QUARANTINE_HIGH']);
  t.is(env.kept.length, 3);
});

test('at maxBytes a request is served from the heap, to its end, and told of once', async (t) => {
  const { arenas, begin, asked, warned, heapRequests } = middleware({ maxBytes: 64 * KiB });
  const first = begin(64 * KiB);
  const second = begin();
  t.is(heapRequests(), 0, 'it asked for nothing yet');
  const buffers = [1, 2, 3].map(() => second.arena.alloc(100));
  t.true(buffers.every((buffer) => !second.arena.owns(buffer)));
  t.is(heapRequests(), 1);
  t.deepEqual(warned, ['RALLOC_HEAP_FALLBACK']);
  t.deepEqual(asked, [], 'a collection would not help');
  const { heapBuffers, heapBytes } = arenas.stats();
  t.deepEqual([heapBuffers, heapBytes], [3, 300]);
  await first.exchange.finish();
  t.false(second.arena.owns(second.arena.alloc(100)), 'although there is memory again');
  const third = begin(100);
  t.true(third.arena.owns(third.buffer));
});

test('where memory is in quarantine a collection is asked for at maxBytes', async (t) => {
  const env = middleware({ maxBytes: 64 * KiB, maxQuarantineBytes: 64 * KiB });
  await env.abort(10);
  t.deepEqual(env.asked, []);
  const { arena, buffer } = env.begin(10);
  t.false(arena.owns(buffer));
  t.deepEqual(env.asked, ONE_COLLECTION);
  t.is(env.kept.length, 1);
});

/** Calls `act` while what Buffer.allocUnsafe gives is never zero by chance. */
function withDirtyHeap(act) {
  const { allocUnsafe } = Buffer;
  Buffer.allocUnsafe = (size) => allocUnsafe(size).fill(0xff);
  try {
    return act();
  } finally {
    Buffer.allocUnsafe = allocUnsafe;
  }
}

test('on the heap and after the response alloc is zero-filled too', async (t) => {
  const { begin } = middleware({ maxBytes: 64 * KiB });
  begin(64 * KiB);
  const { exchange, arena } = begin();
  const allocate = () => withDirtyHeap(() => [arena.alloc(1000), arena.allocUnsafe(1000)]);
  t.deepEqual(allocate().map(isZero), [true, false]);
  await exchange.finish();
  t.deepEqual(allocate().map(isZero), [true, false]);
});
