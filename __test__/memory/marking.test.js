'use strict';
// tier: run-time, differs

// What is learnt of V8's collector: whether it marks, when a major collection has ended, and what one takes. Of a large heap none is asked for
// while V8 marks, or may mark, and none for a long while after one that was dear.

const { serial: test } = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const v8 = require('node:v8');
const { Clock } = require('../helpers/clock.js');
const { FakeV8 } = require('../helpers/fake-v8.js');
const { fresh } = require('../helpers/fresh.js');
const { gc } = require('../helpers/until.js');

const LARGE = 2 ** 30;

/** Calls `act` where collections are `collect`. */
function collectingBy(collect, act) {
  const own = globalThis.gc;
  globalThis.gc = collect;
  try {
    return act();
  } finally {
    globalThis.gc = own;
  }
}

/** Calls `act` where the heap has so many `bytes`. */
function heapOf(bytes, act) {
  const { getHeapStatistics } = v8;
  v8.getHeapStatistics = () => ({ used_heap_size: bytes });
  try {
    return act();
  } finally {
    v8.getHeapStatistics = getHeapStatistics;
  }
}

test('nothing is known at first; after a full collection V8 does not mark', async (t) => {
  const { requestGc } = fresh('memory/gc.js');
  const ask = () => heapOf(LARGE, () => requestGc({ urgent: true }));
  t.false(ask());
  gc();
  await turn();
  t.true(ask());
});

test('a full collection is one of those that are counted', async (t) => {
  const { MajorCount } = fresh('memory/gc.js');
  const majors = new MajorCount();
  t.is(majors.count, 0);
  gc();
  await turn();
  t.is(majors.count, 1);
});

test('V8 marks from the start of it to its end', (t) => {
  const clock = new Clock();
  const fake = new FakeV8(clock, LARGE);
  const { requestGc } = fake.fresh();
  const ask = () => fake.use(() => requestGc({ urgent: true }));
  const run = () =>
    collectingBy(
      () => {},
      () => fake.use(() => clock.turn()),
    );
  t.false(ask());
  fake.end();
  t.true(ask());
  run();
  fake.begin();
  t.false(ask());
  fake.minor();
  t.false(ask(), 'a collection of the young generation is no end');
  fake.endUntold();
  t.true(ask(), 'also when the callback was not told yet');
  t.is(fake.observers, 1);
});

test('a pause of the machine in the middle of a collection is not what it took', (t) => {
  const clock = new Clock();
  const fake = new FakeV8(clock);
  const { requestGc } = fake.fresh();
  const ask = () => fake.use(() => requestGc({ urgent: true }));
  const collect = () => {
    clock.now += 1000;
    fake.pausedMs += 960;
  };
  t.true(ask());
  collectingBy(collect, () => fake.use(() => clock.turn()));
  t.true(ask(), '40 ms are not dear');
});

test('the time that the processor gave is what a collection took', (t) => {
  const real = heapOf(0, () => fresh('memory/gc.js'));
  const clock = new Clock();
  const ask = () => heapOf(0, () => clock.use(() => real.requestGc({ urgent: true })));
  const collect = () => {
    clock.now += 1000;
    const begun = process.cpuUsage();
    const spent = ({ user, system }) => user + system;
    while (spent(process.cpuUsage(begun)) < 60_000);
  };
  t.true(ask());
  collectingBy(collect, () => heapOf(0, () => clock.turn()));
  t.false(ask(), 'it was dear');
});
