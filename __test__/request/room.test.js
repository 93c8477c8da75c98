'use strict';
// tier: run-time

// The room of one request, and what its scopes may do, without a server.

const test = require('ava');
const { Exchange } = require('../helpers/exchange.js');
const { stamp, sameStamp } = require('../helpers/bytes.js');
const { RallocError, requestArena } = require('../../lib/index.js');

const KiB = 1024;

function begin(options) {
  const arenas = requestArena(options);
  const exchange = new Exchange();
  return { arenas, exchange, arena: exchange.begin(arenas) };
}

test('what is more than maxBytesPerRequest is a typed error that names the option, and what fits still fits', (t) => {
  const { arenas, arena } = begin({ maxBytesPerRequest: 1024 * KiB });
  const first = arena.allocUnsafe(1000 * KiB);
  const tooMuch = { instanceOf: RallocError, code: 'ERR_RALLOC_LIMIT' };
  for (const method of ['alloc', 'allocUnsafe']) {
    const error = t.throws(() => arena[method](24 * KiB + 1), tooMuch);
    const { requested, limit, option, used } = error;
    t.deepEqual(
      { requested, limit, option, used },
      {
        requested: 24 * KiB + 1,
        limit: 1024 * KiB,
        option: 'maxBytesPerRequest',
        used: 1000 * KiB,
      },
    );
    t.true(error.message.includes('"maxBytesPerRequest"'));
  }
  t.throws(() => arena.concat([first, first]), tooMuch);
  t.throws(() => arena.reserve(2048 * KiB), tooMuch);
  t.throws(() => arena.scope((scope) => scope.alloc(25 * KiB)), tooMuch);
  t.is(arena.allocUnsafe(24 * KiB).length, 24 * KiB);
  arena.reset();
  t.is(arena.allocUnsafe(1024 * KiB).length, 1024 * KiB);
  t.is(arenas.stats().heapRequests, 0);
});

test('no more memory is taken than a request may hand out', (t) => {
  const { arenas, arena } = begin({ maxBytesPerRequest: 20 * KiB });
  arena.alloc(10);
  t.is(arenas.stats().memory.used, 20 * KiB);
  t.throws(() => arena.alloc(20 * KiB), { code: 'ERR_RALLOC_LIMIT' });
  t.is(arenas.stats().memory.used, 20 * KiB);
});

test('the empty window that a reset leaves takes no room', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 256 * KiB });
  for (const size of [10, 256, 10, 200, 256]) {
    t.is(arena.alloc(size * KiB).length, size * KiB);
    arena.reset();
  }
  t.is(
    arena.scope((scope) => scope.alloc(256 * KiB).length),
    256 * KiB,
    'nor from scopes',
  );
});

test('a scope of a request can be closed, and its arena not', (t) => {
  const { arena } = begin();
  const length = arena.scope((scope) => {
    const buffer = scope.alloc(10);
    scope.close();
    return buffer.length;
  });
  t.is(length, 0);
  t.throws(() => arena.close(), {
    code: 'ERR_RALLOC_UNSUPPORTED',
    message: "A request's arena is closed by its response. reset() releases its memory before that",
  });
  t.is(arena.alloc(10).length, 10);
});

for (const [end, what] of [
  ['close', 'stay when its request is aborted'],
  ['finish', 'die with a request that is finished'],
]) {
  test(`Buffers of a scope at work ${what}`, async (t) => {
    const { arenas, exchange, arena } = begin();
    let buffer;
    arena.scope((scope) => {
      buffer = stamp(scope.alloc(1000), 1);
      return new Promise(() => {});
    });
    await exchange[end]();
    if (end === 'close') sameStamp(t, buffer, 1);
    else t.is(buffer.length, 0);
    t.is(arenas.stats().memory.quarantined > 0, end === 'close');
  });
}

test('chunks grow by what scopes had that were open when their requests ended', async (t) => {
  const arenas = requestArena();
  for (let i = 0; i < 200; i++) {
    const exchange = new Exchange();
    exchange.begin(arenas).scope((scope) => {
      scope.alloc(200 * KiB);
      return new Promise(() => {});
    });
    await exchange.finish();
  }
  t.is(arenas.stats().chunkSize, 256 * KiB);
});

test('scopes take no more room for what earlier requests left warm', async (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 4096 * KiB });
  const request = async (count, size) => {
    const exchange = new Exchange();
    const arena = exchange.begin(arenas);
    const open = [];
    for (let i = 0; i < count; i++) {
      arena.scope((scope) => {
        scope.alloc(size);
        return new Promise((resolve) => open.push(resolve));
      });
    }
    await exchange.finish();
  };
  await request(200, 10);
  await request(5, 700 * KiB);
  await t.notThrowsAsync(request(200, 10));
  // The same in one request.
  const arena = new Exchange().begin(arenas);
  for (let i = 0; i < 5; i++) arena.scope((scope) => scope.alloc(700 * KiB).length);
  const lengths = [];
  const nest = (outer, depth) =>
    outer.scope((scope) => {
      lengths.push(scope.alloc(10).length);
      if (depth > 1) nest(scope, depth - 1);
    });
  nest(arena, 200);
  t.is(lengths.length, 200);
});

test('a large chunk that was warm leaves the rest of the room to scopes', async (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 256 * KiB });
  for (let i = 0; i < 200; i++) {
    const exchange = new Exchange();
    exchange.begin(arenas).alloc(200 * KiB);
    await exchange.finish();
  }
  t.is(arenas.stats().chunkSize, 256 * KiB);
  const arena = new Exchange().begin(arenas);
  arena.alloc(10);
  t.is(
    arena.scope((scope) => scope.alloc(200 * KiB).length),
    200 * KiB,
  );
  // And its window goes on to the end of that chunk, and of the room.
  const buffers = Array.from({ length: 15 }, () => arena.alloc(10 * KiB));
  t.is(new Set(buffers.map(({ buffer }) => buffer)).size, 1);
  t.throws(() => arena.alloc(107 * KiB), { code: 'ERR_RALLOC_LIMIT' });
});

test('a window that is left for a larger Buffer counts by what it handed out', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 1024 * KiB });
  arena.alloc(10);
  t.is(arena.alloc(1000 * KiB).length, 1000 * KiB);
  const small = arena.alloc(20 * KiB);
  t.is(small.length, 20 * KiB);
  t.throws(() => arena.alloc(5 * KiB), { code: 'ERR_RALLOC_LIMIT' });
  arena.reset();
  t.is(arena.alloc(1024 * KiB).length, 1024 * KiB);
});

test('what a checkpoint stands behind has little of the room', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 64 * KiB });
  arena.alloc(10);
  arena.checkpoint();
  t.is(arena.alloc(56 * KiB).length, 56 * KiB);
});

test('what was reserved stays reserved: scopes do not get it, and a refusal leaves it', (t) => {
  const { arena, arenas } = begin({ maxBytesPerRequest: 256 * KiB });
  arena.reserve(200 * KiB);
  arena.scope((scope) => t.throws(() => scope.alloc(100 * KiB), { code: 'ERR_RALLOC_LIMIT' }));
  const { used } = t.throws(() => arena.alloc(257 * KiB), { code: 'ERR_RALLOC_LIMIT' });
  t.is(used, 0);
  arena.scope((scope) => t.throws(() => scope.alloc(100 * KiB), { code: 'ERR_RALLOC_LIMIT' }));
  const before = arenas.stats().memory.mapped;
  t.is(arena.alloc(200 * KiB).length, 200 * KiB);
  t.is(arenas.stats().memory.mapped, before);
});

test('a request on the heap has all of its room after a reset', (t) => {
  const arenas = requestArena({
    maxBytes: 1024 * KiB,
    maxBytesPerRequest: 512 * KiB,
    maxHeapBytes: 4096 * KiB,
  });
  for (let i = 0; i < 2; i++) new Exchange().begin(arenas).alloc(400 * KiB);
  for (const small of [0, 10]) {
    const arena = new Exchange().begin(arenas);
    arena.alloc(100);
    arena.alloc(400 * KiB);
    arena.reset();
    if (small > 0) arena.alloc(small);
    t.is(arena.alloc(512 * KiB - 16).length, 512 * KiB - 16);
  }
  t.is(arenas.stats().heapRequests, 2);
});

test('a request on the heap gets the room of its scopes and rewinds back', (t) => {
  const arenas = requestArena({ maxBytes: 256 * KiB, maxBytesPerRequest: 256 * KiB });
  new Exchange().begin(arenas).alloc(256 * KiB);
  const arena = new Exchange().begin(arenas);
  arena.alloc(56 * KiB);
  t.is(arenas.stats().heapRequests, 1);
  for (let i = 0; i < 3; i++) {
    arena.scope((scope) => t.throws(() => scope.alloc(201 * KiB), { code: 'ERR_RALLOC_LIMIT' }));
    t.is(
      arena.scope((scope) => scope.alloc(200 * KiB).length),
      200 * KiB,
    );
    const mark = arena.checkpoint();
    arena.alloc(200 * KiB);
    t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' });
    arena.rewind(mark);
  }
});

// What a request is charged for: what was handed out, and not all of the memory that somebody took with it. And what its error says.

const MiB = 1024 * KiB;

/** A stream of bytes takes the memory of `buffer`, with all that is in it. */
const take = (buffer) =>
  new ReadableStream({
    type: 'bytes',
    start: (controller) => controller.enqueue(buffer),
  });

/** What the error of an allocation of `size` says has the bytes. */
function partsOf(t, arena, size) {
  const { message } = t.throws(() => arena.alloc(size) && undefined, { code: 'ERR_RALLOC_LIMIT' });
  return message.match(/are taken \((.*)\)\. Raise "maxBytesPerRequest", or/)[1];
}

test('Buffers that streams of bytes take with their memory are charged by what they have', async (t) => {
  const { arenas, arena } = begin();
  const kept = [];
  for (let i = 0; i < 50; i++) kept.push(take(arena.alloc(10_000)));
  t.true(arenas.stats().memory.used <= 50 * 64 * KiB, 'and take the chunks of a small request');
  t.is(arena.alloc(15 * MiB).length, 15 * MiB);
  for (const stream of kept) {
    const { value } = await stream.getReader().read();
    t.is(value.length, 10_000);
  }
});

test('also after a checkpoint, in a scope, and beside what is not taken', (t) => {
  const { arenas, arena } = begin({ maxBytesPerRequest: MiB });
  arena.alloc(1000);
  const mark = arena.checkpoint();
  for (let i = 0; i < 20; i++) take(arena.alloc(10_000));
  arena.scope((scope) => {
    const before = arenas.stats().memory.used;
    for (let i = 0; i < 20; i++) take(scope.alloc(10_000));
    t.true(arenas.stats().memory.used - before <= 20 * 64 * KiB, 'pieces grow no more than chunks');
    t.is(scope.alloc(300_000).length, 300_000);
  });
  arena.rewind(mark);
  t.is(arena.alloc(1_000_000).length, 1_000_000);
});

test('pieces after a checkpoint are as large as ever where chunks before it were taken', (t) => {
  const { arena } = begin();
  for (let i = 0; i < 3; i++) take(arena.alloc(10_000));
  arena.checkpoint();
  for (let i = 0; i < 10; i++) arena.alloc(1000);
  t.is(arena.stats().spans, 1);
});

test('the error says what was handed out, transferred away and charged ahead, what is on the heap, and what came after the response', async (t) => {
  const small = { maxBytesPerRequest: 64 * KiB };
  const { arena } = begin(small);
  arena.alloc(40 * KiB);
  t.is(partsOf(t, arena, 30 * KiB), '40 KiB handed out in 1 span');

  const taken = begin(small).arena;
  for (let i = 0; i < 3; i++) take(taken.alloc(10 * KiB));
  taken.alloc(KiB);
  const away = '1 KiB handed out in 1 span, 30 KiB transferred away';
  t.is(partsOf(t, taken, 40 * KiB), away);

  const scoped = begin(small).arena;
  const ahead = '1 KiB handed out in 1 span, 3 KiB ahead in scopes and after checkpoints';
  scoped.scope((scope) => {
    scope.alloc(KiB);
    t.is(partsOf(t, scoped, 61 * KiB), ahead);
  });

  const over = begin({ maxBytes: 64 * KiB, maxQuarantineBytes: 0 });
  await over.exchange.close();
  over.arena.alloc(50 * KiB);
  t.is(partsOf(t, over.arena, 20 * KiB), '50 KiB after the response');

  const arenas = requestArena({ maxBytes: 64 * KiB });
  new Exchange().begin(arenas).alloc(64 * KiB);
  const onHeap = new Exchange().begin(arenas);
  onHeap.alloc(20 * KiB);
  t.is(partsOf(t, onHeap, 60 * KiB), '20 KiB on the heap');
});
