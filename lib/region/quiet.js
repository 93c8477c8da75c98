'use strict';

// Whether a thread has little to do, by the utilisation of its event loop.

const { performance } = require('node:perf_hooks');

const IDLE = 0.1; // of the time since the last look

/** As it is before an application's tests replace it. */
const { eventLoopUtilization } = performance;

class Quiet {
  #last = undefined;

  /** Whether the event loop mostly waited since the last look. False the first time. */
  look() {
    const before = this.#last;
    const now = eventLoopUtilization();
    this.#last = now;
    if (before === undefined) return false;
    return eventLoopUtilization(now, before).utilization <= IDLE;
  }
}

module.exports = { Quiet };
