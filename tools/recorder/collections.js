'use strict';

// V8's collections, and when they were: they decide what a death tells. The young generation is looked through by minor ones. What survived two of them only a
// major one finds.

const { PerformanceObserver, constants, performance } = require('node:perf_hooks');
const { attempt } = require('../../lib/base/attempt.js');
const time = require('../../lib/base/time.js');
const { requestGc } = require('../../lib/memory/gc.js');

const { NODE_PERFORMANCE_GC_MAJOR: MAJOR, NODE_PERFORMANCE_GC_INCREMENTAL: STEP } = constants;
const { NODE_PERFORMANCE_GC_WEAKCB: CALLBACKS } = constants;

/**
 * What a minor one costs that V8 did not want, in times of its pause: its other threads, and a major one that comes sooner, since what is in use
 * at that moment is promoted (on a server of 64 KiB bodies 1 ms of pauses cost 5 to 10 ms).
 */
const COST = 5;

/** Minor ones that are remembered; between the first of two halves nobody asks any more but for samples as old. */
const MOST = 8192;

/** The times of collections, in order. */
class Log {
  starts = [];
  ends = [];
  /** When those began to look for what lives: before their starts where V8 marked beside the application. */
  looks = [];
  count = 0; // of all times

  add(start, end, looked = start) {
    this.starts.push(start);
    this.ends.push(end);
    this.looks.push(looked);
    this.count++;
    if (this.starts.length < MOST) return;
    for (const times of [this.starts, this.ends, this.looks]) times.splice(0, MOST / 2);
  }

  get lastStart() {
    return this.starts.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** The index of the first that began at `at` or later, by these `times`. */
  firstFrom(at, times = this.starts) {
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (times[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many looked from `from` on, and began before `to`. */
  between(from, to) {
    return Math.max(0, this.firstFrom(to) - this.firstFrom(from, this.looks));
  }

  /** The start of the first of these; Infinity where there is none. */
  firstBetween(from, to) {
    const start = this.starts[this.firstFrom(from, this.looks)];
    return start < to ? start : Number.POSITIVE_INFINITY;
  }

  /** The end of the `nth` that began after `at`; Infinity without one. What is older than the log is older than two of them. */
  endAfter(at, nth) {
    if (this.count > this.starts.length && this.starts[0] > at) return at;
    return this.ends[this.firstFrom(at) + nth - 1] ?? Number.POSITIVE_INFINITY;
  }
}

/**
 * What time.now() is when performance.now() is 0: one clock, read from different beginnings. Of some readings the quickest, during which this
 * thread was not stopped.
 */
function readBeginning() {
  let best = { took: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 8; i++) {
    const before = time.now();
    const theirs = performance.now();
    const took = time.now() - before;
    if (took < best.took) best = { took, beginning: before - theirs };
  }
  return best.beginning;
}

const beginning = readBeginning();

class Collections {
  #minors = new Log();
  #majors = new Log();
  #marking; // when V8 began to mark for the next major one
  #observer = null;
  #share;
  #asked = false;
  #askedMs = 0; // that the last one took which was asked for
  #spentMs = 0;

  /** Those that are asked for take this part of the time, at most. */
  constructor(share) {
    this.#share = share;
  }

  start() {
    this.#observer = new PerformanceObserver((list) =>
      attempt(() => this.#learn(list.getEntries())),
    );
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop() {
    this.#observer?.disconnect();
    this.#observer = null;
  }

  /** Learns of those that the observer was not called for yet. */
  note() {
    if (this.#observer !== null) this.#learn(this.#observer.takeRecords());
  }

  #learn(entries) {
    for (const { startTime, duration, detail } of entries) {
      if (detail.kind === CALLBACKS) continue;
      const start = beginning + startTime;
      if (detail.kind === STEP) {
        this.#marking ??= start;
        continue;
      }
      if (detail.kind === MAJOR) {
        this.#majors.add(start, start + duration, this.#marking);
        this.#marking = undefined;
      } else {
        this.#minors.add(start, start + duration);
      }
      if (!this.#asked) continue;
      this.#asked = false; // while V8 marks, a major one is what comes of it
      this.#askedMs = duration;
      this.#spentMs += duration;
    }
  }

  /** Milliseconds that those took which were asked for, since the last call. */
  takeSpent() {
    const spent = this.#spentMs;
    this.#spentMs = 0;
    return spent;
  }

  /** How many major ones there were. */
  get majors() {
    return this.#majors.count;
  }

  /** How many there were, of both kinds. */
  get count() {
    return this.#minors.count + this.#majors.count;
  }

  /** When the last minor one began. */
  get lastMinor() {
    return this.#minors.lastStart;
  }

  /**
   * Asks for a minor one, unless there was one of any kind in the last `everyMs`: one that V8 did not want costs more than its time, for the
   * young generation stays small. Whether there will be one.
   */
  ask(now, everyMs) {
    const last = Math.max(this.lastMinor, this.#majors.lastStart);
    if (now - last < Math.max(everyMs, (COST * this.#askedMs) / this.#share)) return false;
    const isComing = requestGc();
    if (isComing) this.#asked = true;
    return isComing;
  }

  /** When what was born at `born` had survived two minor ones, or a major one, which promotes all; never: Infinity. */
  promotedAt(born) {
    return Math.min(this.#minors.endAfter(born, 2), this.#majors.endAfter(born, 1));
  }

  /** The start of the last that began before `heard`, and whether it was a major one. A death that was heard then is of that one. */
  before(heard) {
    const minor =
      this.#minors.starts[this.#minors.firstFrom(heard) - 1] ?? Number.NEGATIVE_INFINITY;
    const major =
      this.#majors.starts[this.#majors.firstFrom(heard) - 1] ?? Number.NEGATIVE_INFINITY;
    return { at: Math.max(minor, major), isMajor: major > minor };
  }

  /**
   * How many began from `from` on and before `to` that could have found what was born at `born` dead: no minor one once it was promoted, and no major one that
   * had begun to mark before, for what it has marked it keeps.
   */
  sufficient(from, to, born) {
    const until = Math.min(to, this.promotedAt(born));
    return this.#majors.between(from, to) + this.#minors.between(from, until);
  }

  /** The start of the first of these; Infinity where there is none. */
  firstSufficient(from, to, born) {
    const until = Math.min(to, this.promotedAt(born));
    return Math.min(this.#majors.firstBetween(from, to), this.#minors.firstBetween(from, until));
  }
}

module.exports = { Collections };
