'use strict';

// What V8's collector is about, as far as it can be seen from outside: whether it marks the old generation, which
// it does in steps between a start and one stop of the world, how large its heap is, and what a collection takes.

const { PerformanceObserver, constants } = require('node:perf_hooks');
const process = require('node:process');
const v8 = require('node:v8');
const time = require('../base/time.js');

const { NODE_PERFORMANCE_GC_INCREMENTAL: START, NODE_PERFORMANCE_GC_MAJOR: END } = constants;
let observer = null;
let known = null;
let ended = Number.NEGATIVE_INFINITY;

function learn(entries) {
  for (const { detail } of entries) {
    if (detail.kind === START) known = true;
    else if (detail.kind === END) {
      known = false;
      ended = time.now();
    }
  }
}

/** Whether V8 marks; null before the first sign. It is observed from the first call on: some microseconds a collection. */
function isMarking() {
  if (observer === null) {
    observer = new PerformanceObserver((list) => learn(list.getEntries()));
    observer.observe({ entryTypes: ['gc'] });
  }
  learn(observer.takeRecords()); // what the callback has not been told yet
  return known;
}

/** When the last major collection ended of which isMarking() has heard. */
const endOfMajor = () => ended;

/** Bytes of V8's heap in use, garbage included (some 2 µs). */
const heapBytes = () => v8.getHeapStatistics().used_heap_size;

/** As it is before an application's tests replace it. */
const { cpuUsage } = process;

/** Milliseconds of a synchronous `act` that the machine gave this process: others may have had the processor. */
function timeOf(act) {
  const start = time.now();
  const cpu = cpuUsage();
  act();
  const { user, system } = cpuUsage(cpu); // of all threads
  return Math.min(time.now() - start, (user + system) / 1000);
}

module.exports = { isMarking, endOfMajor, heapBytes, timeOf };
