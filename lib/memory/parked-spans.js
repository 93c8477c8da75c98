'use strict';

// Spans whose arena has no use for them any more, and that wait for operations of Node which were given Buffers of
// them (lib/guard/). A span is here as long as this is its home; it may be in the list longer, where a call was cut off.

const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');

/** Whether `span` has no memory any more. */
const isGone = ({ ab, adopted }) => ab === null && adopted === null;

class ParkedSpans {
  #pool;
  #since = new Map(); // span → when it was parked, the oldest first
  #timer = null;

  constructor(pool, holdMs) {
    this.#pool = pool;
    this.restart(holdMs);
  }

  /** Counts anew, for another arena. */
  restart(holdMs) {
    this.holdMs = holdMs;
    this.expired = { holds: 0, operations: 0 }; // whose memory has waited for so long
  }

  /** All spans in the list, for audits. */
  all() {
    return [...this.#since.keys()];
  }

  /** Can be called again for what was cut off. `policy`: that of the arena which had it. */
  add(span, policy) {
    span.policy = policy;
    this.#pool.hold(span);
    this.#since.delete(span); // for the order
    this.#since.set(span, time.now());
    this.#watch(this.holdMs);
    span.home = this;
  }

  #watch(ms) {
    if (this.#timer !== null) return;
    const timer = time.setTimeout(() => this.#expire(timer), ms);
    timer.unref?.();
    this.#timer = timer;
  }

  /** The last operation on a span is over, and this step of the pool has begun. */
  remove(span) {
    const pool = this.#pool;
    if (pool.pending > 1) {
      pool.settle();
    } else {
      this.#remove(span);
      pool.pending--;
    }
  }

  #remove(span) {
    this.#pool.release(span, span.policy);
    this.#since.delete(span);
    if (this.#since.size > 0 || this.#timer === null) return;
    time.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Finishes what was cut off. */
  finish() {
    for (const span of this.#since.keys()) {
      if (span.home !== this || isGone(span)) this.#since.delete(span);
      else if (span.operations === 0) this.#remove(span);
    }
  }

  /** Memory waits for `holdMs` at most; then V8 has to prove that nothing has it. */
  #expire(timer) {
    if (timer !== this.#timer) return;
    this.#timer = null;
    const pool = this.#pool;
    pool.settleCutOff();
    pool.pending++;
    const now = time.now();
    let left = 0;
    for (const [span, since] of this.#since) {
      left = since + this.holdMs - now;
      if (left > 0) break;
      if (span.home === this && !isGone(span)) {
        this.expired.operations += span.operations;
        warnOnce('RALLOC_OPERATION_LONG', this.holdMs / 1000);
        pool.quarantine(span, span.policy.wipe);
      }
      this.#since.delete(span);
    }
    if (this.#since.size > 0) this.#watch(left);
    pool.pending--;
  }
}

module.exports = { ParkedSpans };
