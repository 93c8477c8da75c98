'use strict';

// The times of V8's collections, which decide what a death says about a lifetime. Minor collections
// find dead objects of the young generation; objects that survived two of them are found only by a
// major one.

const { PerformanceObserver, constants, performance } = require('node:perf_hooks');
const { attempt } = require('../../lib/base/attempt.js');
const time = require('../../lib/base/time.js');
const { requestGc } = require('../../lib/memory/gc.js');

const { NODE_PERFORMANCE_GC_MAJOR: MAJOR, NODE_PERFORMANCE_GC_INCREMENTAL: STEP } = constants;
const { NODE_PERFORMANCE_GC_WEAKCB: CALLBACKS } = constants;

/**
 * The cost of a requested minor collection, as a multiple of its pause: it uses other threads, and
 * makes the next major collection come sooner, because it promotes objects in use (on a server with
 * 64 KiB bodies, 1 ms of pauses costs 5 to 10 ms).
 */
const COST = 5;

const MOST = 8192; // how many minor collections are remembered; only samples that are as old need the older half

/** The times of collections, in order. */
class Log {
  starts = [];
  ends = [];
  /** When each began to mark: earlier than its start if V8 marked concurrently. */
  looks = [];
  count = 0; // of all collections, including forgotten ones

  add(start, end, looked = start) {
    this.starts.push(start);
    this.ends.push(end);
    this.looks.push(looked);
    this.count++;
    if (this.starts.length < MOST) return;
    for (const times of [this.starts, this.ends, this.looks]) times.splice(0, MOST / 2);
  }

  /** The index of the first collection at `at` or later, by these `times`. */
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

  /** When the last collection before `at` began. */
  before(at) {
    return this.starts[this.firstFrom(at) - 1] ?? Number.NEGATIVE_INFINITY;
  }

  /** How many collections began to mark at `from` or later, and began before `to`. */
  between(from, to) {
    return Math.max(0, this.firstFrom(to) - this.firstFrom(from, this.looks));
  }

  /** The start of the first collection of between(); Infinity if there is none. */
  firstBetween(from, to) {
    const start = this.starts[this.firstFrom(from, this.looks)];
    return start < to ? start : Number.POSITIVE_INFINITY;
  }

  /**
   * The end of the `nth` collection that began after `at`; Infinity without one. A time before the
   * log's first counts as older than any two collections.
   */
  endAfter(at, nth) {
    if (this.count > this.starts.length && this.starts[0] > at) return at;
    return this.ends[this.firstFrom(at) + nth - 1] ?? Number.POSITIVE_INFINITY;
  }
}

/**
 * The value of time.now() at performance.now() = 0; both read one clock. An interruption between
 * the two makes a reading smaller, so the largest of several is right.
 */
const beginning = Math.max(...Array.from({ length: 8 }, () => time.now() - performance.now()));

class Collections {
  #minors = new Log();
  #majors = new Log();
  #marking; // when V8 began to mark for the next major collection
  #observer = null;
  #share;
  #asked = false;
  #askedMs = 0; // how long the last requested collection took
  /** Milliseconds that requested collections took; the recorder sets it back. */
  spentMs = 0;

  /** `share`: the largest part of the time that requested collections may take. */
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

  /** Reads the entries that the observer has not been called with yet. */
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
      this.#asked = false; // if V8 is marking, it answers a request with a major collection
      this.#askedMs = duration;
      this.spentMs += duration;
    }
  }

  get majors() {
    return this.#majors.count;
  }

  get count() {
    return this.#minors.count + this.#majors.count;
  }

  get lastMinor() {
    return this.#minors.before(Number.POSITIVE_INFINITY);
  }

  /**
   * What was born before, and is not dead, has survived the last two major ones: a single one also
   * leaves what dies while it marks.
   */
  get survivedSince() {
    return this.#majors.looks.at(-2) ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * Requests a minor collection, unless there was one of any kind in the last `everyMs`, or it
   * would cost more than its share. Returns whether there will be one.
   */
  ask(now, everyMs) {
    const last = this.before(Number.POSITIVE_INFINITY);
    if (now - last < Math.max(everyMs, (COST * this.#askedMs) / this.#share)) return false;
    const isComing = requestGc();
    if (isComing) this.#asked = true;
    return isComing;
  }

  /**
   * When an object born at `born` had survived two minor collections, or a major one, which
   * promotes everything; Infinity if it has not.
   */
  promotedAt(born) {
    return Math.min(this.#minors.endAfter(born, 2), this.#majors.endAfter(born, 1));
  }

  /**
   * The start of the last collection that began before `heard`. It found the death that was
   * reported then.
   */
  before(heard) {
    return Math.max(this.#minors.before(heard), this.#majors.before(heard));
  }

  /**
   * How many collections from `from` to `to` could have found an object dead: no minor one after it
   * was promoted, no major one that had begun to mark before.
   */
  sufficient(from, to, born) {
    const until = Math.min(to, this.promotedAt(born));
    return this.#majors.between(from, to) + this.#minors.between(from, until);
  }

  /** The start of the first collection of sufficient(); Infinity if there is none. */
  firstSufficient(from, to, born) {
    const until = Math.min(to, this.promotedAt(born));
    return Math.min(this.#majors.firstBetween(from, to), this.#minors.firstBetween(from, until));
  }
}

module.exports = { Collections };
