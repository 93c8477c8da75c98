'use strict';
// tier: run-time

// What happens to a span that comes back, and which one is taken next: seen by what an arena says of its memory.

const test = require('ava');
const { isZero } = require('../helpers/bytes.js');
const { fresh } = require('../helpers/fresh.js');
const { steal } = require('../helpers/theft.js');
const { untilCollected } = require('../helpers/until.js');
const { nativeTest } = require('../helpers/backend.js');
const { Arena } = require('../..');
const { Clock } = require('../helpers/clock.js');
const native = require('../../lib/memory/native.js');

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

test('shrink() gives back the spans of scopes too', (t) => {
  const arena = newArena();
  epoch(arena, 2);
  arena.scope((child) => child.alloc(10).length);
  t.true(memoryOf(arena).warm > 0);
  arena.shrink();
  like(t, arena, { leased: 0, warm: 0 });
  arena.close();
});

/** Scopes that are open at the same time, one Buffer of each size in each; gives the bytes of their spans. */
function together(arena, sizes) {
  const bytes = [];
  const open = (outer, [size, ...rest]) =>
    outer.scope((scope) => {
      bytes.push(scope.allocUnsafe(size).buffer.byteLength);
      if (rest.length > 0) open(scope, rest);
    });
  open(arena, sizes);
  return bytes;
}

test('a small scope takes no large piece, whichever was used last', (t) => {
  const arena = newArena({ maxBytes: 64 * 1024 * KiB });
  const sizes = [10, 2048 * KiB, 10, 700 * KiB];
  const first = together(arena, sizes);
  const { mapped, recycled } = memoryOf(arena);
  for (let i = 0; i < 20; i++) {
    const turned = i % 2 ? (sizes.toReversed?.() ?? [...sizes].reverse()) : sizes;
    const bytes = together(arena, turned);
    t.deepEqual([...bytes].sort(), [...first].sort());
  }
  like(t, arena, { mapped, recycled });
  arena.close();
});

test('scopes of all sizes need no more than what is alive, in classes', (t) => {
  const arena = newArena({ maxBytes: 16 * 1024 * KiB });
  for (let round = 0; round < 30; round++) {
    const size = [2, 40, 300, 2048, 6000][round % 5] * KiB;
    const count = Math.floor((8 * 1024 * KiB) / Math.max(size, 16 * KiB));
    t.is(together(arena, Array(Math.min(count, 200)).fill(size)).length, Math.min(count, 200));
  }
  t.true(memoryOf(arena).peak <= 16 * 1024 * KiB);
  arena.close();
});

test('a chunk that was made for one large Buffer serves no small ones', (t) => {
  const arena = newArena({ maxBytes: 16 * 1024 * KiB });
  arena.alloc(6000 * KiB);
  arena.scope(() => {});
  const mark = arena.hold();
  arena.reset();
  mark.release();
  t.true(arena.alloc(10).buffer.byteLength <= 1024 * KiB);
  t.true(arena.alloc(5000 * KiB).buffer.byteLength >= 6000 * KiB, 'but another large one');
  arena.close();
});

test('at the limit the largest go, and no more than are in the way', (t) => {
  const arena = newArena({ maxBytes: 1024 * KiB, chunkSize: 64 * KiB });
  together(arena, [10, 10, 300 * KiB, 400 * KiB]);
  const { warm } = memoryOf(arena);
  t.is(together(arena, [600 * KiB]).length, 1);
  const after = memoryOf(arena);
  t.true(after.warm >= 64 * KiB, `of ${warm} bytes warm`);
  const { mapped, recycled } = memoryOf(arena);
  together(arena, [10, 10]);
  like(t, arena, { mapped, recycled });
  arena.close();
});

nativeTest(
  'where memory that was asked to be there stays, any shape serves at the limit',
  'it has none',
  (t) => {
    const memory = { prefault: true };
    const arena = newArena({ maxBytes: 1024 * KiB, chunkSize: 64 * KiB, memory });
    together(arena, [900 * KiB]);
    const { mapped, recycled } = memoryOf(arena);
    t.is(arena.alloc(100 * KiB).length, 100 * KiB);
    like(t, arena, { mapped, recycled });
    arena.close();
  },
);

test('at the limit more and more goes, until there is a chunk of which nothing is left', (t) => {
  const arena = newArena({ maxBytes: 128 * KiB, chunkSize: 64 * KiB });
  t.is(together(arena, Array(6).fill(10)).length, 6);
  t.is(arena.alloc(60 * KiB).length, 60 * KiB);
  arena.close();
});

test('in gc mode a collection is asked for when a quarter of the limit waits, and not before', (t) => {
  const asked = [];
  const { Arena: Fresh } = fresh('arena/arena.js', {
    'memory/gc.js': { requestGc: (options) => asked.push(options) },
  });
  const arena = new Fresh({ safety: 'gc', maxBytes: 4096 * KiB });
  const fill = () => {
    arena.allocUnsafe(60 * KiB);
    arena.reset();
  };
  while (memoryOf(arena).quarantined < 960 * KiB) fill();
  t.is(asked.length, 0);
  while (memoryOf(arena).quarantined < 1024 * KiB) fill();
  t.is(asked.length, 1);
  t.true(asked[0].urgent, 'arenas have nowhere else to go');
  arena.close();
});

// Which memory of a closed arena the next arena of the same settings gets, warm, and for how long it is there.

/** The body of a test on a fresh ralloc, in a clock that it moves. */
function inClock(body) {
  return (t) => {
    const clock = new Clock();
    let count = 0;
    class LeasedArena extends native.LeasedArena {
      release(...args) {
        count++;
        return super.release(...args);
      }
    }
    const { Arena } = fresh('index.js', { 'memory/native.js': { ...native, LeasedArena } });
    /** Uses `bytes` of a new arena and closes it. */
    const useAndClose = (options, bytes = 10) => {
      const arena = new Arena(options);
      arena.allocUnsafe(bytes);
      arena.close();
    };
    /** The warm bytes that a new arena begins with. */
    const inherited = (options) => new Arena(options).stats().memory.warm;
    const given = () => count; // spans, to the depot
    clock.use(() => body(t, { Arena, clock, useAndClose, inherited, given }));
  };
}

const clockTest = (title, body) => test(title, inClock(body));

clockTest(
  'the memory of a closed arena waits, warm, for the next of the same settings',
  (t, env) => {
    const { useAndClose, inherited } = env;
    useAndClose({}, 60 * KiB);
    t.is(inherited({}), 64 * KiB);
    t.is(inherited({}), 0, 'for one of them');
  },
);

clockTest('that of the arena that closed last goes first', (t, { Arena, inherited }) => {
  const arenas = [128, 256, 512].map((size) => {
    const arena = new Arena();
    arena.allocUnsafe(size * KiB);
    return arena;
  });
  for (const arena of arenas) arena.close();
  t.deepEqual(
    [1, 2, 3, 4].map(() => inherited() / KiB),
    [512, 256, 128, 0],
  );
});

const others = {
  maxBytes: { maxBytes: 1000 * KiB },
  chunkSize: { chunkSize: 128 * KiB },
  wipe: { wipe: true },
  safety: { safety: 'recycle' },
};

for (const [name, other] of Object.entries(others)) {
  clockTest(`an arena of another ${name} gets none of it`, (t, { useAndClose, inherited }) => {
    useAndClose({});
    t.is(inherited(other), 0);
    t.is(inherited({}), 64 * KiB);
  });
}

clockTest('the name and the alignment make no difference', (t, { useAndClose, inherited }) => {
  useAndClose({ name: 'first', align: 64, holdMs: 5 });
  t.is(inherited({ name: 'second', align: 1 }), 64 * KiB);
});

clockTest('eight wait at most: for the ninth the first goes back at once', (t, env) => {
  const { given, useAndClose, inherited } = env;
  const settings = Array.from({ length: 9 }, (_, i) => ({ maxBytes: (1000 + i) * KiB }));
  for (const options of settings.slice(0, 8)) useAndClose(options);
  t.is(inherited(settings[0]), 64 * KiB);
  useAndClose(settings[0]); // the youngest again
  t.is(given(), 0);
  useAndClose(settings[8]);
  t.is(given(), 1);
  t.deepEqual(
    settings.map(inherited).map((bytes) => bytes / KiB),
    [64, 0, 64, 64, 64, 64, 64, 64, 64],
  );
});

clockTest('more than 1 MiB does not wait', (t, { useAndClose, inherited }) => {
  useAndClose({ chunkSize: 1024 * KiB });
  t.is(inherited({ chunkSize: 1024 * KiB }), 1024 * KiB);
  useAndClose({ chunkSize: 1028 * KiB });
  t.is(inherited({ chunkSize: 1028 * KiB }), 0);
});

clockTest('after a second without use it is given back', (t, { clock, useAndClose, inherited }) => {
  useAndClose({});
  clock.pass(999);
  t.is(inherited({}), 64 * KiB);
  useAndClose({});
  clock.pass(2001);
  t.is(inherited({}), 0);
});

nativeTest(
  'so is memory that was asked to be there',
  'it has none',
  inClock((t, { clock, useAndClose, inherited }) => {
    const options = { memory: { prefault: true } };
    useAndClose(options);
    t.is(inherited(options), 64 * KiB);
    useAndClose(options);
    clock.pass(2001);
    t.is(inherited(options), 0);
  }),
);

// What an arena keeps and gives back in idle times, second by second.

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
