'use strict';

// What happens to a span that comes back, and which one is taken next: seen by what an arena says of its memory,
// with the idle timer in a clock that the tests move.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { isZero } = require('../helpers/bytes.js');
const { nativeTest } = require('../helpers/backend.js');
const { steal } = require('../helpers/theft.js');
const { untilCollected } = require('../helpers/until.js');
const { Arena } = require('../..');

const KiB = 1024;

/** Arenas are known by their limit to those that closed before. */
let limit = 4000 * KiB;
const newArena = (options) => {
  limit += 4 * KiB;
  return new Arena({ maxBytes: limit, ...options });
};

const memoryOf = (arena) => arena.stats().memory;
const like = (t, arena, expected) => t.like(memoryOf(arena), expected);

/** What is in arenas and warm, in KiB. */
const gauges = (arena) => [memoryOf(arena).leased / KiB, memoryOf(arena).warm / KiB];

/** The body of a test on a fresh ralloc, in a clock that it moves. */
function inClock(body) {
  return (t) => {
    const clock = new Clock();
    const ralloc = fresh('index.js');
    clock.use(() => body(t, { clock, Arena: ralloc.Arena }));
  };
}

const clockTest = (title, body) => test(title, inClock(body));

/** One epoch with a span of 64 KiB, one of 128 KiB, and so on. */
function epoch(arena, spans) {
  for (let i = 0; i < spans; i++) arena.allocUnsafe((60 * KiB) << i);
  arena.reset();
}

test('the span that was used last is taken first', (t) => {
  const arena = newArena();
  epoch(arena, 2);
  t.deepEqual(gauges(arena), [0, 192]);
  t.is(arena.alloc(10).buffer.byteLength, 128 * KiB);
  t.deepEqual(gauges(arena), [128, 64]);
  arena.close();
});

test('a warm span that is too small is passed over', (t) => {
  const arena = newArena();
  epoch(arena, 2);
  arena.alloc(10);
  t.is(arena.alloc(128 * KiB).length, 128 * KiB);
  t.is(memoryOf(arena).warm, 64 * KiB);
  arena.close();
});

test('spans cut for scopes and checkpoints are not taken for chunks', (t) => {
  const arena = newArena();
  arena.scope((child) => child.alloc(10).length);
  t.is(arena.alloc(10).buffer.byteLength, 64 * KiB);
  let inner;
  arena.scope((child) => {
    inner = child.alloc(10).buffer.byteLength;
  });
  t.is(inner, 16 * KiB);
  arena.close();
});

test('at the limit a warm span of the other kind serves', (t) => {
  const arena = newArena({ maxBytes: 128 * KiB, chunkSize: 64 * KiB });
  arena.scope((child) => child.alloc(100 * KiB).length);
  const { mapped, recycled } = memoryOf(arena);
  t.is(arena.alloc(90 * KiB).length, 90 * KiB);
  like(t, arena, { mapped, recycled });
  arena.close();
});

test('a warm span whose memory was stolen in recycle mode is passed over', async (t) => {
  const arena = newArena({ safety: 'recycle' });
  const stale = [60, 120].map((size) => arena.alloc(size * KiB));
  arena.reset();
  await steal(stale[1]);
  t.is(arena.alloc(10).buffer, stale[0].buffer);
  arena.close();
});

test('in gc mode a span that nothing was handed out of stays warm', (t) => {
  const arena = newArena({ safety: 'gc' });
  arena.reserve(10);
  arena.reset();
  like(t, arena, { quarantined: 0, warm: 64 * KiB });
  arena.alloc(10);
  arena.reset();
  like(t, arena, { quarantined: 64 * KiB, warm: 0 });
  arena.close();
});

test('alloc is zero-filled where an epoch used less than the one before', (t) => {
  const arena = newArena();
  arena.allocUnsafe(60 * KiB).fill(0xff);
  arena.reset();
  arena.allocUnsafe(10).fill(0xff);
  arena.reset();
  for (const size of [100, 59 * KiB]) t.true(isZero(arena.alloc(size)));
  arena.close();
});

test('alloc is zero-filled over memory that the garbage collector gave back', async (t) => {
  const options = { safety: 'gc', chunkSize: 704 * KiB, maxBytes: 704 * KiB };
  const arena = newArena(options);
  for (let round = 0; round < 3; round++) {
    (() => arena.allocUnsafe(704 * KiB).fill(0xff))();
    arena.reset();
    await untilCollected(() => memoryOf(arena).used === 0);
    t.true(isZero(arena.alloc(704 * KiB)));
    arena.reset();
    await untilCollected(() => memoryOf(arena).used === 0);
  }
  arena.close();
});

test('with wipe a reset after a theft is one as any other', async (t) => {
  const arena = newArena({ wipe: true });
  await steal(arena.alloc(100));
  arena.reset();
  t.is(arena.alloc(100).length, 100);
  arena.close();
});

test('stolen memory is in no arena', async (t) => {
  const arena = newArena();
  await steal(arena.alloc(100 * KiB));
  epoch(arena, 2);
  t.is(memoryOf(arena).leased, 0);
  arena.close();
});

test('held memory is not in an arena, and is no more once it is stolen', async (t) => {
  const arena = newArena();
  const buffer = arena.alloc(10);
  const hold = arena.hold();
  arena.reset();
  epoch(arena, 2);
  like(t, arena, { held: 64 * KiB, leased: 0, warm: 192 * KiB });
  await steal(buffer);
  hold.release();
  like(t, arena, { held: 0, leased: 0 });
  arena.alloc(10);
  like(t, arena, { leased: 128 * KiB });
  arena.close();
});

test('a span that comes back to a closed arena is not kept', (t) => {
  const arena = newArena();
  arena.alloc(10);
  const hold = arena.hold();
  arena.close();
  hold.release();
  like(t, arena, { held: 0, leased: 0, warm: 0 });
});

test('shrink() gives back the spans of scopes too', (t) => {
  const arena = newArena();
  epoch(arena, 2);
  arena.scope((child) => child.alloc(10).length);
  t.true(memoryOf(arena).warm > 0);
  arena.shrink();
  like(t, arena, { leased: 0, warm: 0 });
  arena.close();
});

clockTest('spans that were not needed for a second go back, the others stay', (t, env) => {
  const { clock } = env;
  const arena = new env.Arena();
  epoch(arena, 4);
  t.deepEqual(gauges(arena), [0, 960]);
  clock.pass(1000); // ends the second in which they were leased
  t.deepEqual(gauges(arena), [0, 960], 'all were needed');
  for (let i = 0; i < 3; i++) {
    // Two spans, the larger ones.
    arena.allocUnsafe(500 * KiB);
    arena.allocUnsafe(200 * KiB);
    arena.reset();
  }
  clock.pass(1000);
  t.deepEqual(gauges(arena), [0, 768]);
  for (let i = 0; i < 5; i++) {
    arena.allocUnsafe(500 * KiB);
    arena.allocUnsafe(200 * KiB);
    arena.reset();
    clock.pass(1000);
    t.deepEqual(gauges(arena), [0, 768], 'in use every second');
  }
  clock.pass(1000);
  t.deepEqual(gauges(arena), [0, 0], 'a second without any use');
  arena.close();
});

clockTest('a window that nothing was handed out of goes back, one in use stays', (t, env) => {
  const { clock } = env;
  const arenas = [new env.Arena(), new env.Arena()];
  const [used, idle] = arenas;
  for (const arena of arenas) epoch(arena, 1);
  t.deepEqual(arenas.map(gauges), [
    [64, 0],
    [64, 0],
  ]);
  const buffer = used.alloc(10);
  clock.pass(3000);
  t.deepEqual(arenas.map(gauges), [
    [64, 0],
    [0, 0],
  ]);
  t.is(buffer.length, 10);
  t.is(idle.alloc(10).length, 10);
});

clockTest('what was reserved stays until the next reset', (t, { clock, Arena }) => {
  const arena = new Arena();
  epoch(arena, 1);
  arena.reserve(512 * KiB);
  clock.pass(5000);
  t.is(memoryOf(arena).leased, 512 * KiB);
  t.is(arena.alloc(512 * KiB).buffer.byteLength, 512 * KiB);
  arena.reset();
  clock.pass(5000);
  t.is(memoryOf(arena).leased, 0);
});

clockTest('an arena in steady use keeps its window', (t, { clock, Arena }) => {
  const arena = new Arena();
  for (let i = 0; i < 5; i++) {
    epoch(arena, 1);
    clock.pass(1000);
    t.deepEqual(gauges(arena), [64, 0]);
  }
  const { mapped, recycled } = memoryOf(arena);
  t.is(mapped + recycled, 1);
});

nativeTest(
  'memory that was asked to be there stays, and its next arena keeps it',
  'it has none',
  inClock((t, env) => {
    const { clock } = env;
    const options = { memory: { prefault: true } };
    const first = new env.Arena(options);
    epoch(first, 3);
    clock.pass(5000);
    t.is(memoryOf(first).warm, 448 * KiB);
    first.close();
    const second = new env.Arena(options);
    clock.pass(5000);
    t.is(memoryOf(second).warm, 448 * KiB);
  }),
);

clockTest('an arena without memory is not looked at', (t, { clock, Arena }) => {
  const arena = new Arena();
  t.is(clock.timers.length, 0);
  arena.alloc(10);
  t.is(clock.timers.length, 1);
});

nativeTest(
  'what goes to the depot is watched there',
  'no memory is asked to be there',
  inClock((t, env) => {
    const { clock } = env;
    const arena = new env.Arena({ memory: { prefault: true } });
    arena.alloc(10);
    arena.reset();
    t.is(clock.timers.length, 0, 'it stays warm');
    arena.shrink();
    t.is(clock.timers.length, 1);
  }),
);
