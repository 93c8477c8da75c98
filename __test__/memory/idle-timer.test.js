'use strict';
// tier: run-time

// When idle memory is looked at, and for how long at a time: in a clock that the tests move, on pools that take
// a while and count.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const time = require('../../lib/base/time.js');

/** The idle timer in a clock of its own; `pool()` makes one whose tick takes `ms` and is noted in `visits`. */
function idleTimer() {
  const clock = new Clock();
  const trims = []; // when the depot was trimmed, and how old what it lets go may be
  let chunks = 0; // in the depot
  const trimDepot = (ms) => {
    trims.push([clock.now - begun, ms]);
    return chunks;
  };
  const idle = fresh('memory/idle.js', { 'memory/native.js': { trimDepot } });
  const begun = clock.now;
  const visits = []; // [pool, ms since the beginning]
  const pool = (name, ms, stays = () => true) => ({
    watched: false,
    tick() {
      visits.push([name, clock.now - begun]);
      clock.now += ms;
      return stays();
    },
  });
  return {
    clock,
    trims,
    visits,
    pool,
    watch: (one, everyMs) => clock.use(() => idle.watch(one, everyMs)),
    watchDepot: () => clock.use(() => idle.watchDepot()),
    keepInDepot: (count) => {
      chunks = count;
    },
  };
}

test('pools are looked at once a second, in the order of their coming', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  const pools = ['a', 'b'].map((name) => pool(name, 0));
  for (const one of pools) watch(one);
  clock.pass(999);
  t.deepEqual(visits, []);
  clock.pass(1);
  t.deepEqual(visits, [
    ['a', 1000],
    ['b', 1000],
  ]);
  clock.pass(3000);
  t.deepEqual(
    visits.map(([, at]) => at),
    [1000, 1000, 2000, 2000, 3000, 3000, 4000, 4000],
  );
});

test('a tick over many pools stops after 4 ms, and goes on 16 ms later where it stopped', (t) => {
  const { clock, visits, trims, pool, watch } = idleTimer();
  const pools = Array.from({ length: 10 }, (_, i) => pool(i, 1));
  for (const one of pools) watch(one);
  clock.pass(1000);
  t.deepEqual(visits, [
    [0, 1000],
    [1, 1001],
    [2, 1002],
    [3, 1003],
  ]);
  clock.pass(15);
  t.is(visits.length, 4, 'the loop has its turn');
  clock.pass(1);
  t.deepEqual(visits.slice(4), [
    [4, 1020],
    [5, 1021],
    [6, 1022],
    [7, 1023],
  ]);
  t.deepEqual(trims, [], 'the round is not over');
  clock.pass(20);
  t.deepEqual(visits.slice(8), [
    [8, 1040],
    [9, 1041],
  ]);
  t.deepEqual(trims, [[1042, 1000]]);
  clock.pass(955);
  t.is(visits.length, 10);
  clock.pass(1);
  t.deepEqual(visits.slice(10, 12), [
    [0, 2000],
    [1, 2001],
  ]);
});

test('a pool that has nothing left is not looked at again, until it is watched again', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  let has = false;
  const one = pool('a', 0, () => has);
  watch(one);
  t.true(one.watched);
  clock.pass(1000);
  t.false(one.watched);
  t.is(clock.timers.length, 0, 'no timer without work');
  clock.pass(5000);
  t.is(visits.length, 1);
  has = true;
  watch(one);
  clock.pass(2000);
  t.is(visits.length, 3);
});

test('a pool that is watched twice is looked at once, and there is one timer', (t) => {
  const { clock, visits, pool, watch, watchDepot } = idleTimer();
  const one = pool('a', 0);
  for (let i = 0; i < 3; i++) watch(one);
  watchDepot();
  t.is(clock.timers.length, 1);
  clock.pass(1000);
  t.is(visits.length, 1);
  t.is(clock.timers.length, 1);
});

test('the timer keeps no process alive', (t) => {
  const { clock, pool, watch } = idleTimer();
  const one = pool('a', 0);
  watch(one);
  for (let i = 0; i < 3; i++) {
    t.deepEqual(
      clock.timers.map(({ refed }) => refed),
      [false],
    );
    clock.pass(1000);
  }
});

test('while something is in the depot it is trimmed once a second, of what lay there for one', (t) => {
  const { clock, trims, watchDepot, keepInDepot } = idleTimer();
  keepInDepot(2);
  watchDepot();
  clock.pass(3000);
  t.deepEqual(trims, [
    [1000, 1000],
    [2000, 1000],
    [3000, 1000],
  ]);
  keepInDepot(0);
  clock.pass(1000);
  t.is(clock.timers.length, 0);
  clock.pass(5000);
  t.is(trims.length, 4);
});

test('while pools are watched the depot is: what finalizers bring to it comes without a word', (t) => {
  const { clock, trims, pool, watch, keepInDepot } = idleTimer();
  const one = pool('a', 0);
  watch(one);
  clock.pass(3000);
  t.is(trims.length, 3);
  keepInDepot(1);
  clock.pass(1000);
  t.is(trims.length, 4);
});

test('targets of a shorter interval come more often, and before those of longer ones', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  const [slow, quick] = [pool('second', 0), pool('50 ms', 0)];
  watch(slow);
  clock.pass(10);
  watch(quick, 50);
  clock.pass(989);
  t.deepEqual(
    visits,
    Array.from({ length: 19 }, (_, i) => ['50 ms', 60 + 50 * i]),
  );
  clock.pass(1);
  t.deepEqual(visits.slice(19), [['second', 1000]]);
  t.is(clock.timers.length, 1, 'by one timer');
});

test('many targets of a long interval do not delay those of a short one', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  const many = Array.from({ length: 100 }, (_, i) => pool(i, 3));
  for (const one of many) watch(one);
  const quick = pool('50 ms', 0);
  watch(quick, 50);
  clock.pass(4000);
  const times = visits.filter(([name]) => name === '50 ms').map(([, at]) => at);
  const longest = Math.max(...times.slice(1).map((at, i) => at - times[i]));
  t.true(longest <= 80, `${longest} ms`);
});

test('a pool whose tick throws stops neither the others nor the timer', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  const thrower = pool('thrower', 0, () => {
    throw new Error('a tick failed');
  });
  for (const one of [thrower, pool('other', 0)]) watch(one);
  t.throws(() => clock.pass(1000), { message: 'a tick failed' });
  clock.pass(20);
  t.deepEqual(
    visits.map(([name]) => name),
    ['thrower', 'other'],
  );
  t.throws(() => clock.pass(1000), { message: 'a tick failed' }, 'and the next second begins anew');
});

test('a clock that was ahead for a while delays the next look by one interval at most', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  const { now } = clock;
  clock.now += 30 * 24 * 3600 * 1000;
  watch(pool('a', 0));
  const [timer] = clock.timers;
  clock.now = now;
  timer.at = now + 1000; // as a real timer, which goes by another clock
  clock.pass(1000);
  t.deepEqual(visits, [], 'that look was due in a month');
  clock.pass(1000);
  t.is(visits.length, 1);
  t.true(clock.timers[0].at <= clock.now + 1000);
});

test('where a timer is a number it is set all the same', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  clock.use(() => {
    const { setTimeout: set } = time; // use() puts the real one back
    time.setTimeout = (...args) => void set(...args) ?? 1;
    watch(pool('a', 0), 50);
  });
  clock.pass(50);
  t.deepEqual(visits, [['a', 50]]);
});

test('what joins a round in the midst of its visits waits for the pause as the rest does', (t) => {
  const { clock, visits, pool, watch } = idleTimer();
  for (let i = 0; i < 10; i++) watch(pool(i, 1), 50);
  clock.pass(50);
  t.is(visits.length, 4);
  const [before] = clock.timers;
  watch(pool('late', 0), 50);
  t.deepEqual(clock.timers, [before]);
  clock.pass(16);
  t.is(visits.length, 8);
});
