'use strict';

// How long memory waits for its holds, in a clock that the tests move.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');

const KiB = 1024;

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
  t.deepEqual(warned, [['RALLOC_HOLD_EXPIRED', 30]]);
  t.true(isStamped(buffer, 1), 'undetached');
  use(() => arena.alloc(10));
  t.is(arena.stats().memory.leased, 64 * KiB, 'what has expired is held no more');
});

test('holdMs is that time', (t) => {
  const { arena, clock, warned, use, memory } = heldArena({ holdMs: 7 });
  use(() => arena.alloc(10));
  use(() => arena.hold());
  use(() => arena.reset());
  clock.pass(6);
  t.deepEqual(memory(), [64, 0]);
  clock.pass(1);
  t.deepEqual(memory(), [0, 64]);
  t.deepEqual(warned, [['RALLOC_HOLD_EXPIRED', 0.007]]);
});

test('more memory that waits does not begin the time anew', (t) => {
  const { arena, clock, use, memory } = heldArena({ holdMs: 1000 });
  use(() => arena.alloc(10));
  use(() => arena.hold());
  for (let i = 0; i < 3; i++) {
    const mark = use(() => arena.checkpoint());
    use(() => arena.alloc(10));
    use(() => arena.rewind(mark));
    clock.pass(300);
  }
  t.true(memory()[0] > 0);
  clock.pass(100);
  t.is(memory()[0], 0);
  t.is(arena.stats().holds, 0, 'what has expired is no hold any more');
});

test('a promise that has expired is no hold any more', (t) => {
  const { arena, clock, use, memory } = heldArena({ holdMs: 1000 });
  use(() => arena.alloc(10));
  use(() => arena.hold(new Promise(() => {})));
  const mark = use(() => arena.checkpoint());
  use(() => arena.alloc(10));
  use(() => arena.rewind(mark));
  clock.pass(999);
  t.true(memory()[0] > 0);
  t.is(arena.stats().holds, 1);
  clock.pass(1);
  t.is(memory()[0], 0);
  t.is(arena.stats().holds, 0);
});

for (const settled of [1, 300, 29_000]) {
  test(`memory comes back within 50 ms of its promise, settled after ${settled} ms`, async (t) => {
    const { arena, clock, use, memory, warned } = heldArena();
    const buffer = use(() => stamp(arena.alloc(1000), 1));
    let resolve;
    const promise = new Promise((done) => {
      resolve = done;
    });
    use(() => arena.hold(promise));
    use(() => arena.reset());
    clock.pass(settled);
    t.true(isStamped(buffer, 1));
    resolve();
    await promise;
    clock.pass(50);
    t.true(isDead(buffer));
    t.deepEqual(memory(), [0, 0]);
    t.deepEqual(warned, []);
  });
}

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

test('holds and rewinds of one epoch follow each other, each for its own memory', (t) => {
  const { arena, use, memory } = heldArena();
  use(() => arena.alloc(10));
  for (let i = 0; i < 5; i++) {
    const mark = use(() => arena.checkpoint());
    const buffer = use(() => stamp(arena.alloc(1000), i));
    const hold = use(() => arena.hold());
    use(() => arena.rewind(mark));
    t.true(isStamped(buffer, i));
    use(() => hold.release());
    t.true(isDead(buffer));
    t.deepEqual(memory(), [0, 0]);
  }
});

test('a thenable that rejects releases its hold', (t) => {
  const { arena, use } = heldArena();
  const buffer = use(() => stamp(arena.alloc(1000), 1));
  const calls = [];
  const thenable = Object.defineProperty({}, 'then', { value: (...given) => calls.push(given) });
  use(() => arena.hold(thenable));
  use(() => arena.reset());
  t.true(isStamped(buffer, 1));
  use(() => calls[0][1](new Error('mine')));
  t.true(isDead(buffer));
});
