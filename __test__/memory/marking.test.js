'use strict';
// tier: run-time, differs by Node

// What is learnt of the real V8: when a major collection has ended, and what one takes. gc.test.js has what comes of it.

const { serial: test } = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const v8 = require('node:v8');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { gc } = require('../helpers/until.js');

const LARGE = 2 ** 30;

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

test('nothing is known at first; after a full collection, which is counted, V8 does not mark', async (t) => {
  const { MajorCount, requestGc } = fresh('memory/gc.js');
  const majors = new MajorCount();
  const ask = () => heapOf(LARGE, () => requestGc({ urgent: true }));
  t.false(ask());
  t.is(majors.count, 0);
  gc();
  await turn();
  t.true(ask());
  t.is(majors.count, 1);
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
  const { gc: own } = globalThis;
  t.teardown(() => {
    globalThis.gc = own;
  });
  globalThis.gc = collect;
  heapOf(0, () => clock.turn());
  t.false(ask(), 'it was dear');
});
