'use strict';

// Returns free pages inside a region's chunks to the operating system: at once by collect(), or in
// slices by ticks (memory/idle.js) while the event loop has little to do.

const { performance } = require('node:perf_hooks');
const time = require('../base/time.js');

// Tells whether a thread has little to do, by the utilisation of its event loop.

const IDLE = 0.1; // the event loop is idle if it was busy for less than this part of the time

/** The original: an application's tests may replace it. */
const { eventLoopUtilization } = performance;

/**
 * Returns a function that tells whether the event loop mostly waited since its last call; false the
 * first time.
 */
function quietness() {
  let last;
  return () => {
    const before = last;
    last = eventLoopUtilization();
    return before !== undefined && eventLoopUtilization(last, before).utilization <= IDLE;
  };
}

const SLICE_MS = 4;

class Collector {
  collected = 0; // bytes that went back
  #core;
  #next = 0; // the index of the chunk to continue with
  #isQuiet = quietness();

  constructor(core) {
    this.#core = core;
  }

  /** Gives all free memory back. */
  collect() {
    const core = this.#core;
    core.checkLive();
    core.settle();
    const before = core.chunkCount;
    const whole = this.#begin();
    const bytes = whole + this.#givePages(Number.POSITIVE_INFINITY);
    return { chunks: before - core.chunkCount, bytes };
  }

  /** Called once a second: does nothing while the thread is busy. */
  tick() {
    const { chunks, spans } = this.#core;
    if (!this.#isQuiet()) return;
    if (this.#next >= chunks.all.length) {
      if (!spans.isDirty) return;
      this.#begin();
    }
    this.#givePages(time.now() + SLICE_MS);
  }

  /** Gives back wholly free chunks; returns their bytes. */
  #begin() {
    const { chunks, spans } = this.#core;
    spans.isDirty = false;
    this.#next = 0;
    const bytes = chunks.giveBack();
    chunks.dropRecords();
    this.collected += bytes;
    return bytes;
  }

  /**
   * Gives back free pages of one chunk after another, until the time is up; returns their bytes.
   */
  #givePages(until) {
    const { chunks } = this.#core;
    let bytes = 0;
    while (this.#next < chunks.all.length && time.now() < until) {
      const chunk = chunks.all[this.#next++];
      if (chunk === null || chunks.checkLost(chunk)) continue;
      const decommitted = chunks.decommit(chunk);
      bytes += decommitted;
      this.collected += decommitted;
    }
    return bytes;
  }
}

module.exports = { Collector, quietness };
