'use strict';

// An epoch is the time between two resets of an arena: the spans that it handed out bytes of, the
// checkpoints into them, and the holds for which they wait when it ends.

const { observing } = require('../base/observer.js');
const { Holds } = require('./hold.js');

class Epoch {
  #owner;
  #pool; // also when the owner is closed and has it no more
  // The end of the spans from `cutAt` on, of which those before `#ended` are dealt with. An end that was cut off
  // is finished by the pool's next call: see ChunkPool.
  cutAt = -1; // none
  finished = true; // false: operations may still use them
  claims = null; // Holds that had open holds when the end began: its own, and those of epochs that it ends with
  death = 'reset'; // of the Buffers in them: a key of `deaths` in base/errors.js
  #ended = 0;
  #holds = null; // from the first one on

  constructor(owner) {
    this.#owner = owner;
    this.#pool = owner.pool;
    this.spans = []; // in the order of their opening
    this.cutShort = 0; // of them, by a theft or a route: what takes their place is no larger
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their making
  }

  /** All its spans, for audits. */
  all() {
    return this.spans;
  }

  /** No checkpoint was made and no hold is open: the epoch can begin anew in place. */
  get plain() {
    return this.checkpoints === null && this.holds === 0;
  }

  /** The holds that are not released, now. */
  get holds() {
    return this.#holds === null ? 0 : this.#holds.count;
  }

  holding() {
    this.#holds ??= new Holds(this.#owner);
    return this.#holds;
  }

  /** What claims that which it gives up now: its own holds, and `outer`, the claims on an epoch that it ends with. */
  claimsWith(outer) {
    if (this.holds === 0) return outer;
    return outer === null ? [this.#holds] : [this.#holds, ...outer];
  }

  /**
   * A span of at least `need` and preferably `want` bytes, for add(). Null when the heap is to serve instead; an
   * error where that is to be thrown, and nothing is changed.
   */
  acquire(need, want, isChunk) {
    const owner = this.#owner;
    const span = this.#pool.acquire(need, Math.min(want, owner.room), isChunk, owner.settings);
    return span instanceof Error && owner.refused(span) ? null : span;
  }

  /** Makes a span of acquire() one of this epoch, and charges its owner. */
  add(span, need, want) {
    const pool = this.#pool;
    this.spans.push(span);
    span.end = this.#owner.charge(need, want, span.size);
    span.death = 'reset'; // in place
    span.home = this;
    pool.pending--;
  }

  /** Whether one of its spans is over `buffer`, or was adopted with it. */
  has(buffer) {
    return this.spans.some(({ ab, adopted }) => ab === buffer || adopted === buffer);
  }

  /** Finishes the end that has begun. */
  finish() {
    if (this.cutAt >= 0) this.#endSpans();
  }

  #endSpans() {
    const { spans, finished, claims, death } = this;
    const owner = this.#owner;
    const pool = this.#pool;
    if (this.#ended < this.cutAt) this.#ended = this.cutAt;
    observing.observer?.ended(this, this.#ended, owner);
    for (; this.#ended < spans.length; this.#ended++) {
      const span = spans[this.#ended];
      if (span.home !== this) continue; // never was, or is no more
      owner.discharge(span.end);
      span.end = 0;
      span.death = death;
      if (span.ab === null && span.adopted === null) continue;
      if (!finished) pool.quarantine(span, owner.settings.wipe);
      else pool.release(span, owner.settings, claims);
    }
    // To set `length` is a call into V8: 10 of a request's 700 ns.
    if (this.cutAt === 0) this.spans = [];
    else spans.length = this.cutAt;
    this.cutAt = -1;
    this.cutShort = 0;
    this.#ended = 0;
  }
}

module.exports = { Epoch };
