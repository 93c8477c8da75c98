'use strict';
// tier: run-time

// What an arena keeps and gives back in idle times, second by second: in a clock that the tests move.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { nativeTest } = require('../helpers/backend.js');
const native = require('../../lib/memory/native.js');

const KiB = 1024;
const memoryOf = (arena) => arena.stats().memory;

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

clockTest('spans of scopes go back after a second without any use', (t, { clock, Arena }) => {
  const arena = new Arena();
  arena.scope((child) => child.alloc(10).length);
  clock.pass(1000);
  t.true(memoryOf(arena).warm > 0);
  arena.scope((child) => child.alloc(10).length);
  clock.pass(1000);
  t.true(memoryOf(arena).warm > 0, 'in use');
  clock.pass(1000);
  t.deepEqual(gauges(arena), [0, 0]);
});

clockTest(
  'pieces of scopes that were not needed go back, by their sizes',
  (t, { clock, Arena }) => {
    const arena = new Arena();
    const open = (outer, sizes) =>
      outer.scope((scope) => {
        scope.allocUnsafe(sizes[0] * KiB);
        if (sizes.length > 1) open(scope, sizes.slice(1));
      });
    open(arena, [10, 10, 300, 300, 300]);
    clock.pass(1000); // ends the second in which they were leased
    const { warm } = memoryOf(arena);
    t.true(warm >= 900 * KiB);
    for (let i = 0; i < 3; i++) open(arena, [10, 10, 300]);
    clock.pass(1000);
    t.true(memoryOf(arena).warm <= warm - 600 * KiB, 'two of the large ones');
    t.true(memoryOf(arena).warm >= 320 * KiB, 'and no more');
    const { warm: needed } = memoryOf(arena);
    for (let i = 0; i < 3; i++) {
      open(arena, [10, 10, 300]);
      clock.pass(1000);
      t.is(memoryOf(arena).warm, needed);
    }
  },
);

test('an arena that has given all back is not looked at any more', (t) => {
  const clock = new Clock();
  let looks = 0;
  class LeasedArena extends native.LeasedArena {
    trim() {
      looks++;
      return super.trim();
    }
  }
  const { Arena } = fresh('index.js', { 'memory/native.js': { ...native, LeasedArena } });
  const arena = clock.use(() => new Arena());
  clock.use(() => epoch(arena, 2));
  clock.pass(3000);
  t.deepEqual(gauges(arena), [0, 0]);
  const before = looks;
  t.true(before > 0);
  clock.pass(3000);
  t.is(looks, before);
  clock.use(() => epoch(arena, 2));
  clock.pass(3000);
  t.true(looks > before, 'until it has memory again');
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
  clock.pass(0);
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
    clock.pass(0);
    t.is(clock.timers.length, 1);
  }),
);
