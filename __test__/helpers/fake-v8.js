'use strict';

// V8's collector as a test has it: how large its heap is, whether it marks, and the processor's time, which is a clock's. All that the
// copy of memory/gc.js sees of V8 which `fresh()` makes.

const hooks = require('node:perf_hooks');
const process = require('node:process');
const v8 = require('node:v8');
const { fresh } = require('./fresh.js');

const { constants } = hooks;

class FakeV8 {
  heap;
  pausedMs = 0; // of the time, in which the processor was given to others
  observers = 0;
  #clock;
  #callback = null;
  #untold = []; // what no callback was told

  constructor(clock, heap = 0) {
    this.#clock = clock;
    this.heap = heap;
  }

  /** Calls `act`, in the clock's time, with this in the place of V8. */
  use(act) {
    const fake = this;
    const clock = this.#clock;
    class PerformanceObserver {
      constructor(callback) {
        fake.#callback = callback;
        fake.observers++;
      }
      observe({ entryTypes }) {
        if (`${entryTypes}` !== 'gc') throw new Error(`observes ${entryTypes}`);
      }
      takeRecords() {
        return fake.#untold.splice(0);
      }
    }
    const cpuUsage = (since = { user: 0 }) => ({
      user: (clock.now - this.pausedMs) * 1000 - since.user,
      system: 0,
    });
    const fakes = [
      [hooks, 'PerformanceObserver', PerformanceObserver],
      [process, 'cpuUsage', cpuUsage],
      [v8, 'getHeapStatistics', () => ({ used_heap_size: this.heap })],
    ];
    const real = fakes.map(([module, name]) => module[name]);
    for (const [module, name, value] of fakes) module[name] = value;
    try {
      return clock.use(act);
    } finally {
      fakes.forEach(([module, name], i) => {
        module[name] = real[i];
      });
    }
  }

  fresh() {
    return this.use(() => fresh('memory/gc.js'));
  }

  /** It begins to mark. */
  begin() {
    this.#tell(constants.NODE_PERFORMANCE_GC_INCREMENTAL);
  }

  /** A major collection ends. */
  end() {
    this.#tell(constants.NODE_PERFORMANCE_GC_MAJOR);
  }

  minor() {
    this.#tell(constants.NODE_PERFORMANCE_GC_MINOR);
  }

  /** As end(), where nobody has called back yet. */
  endUntold() {
    this.#untold.push({ detail: { kind: constants.NODE_PERFORMANCE_GC_MAJOR } });
  }

  #tell(kind) {
    const entry = { detail: { kind } };
    if (this.#callback === null) this.#untold.push(entry);
    else this.#clock.use(() => this.#callback({ getEntries: () => [entry] }));
  }
}

module.exports = { FakeV8 };
