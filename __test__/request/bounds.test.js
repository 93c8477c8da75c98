'use strict';
// tier: run-time

// What happens at the bounds of a middleware: which request is the first on the heap, what is counted, and when
// a collection is asked for. Requests have no server here, so that nothing else allocates.

const test = require('ava');
const gc = require('../../lib/memory/gc.js');
const { ChunkSize } = require('../../lib/request/chunk-size.js');
const { isNative } = require('../helpers/backend.js');
const { isZero } = require('../helpers/bytes.js');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');

const KiB = 1024;

/** A middleware of a fresh ralloc; `asked` are the collections that it asked for, `warned` its warnings. */
function middleware(options) {
  const asked = [];
  const warned = [];
  const recorded = [];
  const { requestArena } = fresh('express.js', {
    'memory/gc.js': { ...gc, requestGc: (what) => asked.push(what) },
    'base/warnings.js': { warnOnce: (code) => warned.push(code) },
    'request/chunk-size.js': {
      ChunkSize: class extends ChunkSize {
        record(...given) {
          recorded.push(given);
        }
      },
    },
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
  return { arenas, asked, warned, recorded, begin, abort, heapRequests, kept };
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

test('with a bound of 0 nothing may be in quarantine', async (t) => {
  const env = middleware({ maxQuarantineBytes: 0 });
  env.begin(10);
  t.is(env.heapRequests(), 0);
  await env.abort(10);
  env.begin(10);
  t.is(env.heapRequests(), 1);
  t.is(env.kept.length, 1);
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

test('a reset gives the room of heap Buffers back, each once', (t) => {
  const { begin } = middleware({ maxBytes: 64 * KiB });
  begin(64 * KiB);
  const { arena } = begin();
  const limit = { code: 'ERR_RALLOC_LIMIT' };
  for (let round = 0; round < 3; round++) {
    arena.alloc(40 * KiB);
    arena.alloc(24 * KiB);
    t.throws(() => arena.alloc(1), limit);
    arena.reset();
    arena.reset();
  }
  t.throws(() => arena.alloc(64 * KiB + 1), limit);
  t.is(arena.alloc(64 * KiB).length, 64 * KiB);
});

test('windows count toward maxBytesPerRequest, and a reset or a scope gives them back', (t) => {
  const { begin } = middleware({ maxBytesPerRequest: 256 * KiB });
  const { arena } = begin();
  for (let round = 0; round < 3; round++) {
    arena.alloc(100 * KiB);
    for (let i = 0; i < 3; i++) arena.scope((scope) => scope.alloc(100 * KiB).length);
    arena.alloc(100 * KiB);
    const error = t.throws(() => arena.alloc(100 * KiB), { code: 'ERR_RALLOC_LIMIT' });
    t.is(error.option, 'maxBytesPerRequest');
    t.is(error.limit, 256 * KiB);
    arena.reset();
  }
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

test('chunks learn what a request had allocated, and how many were in flight with it', async (t) => {
  const { begin, recorded } = middleware({});
  const requests = [10, 200 * KiB, undefined].map(begin);
  await requests[1].exchange.finish();
  await requests[2].exchange.finish();
  await requests[0].exchange.close();
  t.deepEqual(recorded, [
    [200 * KiB, 3],
    [16, 1],
  ]);
});

test('close() waits for those with arena memory, however many on the heap end before', async (t) => {
  const { arenas, begin } = middleware({});
  const first = begin(10);
  let closed = false;
  const closing = arenas.close().then(() => {
    closed = true;
  });
  const later = [1, 2, 3].map(() => begin(10));
  for (const { exchange } of later) await exchange.finish();
  t.false(closed);
  t.is(first.buffer.length, 10);
  await first.exchange.finish();
  await closing;
  t.true(closed);
  t.is(arenas.stats().memory.warm, 0, 'nothing is kept');
});
