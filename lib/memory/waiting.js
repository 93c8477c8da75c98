'use strict';

// Spans that wait: their arena has given them up, and something still claims them. The words, in
// order:
//
// A claim keeps a span from being reused. Users claim with hold(): a hold claims all that its epoch
// gives up; an epoch is the time between two resets (arena/window.js). An operation of Node claims
// each span that it was given a Buffer of (lib/node/guard/). When the last claim ends, the span is
// released, for the next arena or back to Rust. If it still waits after `holdMs`, it goes to
// quarantine: its bytes are not reused before V8 has collected every Buffer over it. Pins and limbo
// are words of Rust (src/lease/chunk.rs): a pin is an ArrayBuffer whose finalizer has not run; a
// chunk with pins and no span is in limbo.
//
// The list is a hint: a span waits as long as its state says so.

const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { WAITING, isClaimed, openOf } = require('./span.js');

class Waiting {
  #pool;
  #since = new Map(); // span -> the time when it began to wait
  #timer = null;

  constructor(pool, holdMs) {
    this.#pool = pool;
    this.restart(holdMs);
  }

  /** Resets the counters, for another arena. */
  restart(holdMs) {
    this.holdMs = holdMs;
    this.expired = { holds: 0, operations: 0 }; // those for which memory has waited `holdMs`
  }

  /** All spans in the list, for audits. */
  all() {
    return [...this.#since.keys()];
  }

  /** `policy`: that of the span's arena. */
  add(span, policy, claims) {
    const now = time.now();
    span.await(policy, claims);
    for (const holds of openOf(claims)) holds.claim(span, now);
    this.#since.set(span, now);
    this.#watch(this.#dueOf(span, now));
    this.#pool.hold(span);
  }

  /**
   * When a span expires. The time of a hold begins with the first span that waits for it; otherwise
   * its spans would expire one after another.
   */
  #dueOf({ claims }, since) {
    return Math.min(since, ...openOf(claims).map((holds) => holds.since)) + this.holdMs;
  }

  /**
   * Sets the timer, unless it is set: a new span is never due before the ones that wait already.
   */
  #watch(due) {
    if (this.#timer !== null) return;
    const timer = time.setTimeout(() => this.#expire(timer), Math.max(due - time.now(), 1));
    timer.unref?.();
    this.#timer = timer;
  }

  /** Called when a claim on these spans is over; the pool is busy. */
  settle(spans) {
    for (let i = spans.length - 1; i >= 0; i--) this.#settle(spans[i]);
    this.#pool.isBusy = false;
  }

  #settle(span) {
    if (span.state === WAITING) {
      if (isClaimed(span, span.claims)) return;
      this.#pool.release(span, span.policy);
    }
    this.#since.delete(span);
    if (this.#since.size > 0 || this.#timer === null) return;
    time.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Nothing waits any more. */
  abandon() {
    time.clearTimeout(this.#timer);
    this.#timer = null;
    this.#since = new Map();
  }

  #expire(timer) {
    if (timer !== this.#timer) return;
    this.#timer = null;
    const pool = this.#pool;
    pool.begin();
    const now = time.now();
    const late = new Set(); // Holds that have expired
    let isLate = false; // whether an operation has expired, of a span without open holds
    let next = Number.POSITIVE_INFINITY;
    for (const [span, since] of this.#since) {
      const due = this.#dueOf(span, since);
      if (due > now) {
        next = Math.min(next, due);
        continue;
      }
      if (span.state === WAITING) {
        const open = openOf(span.claims);
        for (const holds of open) late.add(holds);
        if (open.length === 0) {
          this.expired.operations += span.operations;
          isLate = true;
        }
        pool.quarantine(span, span.policy.wipe);
      }
      this.#since.delete(span);
    }
    const told = [...late].map((holds) => ({ holds, count: holds.expire() }));
    for (const { count } of told) this.expired.holds += count;
    if (this.#since.size > 0) this.#watch(next);
    pool.isBusy = false;
    // Last, because the program's listeners of warnings may do anything.
    if (isLate) warnOnce('RALLOC_OPERATION_LONG', this.holdMs / 1000);
    for (const { holds, count } of told) if (count > 0) holds.tellExpired(count);
  }
}

module.exports = { Waiting };
