'use strict';
// tier: run-time

// How long memory waits for its holds, in a clock that the tests move.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');

const KiB = 1024;

/** A promise that the test settles. */
function pending() {
  const own = {};
  own.promise = new Promise((resolve) => Object.assign(own, { resolve }));
  return own;
}

/** An arena of a fresh ralloc in a clock of its own; `warned` are its warnings. */
function heldArena(options) {
  const clock = new Clock();
  const warned = [];
  const warnOnce = (code, seconds) => warned.push([code, seconds]);
  const { Arena } = fresh('index.js', { 'base/warnings.js': { warnOnce } });
  const arena = clock.use(() => new Arena(options));
  const use = (act) => clock.use(() => act(arena));
  const memory = () => {
    const { held, quarantined } = arena.stats().memory;
    return [held / KiB, quarantined / KiB];
  };
  return { arena, clock, warned, use, memory };
}

test('by default a hold lasts 30 s from the moment that memory waits for it', (t) => {
  const { arena, clock, warned, use, memory } = heldArena();
  const buffer = use(() => stamp(arena.alloc(1000), 1));
  use(() => arena.hold());
  clock.pass(100_000);
  t.deepEqual(memory(), [0, 0], 'nothing waits yet');
  use(() => arena.reset());
  clock.pass(29_999);
  t.deepEqual(memory(), [64, 0]);
  t.deepEqual(warned, []);
  clock.pass(1);
  t.deepEqual(memory(), [0, 64]);
  t.deepEqual(warned, [['RALLOC_HOLD_EXPIRED', { of: 'an arena', seconds: 30 }]]);
  t.deepEqual(arena.stats().expired, { holds: 1, operations: 0 });
  t.true(isStamped(buffer, 1), 'undetached');
  use(() => arena.alloc(10));
  t.is(arena.stats().memory.leased, 64 * KiB, 'what has expired is held no more');
});

test('more memory that waits does not begin the time anew', (t) => {
  for (const promise of [undefined, new Promise(() => {})]) {
    const { arena, clock, use, memory } = heldArena({ holdMs: 1000 });
    use(() => arena.alloc(10));
    use(() => arena.hold(promise));
    for (let i = 0; i < 3; i++) {
      const mark = use(() => arena.checkpoint());
      use(() => arena.alloc(10));
      use(() => arena.rewind(mark));
      clock.pass(300);
    }
    t.true(memory()[0] > 0);
    t.is(arena.stats().holds, 1);
    clock.pass(100);
    t.is(memory()[0], 0);
    t.is(arena.stats().holds, 0, 'what has expired is no hold any more');
  }
});

for (const settled of [0, 300, 29_999]) {
  test(`memory comes back with its promise, settled after ${settled} ms`, async (t) => {
    const { arena, clock, use, memory, warned } = heldArena();
    const buffer = use(() => stamp(arena.alloc(1000), 1));
    const { promise, resolve } = pending();
    const before = clock.timers.length;
    const held = use(() => arena.hold(promise));
    use(() => arena.reset());
    clock.pass(settled);
    t.true(isStamped(buffer, 1));
    t.is(clock.timers.length, before + 1, 'one timer, for the end of its time');
    resolve();
    await held;
    t.true(isDead(buffer));
    t.deepEqual(memory(), [0, 0]);
    clock.pass(30_000);
    t.deepEqual(warned, []);
  });
}

/** Leaves memory that waits for the holds of the epoch, and gives its Buffer. */
function rewound(arena) {
  const mark = arena.checkpoint();
  const buffer = stamp(arena.alloc(1000), 1);
  arena.rewind(mark);
  return buffer;
}

test('a promise that is held for while memory waits already releases it', async (t) => {
  const { arena, use, memory } = heldArena();
  use(() => arena.alloc(10));
  const hold = use(() => arena.hold());
  const buffer = use(() => rewound(arena));
  const { promise, resolve } = pending();
  const held = use(() => arena.hold(promise));
  use(() => hold.release());
  t.true(isStamped(buffer, 1));
  resolve();
  await held;
  t.true(isDead(buffer));
  t.deepEqual(memory(), [0, 0]);
});

test('a hold that is taken while memory waits has all of its time', (t) => {
  const { arena, clock, use, memory, warned } = heldArena({ holdMs: 1000 });
  const buffer = use(() => stamp(arena.alloc(1000), 1));
  const forgotten = [1, 2].map(() => use(() => arena.hold()));
  use(() => rewound(arena));
  clock.pass(999);
  const later = use(() => arena.hold());
  clock.pass(1);
  t.is(memory()[0], 0, 'what waited is in quarantine');
  t.is(warned.length, 1);
  t.is(arena.stats().holds, 1);
  use(() => forgotten[0].release());
  t.is(arena.stats().holds, 1);
  use(() => arena.reset());
  use(() => forgotten[1].release());
  clock.pass(999);
  t.true(memory()[0] > 0);
  t.is(warned.length, 1);
  use(() => later.release());
  t.is(memory()[0], 0);
  t.true(isDead(buffer));
});

test('and expires after it, from the moment that memory waits for it', (t) => {
  const { arena, clock, use, memory, warned } = heldArena({ holdMs: 1000 });
  const buffer = use(() => stamp(arena.alloc(1000), 1));
  use(() => arena.hold());
  use(() => rewound(arena));
  clock.pass(500);
  use(() => arena.hold());
  clock.pass(500);
  t.is(arena.stats().holds, 1);
  use(() => arena.reset());
  clock.pass(999);
  t.is(warned.length, 1);
  clock.pass(1);
  t.is(memory()[0], 0);
  t.is(warned.length, 2);
  t.true(isStamped(buffer, 1));
});

test('holds that follow each other keep memory no longer than that, and do not expire', (t) => {
  const { arena, clock, use, memory, warned } = heldArena({ holdMs: 1000 });
  use(() => arena.alloc(10));
  let last = use(() => arena.hold());
  const buffer = use(() => rewound(arena));
  for (let i = 0; i < 9; i++) {
    clock.pass(100);
    const next = use(() => arena.hold());
    use(() => last.release());
    last = next;
  }
  clock.pass(99);
  t.true(memory()[0] > 0);
  clock.pass(1);
  t.is(memory()[0], 0);
  t.true(memory()[1] > 0);
  t.true(isStamped(buffer, 1), 'it may still be in use');
  t.deepEqual(warned, []);
  t.is(arena.stats().holds, 1);
  use(() => last.release());
  t.is(arena.stats().holds, 0);
});

test('what expires with an arena expires in the scopes that ended with it', (t) => {
  const { arena, clock, use, memory } = heldArena({ holdMs: 1000 });
  let buffer;
  use(() => {
    arena.scope((scope) => {
      buffer = stamp(scope.alloc(1000), 1);
      arena.hold();
      arena.reset();
    });
  });
  clock.pass(999);
  t.true(isStamped(buffer, 1));
  t.true(memory()[0] > 0);
  clock.pass(1);
  t.is(memory()[0], 0);
  t.true(memory()[1] > 0);
  t.true(isStamped(buffer, 1));
});

test('also where other memory began to wait before', (t) => {
  const { arena, clock, use, memory, warned } = heldArena({ holdMs: 1000 });
  use(() => arena.alloc(10));
  use(() => arena.hold());
  use(() => rewound(arena));
  clock.pass(500);
  use(() => {
    arena.scope((scope) => {
      scope.alloc(1000);
      arena.reset();
    });
  });
  clock.pass(499);
  t.true(memory()[0] > 0);
  clock.pass(1);
  t.is(memory()[0], 0);
  clock.pass(1000);
  t.is(warned.length, 1);
});

test('no timer is left when the last hold is released', (t) => {
  const { arena, clock, use } = heldArena();
  use(() => arena.alloc(10));
  const holds = [1, 2].map(() => use(() => arena.hold()));
  const before = clock.timers.length;
  use(() => arena.reset());
  t.is(clock.timers.length, before + 1);
  use(() => holds[0].release());
  t.is(clock.timers.length, before + 1);
  use(() => holds[1].release());
  t.is(clock.timers.length, before);
});
