'use strict';
// tier: run-time

// How long a span waits for operations of Node that are not over. The operations here are taken as the guard takes
// them; the time is the test's.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { newArena, begin, memoryOf, bytes } = require('../helpers/parked.js');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;

test('an operation without an end waits for holdMs, and then for the garbage collector', async (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 1000 });
  let buffer = clock.use(() => {
    const own = bytes(arena, 9);
    begin(own);
    arena.reset();
    return own;
  });
  clock.pass(999);
  t.like(memoryOf(arena), { held: 64 * KiB, quarantined: 0 });
  clock.pass(1);
  t.like(memoryOf(arena), { held: 0, quarantined: 64 * KiB });
  t.deepEqual([...buffer], new Array(8).fill(9));
  buffer = undefined;
  await untilCollected(() => memoryOf(arena).quarantined === 0);
  arena.close();
});

test('each span waits for its own time, not for that of the first', (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 1000 });
  const park = () =>
    clock.use(() => {
      begin(bytes(arena, 1));
      arena.reset();
    });
  park();
  clock.pass(600);
  park();
  clock.pass(400);
  t.like(memoryOf(arena), { held: 64 * KiB, quarantined: 64 * KiB });
  clock.pass(599);
  t.is(memoryOf(arena).held, 64 * KiB);
  clock.pass(1);
  t.like(memoryOf(arena), { held: 0, quarantined: 128 * KiB });
  arena.close();
});

test('what one of two operations leaves behind waits for its time', (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 1000 });
  clock.use(() => {
    const buffer = bytes(arena, 1);
    const first = begin(buffer);
    begin(buffer);
    arena.reset();
    first();
  });
  t.is(memoryOf(arena).held, 64 * KiB);
  clock.pass(1000);
  t.like(memoryOf(arena), { held: 0, quarantined: 64 * KiB });
  arena.close();
});

test('an operation that ends after its time changes nothing', (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 10 });
  const [buffer, done] = clock.use(() => {
    const own = bytes(arena, 3);
    const end = begin(own);
    arena.reset();
    return [own, end];
  });
  clock.pass(10);
  clock.use(done);
  clock.use(done);
  t.is(buffer.length, 8);
  t.is(memoryOf(arena).quarantined, 64 * KiB);
  arena.close();
});

test('no timer is left when nothing waits', (t) => {
  const clock = new Clock();
  const arena = newArena();
  clock.use(() => {
    const done = begin(bytes(arena, 1));
    arena.reset();
    const waiting = clock.timers.filter(({ every }) => every === null);
    t.deepEqual(
      waiting.map(({ refed }) => refed),
      [false],
    );
    done();
  });
  t.is(clock.timers.filter(({ every }) => every === null).length, 0);
  clock.use(() => arena.close());
});
