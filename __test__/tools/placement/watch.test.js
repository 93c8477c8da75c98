'use strict';
// tier: run-time

// Which Buffers of a site are looked at after their request, and when one counts as kept: in a
// clock that the test moves, beside a V8 that collects when the test says so.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { Arena } = require('../../..');
const { ALLOCATED, FIELDS, KEPT, LOOKED } = require('../../../tools/placement/trial/counts.js');
const { Clock } = require('../../helpers/clock.js');
const { FakeV8 } = require('../../helpers/fake-v8.js');
const { fresh } = require('../../helpers/fresh.js');
const { gc } = require('../../helpers/until.js');

const SECOND = 1000;

/**
 * A watch, with sites and Buffers for it; `isLarge`: the heap is too large to be collected at the
 * end.
 */
function watched(t, { isLarge = false } = {}) {
  const clock = new Clock();
  const v8 = new FakeV8(clock);
  const collectNow = () => {
    if (!isLarge) gc();
    return !isLarge;
  };
  const { Watch } = fresh('tools/placement/trial/watch.js', {
    'memory/gc.js': { ...v8.fresh(), collectNow },
  });
  const watch = new Watch();
  const arena = new Arena();
  t.teardown(() => arena.close());
  return {
    watch,
    arena,
    clock,
    site: () => ({ counts: new Float64Array(FIELDS.length) }),
    give(site, buffer = arena.allocUnsafe(64)) {
      clock.use(() => watch.gave(site, buffer));
      site.counts[ALLOCATED]++;
      return buffer;
    },
    /** V8 ends a collection, and the watch hears of it. */
    collection() {
      v8.end();
      clock.pass(SECOND);
    },
  };
}

const sums = ({ counts }) => [counts[LOOKED], counts[KEPT]];

test('a Buffer is kept when it is there after two collections since its response', (t) => {
  const { give, site, clock, collection, arena } = watched(t);
  const rows = site();
  const buffer = give(rows);
  for (let n = 0; n < 3; n++) collection();
  t.deepEqual(sums(rows), [0, 0]); // its request is not over
  arena.reset();
  clock.pass(5 * SECOND);
  t.deepEqual(sums(rows), [0, 0]);
  collection();
  t.deepEqual(sums(rows), [0, 0]);
  collection();
  t.deepEqual(sums(rows), [1, 1]);
  t.is(buffer.length, 0);
  t.is(clock.timers.length, 0);
});

test('one that is gone is not, and the watch begins anew', async (t) => {
  const { give, site, clock, arena } = watched(t);
  const rows = site();
  give(rows);
  arena.reset();
  await turn();
  gc();
  clock.pass(SECOND);
  t.deepEqual(sums(rows), [1, 0]);
  t.is(clock.timers.length, 0);
  const others = site();
  give(others);
  t.is(clock.timers.length, 1);
  t.false(clock.timers[0].refed);
});

test('of each site one Buffer in 16 is looked at, and so many at a time', async (t) => {
  const { give, site, clock, watch, arena } = watched(t);
  const [rows, others] = [site(), site()];
  for (let n = 0; n < 33; n++) {
    give(rows);
    give(others);
  }
  arena.reset();
  await turn();
  clock.use(() => watch.end());
  t.deepEqual(sums(rows), [3, 0]);
  t.deepEqual(sums(others), [3, 0]);
  for (let n = 0; n < 16 * 300; n++) give(rows);
  arena.reset();
  await turn();
  clock.use(() => watch.end());
  t.deepEqual(sums(rows), [3 + 256, 0]);
});

test('over a large heap the end tells nothing', async (t) => {
  const { give, site, watch, arena } = watched(t, { isLarge: true });
  const rows = site();
  const buffer = give(rows);
  arena.reset();
  await turn();
  watch.end();
  t.deepEqual(sums(rows), [0, 0]);
  t.is(buffer.length, 0);
});
