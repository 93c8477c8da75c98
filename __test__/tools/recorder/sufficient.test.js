'use strict';
// tier: tools

// Which of V8's collections could have found something dead, by what Node tells of them.

const test = require('ava');
const perf = require('node:perf_hooks');
const { setImmediate: turn } = require('node:timers/promises');
const time = require('../../../lib/base/time.js');

const { NODE_PERFORMANCE_GC_MAJOR: MAJOR, NODE_PERFORMANCE_GC_MINOR: MINOR } = perf.constants;
const { NODE_PERFORMANCE_GC_INCREMENTAL: MARKING, NODE_PERFORMANCE_GC_WEAKCB: CALLBACKS } =
  perf.constants;

/** Told by Node next. */
let entries = [];

class Observer {
  observe() {}
  disconnect() {}
  takeRecords() {
    return entries.splice(0);
  }
}

const { PerformanceObserver, performance } = perf;
const { now } = time;
time.now = () => 0; // the clock of these entries begins where time.now() does
Object.assign(perf, { PerformanceObserver: Observer, performance: { now: () => 0 } });
const { Collections } = require('../../../tools/recorder/collections.js');
Object.assign(perf, { PerformanceObserver, performance });
time.now = now;

/** Collections of [kind, start], each of 1 ms. */
function after(...told) {
  const collections = new Collections(1);
  collections.start();
  entries = told.map(([kind, startTime]) => ({ startTime, duration: 1, detail: { kind } }));
  collections.note();
  return collections;
}

test('a minor one finds what was not promoted', (t) => {
  const collections = after([MINOR, 10], [MINOR, 20], [MINOR, 30]);
  t.is(collections.sufficient(5, 15, 1), 1);
  t.is(collections.sufficient(5, 35, 1), 2); // by the third it had survived two
  t.is(collections.sufficient(25, 35, 22), 1);
  t.is(collections.sufficient(12, 18, 1), 0);
  t.is(collections.count, 3);
});

test('a major one finds all that was dead when it began to mark', (t) => {
  const collections = after([MINOR, 5], [MARKING, 10], [CALLBACKS, 15], [MAJOR, 20], [MAJOR, 30]);
  t.is(collections.sufficient(9, 25, 8), 1);
  t.is(collections.sufficient(12, 25, 8), 0);
  t.is(collections.sufficient(12, 35, 8), 1); // it had marked nothing before its start
  t.is(collections.sufficient(20, 31, 8), 1);
  t.is(collections.sufficient(30, 31, 8), 1);
  t.is(collections.sufficient(31, 40, 8), 0);
  t.is(collections.count, 3);
  t.is(collections.majors, 2);
});

test('the first that could have found it', (t) => {
  const first = (collections, ...between) => collections.firstSufficient(...between);
  const minors = after([MINOR, 10], [MINOR, 20], [MINOR, 30]);
  t.is(first(minors, 5, 35, 1), 10);
  t.is(first(minors, 15, 35, 12), 20);
  t.is(first(minors, 5, 10, 1), Number.POSITIVE_INFINITY);
  t.is(first(minors, 25, 35, 1), Number.POSITIVE_INFINITY); // it had survived two
  const majors = after([MINOR, 5], [MARKING, 10], [MAJOR, 20], [MAJOR, 30], [MINOR, 40]);
  t.is(first(majors, 12, 45, 8), 30);
  t.is(first(majors, 9, 45, 8), 20);
  t.is(first(majors, 35, 45, 33), 40);
});

test('five times the pause of the last one is within the share that they may take', async (t) => {
  const collections = after();
  t.true(collections.ask(0, 0));
  entries = [{ startTime: 100, duration: 1, detail: { kind: MINOR } }];
  collections.note();
  await turn(); // it is there, and asks for nothing more
  await turn();
  const { now } = time;
  time.now = () => now() + 1e9; // whatever it took
  t.teardown(() => Object.assign(time, { now }));
  t.false(collections.ask(104.9, 0));
  t.true(collections.ask(105, 0));
});
