'use strict';
// tier: run-time, differs

const test = require('ava');
const { spawnSync } = require('node:child_process');
const { setImmediate: turn } = require('node:timers/promises');
const { fresh } = require('../helpers/fresh.js');
const { gc } = require('../helpers/until.js');

test('nothing is known at first; after a full collection V8 does not mark', async (t) => {
  const { isMarking } = fresh('memory/marking.js');
  t.is(isMarking(), null);
  gc();
  await turn();
  t.is(isMarking(), false);
});

test('V8 marks from the start of it to its end', async (t) => {
  const seen = [];
  const { constants } = require('node:perf_hooks');
  class PerformanceObserver {
    constructor(callback) {
      this.callback = callback;
      seen.push(this);
    }
    observe(what) {
      t.deepEqual(what, { entryTypes: ['gc'] });
    }
    takeRecords() {
      return this.records?.splice(0) ?? [];
    }
  }
  const hooks = require('node:perf_hooks');
  const real = hooks.PerformanceObserver;
  hooks.PerformanceObserver = PerformanceObserver;
  t.teardown(() => {
    hooks.PerformanceObserver = real;
  });
  const { isMarking } = fresh('memory/marking.js');
  const entry = (kind) => ({ detail: { kind } });
  t.is(isMarking(), null);
  const [observer] = seen;
  observer.callback({ getEntries: () => [entry(constants.NODE_PERFORMANCE_GC_INCREMENTAL)] });
  t.true(isMarking());
  observer.callback({ getEntries: () => [entry(constants.NODE_PERFORMANCE_GC_MINOR)] });
  t.true(isMarking(), 'a collection of the young generation is no end');
  observer.records = [entry(constants.NODE_PERFORMANCE_GC_MAJOR)];
  t.false(isMarking(), 'also when the callback was not told yet');
  t.is(seen.length, 1);
});

test('the time of an act is what it took, and no more than the processors gave', (t) => {
  const { timeOf, heapBytes } = fresh('memory/marking.js');
  const busy = timeOf(() => {
    // Of its own time: others may have the processor meanwhile.
    const begun = process.cpuUsage();
    const spent = ({ user, system }) => user + system;
    while (spent(process.cpuUsage(begun)) < 20_000);
  });
  t.true(busy > 1, `${busy}`);
  const begun = performance.now();
  const asleep = timeOf(() =>
    spawnSync(process.execPath, ['-e', 'for (let i = 0; i < 1e8; i++);']),
  );
  const waited = performance.now() - begun;
  t.true(asleep < waited / 2, `${asleep} ms of the processor in ${waited} of waiting`);
  t.true(heapBytes() > 1024 * 1024);
});
