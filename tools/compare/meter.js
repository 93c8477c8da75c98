'use strict';

// What a phase costs the process it runs in: CPU time of all its threads (user and system), and
// V8's collections, as Node's own PerformanceObserver reports them.

const fs = require('node:fs');
const { constants, PerformanceObserver } = require('node:perf_hooks');
const { setImmediate: turn } = require('node:timers/promises');

/**
 * Kinds of collections. A mark-sweep-compact is one and a scavenge another; the steps of
 * incremental marking are a third.
 */
const KINDS = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minorGcs',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'majorGcs',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incrementalGcs',
};

const nothing = () => ({ gcMs: 0, minorGcs: 0, majorGcs: 0, incrementalGcs: 0 });

class Meter {
  #gcs = nothing();
  #cpu = process.cpuUsage();
  #observer = new PerformanceObserver((list) => this.#add(list.getEntries()));

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  #add(entries) {
    for (const { duration, detail } of entries) {
      this.#gcs.gcMs += duration;
      if (detail.kind in KINDS) this.#gcs[KINDS[detail.kind]]++;
    }
  }

  /** What was used since the last call: `{ cpuUs, gcMs, minorGcs, majorGcs, incrementalGcs }`. */
  async lap() {
    await turn(); // entries are delivered in a later turn than their collection
    this.#add(this.#observer.takeRecords());
    const { user, system } = process.cpuUsage(this.#cpu);
    const lap = { cpuUs: user + system, ...this.#gcs };
    this.#gcs = nothing();
    this.#cpu = process.cpuUsage();
    return lap;
  }
}

/** The most bytes this process ever had resident. */
function peakRss() {
  try {
    // Not resourceUsage().maxRSS where it can be avoided: Linux lets a child inherit its parent's.
    const status = fs.readFileSync('/proc/self/status', 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

module.exports = { Meter, peakRss };
