'use strict';
// tier: run-time

// What a request is charged for: what was handed out, and not all of the memory that somebody took with it. And what its error says.

const test = require('ava');
const { Exchange } = require('../helpers/exchange.js');
const { requestArena } = require('../../lib/index.js');

const KiB = 1024;
const MiB = 1024 * KiB;

function begin(options) {
  const arenas = requestArena(options);
  const exchange = new Exchange();
  return { arenas, exchange, arena: exchange.begin(arenas) };
}

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

test('the error says what was handed out', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 64 * KiB });
  arena.alloc(40 * KiB);
  t.is(partsOf(t, arena, 30 * KiB), '40 KiB handed out in 1 span');
});

test('the error says what was transferred away', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 64 * KiB });
  for (let i = 0; i < 3; i++) take(arena.alloc(10 * KiB));
  arena.alloc(KiB);
  t.is(partsOf(t, arena, 40 * KiB), '1 KiB handed out in 1 span, 30 KiB transferred away');
});

test('the error says what scopes are charged ahead', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 64 * KiB });
  arena.scope((scope) => {
    scope.alloc(KiB);
    t.is(
      partsOf(t, arena, 61 * KiB),
      '1 KiB handed out in 1 span, 3 KiB ahead in scopes and after checkpoints',
    );
  });
});

test('the error says what is on the heap, and what is there after the response', async (t) => {
  const { exchange, arena } = begin({ maxBytes: 64 * KiB, maxQuarantineBytes: 0 });
  await exchange.close();
  arena.alloc(50 * KiB);
  t.is(partsOf(t, arena, 20 * KiB), '50 KiB after the response');
  const arenas = requestArena({ maxBytes: 64 * KiB });
  new Exchange().begin(arenas).alloc(64 * KiB);
  const second = new Exchange().begin(arenas);
  second.alloc(20 * KiB);
  t.is(partsOf(t, second, 60 * KiB), '20 KiB on the heap');
});
