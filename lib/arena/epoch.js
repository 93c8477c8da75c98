'use strict';

// An epoch: the time between two resets of an arena. It has the spans whose bytes were handed out, the checkpoints into them, and the holds. When it ends, its
// spans are released, wait for their claims (memory/waiting.js), or go to quarantine if operations may still use them, as after an aborted response.

const { types } = require('node:util');
const { observing } = require('../base/observer.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { Refusal } = require('../memory/refusal.js');
const { ENDED, OPEN, openOf } = require('../memory/span.js');

// Holds: what an epoch has given up waits until they are released (memory/waiting.js).

const promiseThen = Promise.prototype.then;

/**
 * The holds of an epoch, as a claim on its memory. Only those that were taken before the first of it began to wait expire with it: a later one has
 * not had its time yet, and still counts at the next end. Were the time extended instead, holds that follow each other would keep a forgotten one, and all
 * memory since, for ever.
 */
class Holds {
  since = 0; // when memory began to wait for those that may expire
  #owner;
  #pool; // also when the owner is closed and has it no more
  #expiring = 0; // that were taken before that
  #open = 0; // and later
  #term = 0; // goes up when memory begins to wait
  #spans = null; // that wait
  #isCounted = false; // in the pool's `holders`: memory that is leased waits

  constructor(owner) {
    this.#owner = owner;
    this.#pool = owner.pool;
  }

  /** Those that are not released, now. */
  get count() {
    return this.#open + this.#expiring;
  }

  take() {
    const hold = new Hold(this, this.#term);
    this.#open++; // no call from here on
    if (this.#isCounted) this.#pool.holders.holds++;
    return hold;
  }

  /** That of an application, which may forget it. */
  takeFor() {
    const hold = this.take();
    observing.observer?.held(hold, this, this.#owner);
    return hold;
  }

  /**
   * As `promise.finally(release)`. `then` is what the caller read of it. One of its own may begin work, as that
   * of a query builder does, so it is called once; a promise of ours stands between, since it may also throw,
   * or call back at once or twice.
   */
  takeUntil(promise, then) {
    const hold = this.takeFor();
    const isPlain = then === promiseThen && types.isPromise(promise);
    const source = isPlain
      ? promise
      : new Promise((resolve, reject) => Reflect.apply(then, promise, [resolve, reject]));
    const fulfilled = (value) => {
      hold.release();
      return value;
    };
    const rejected = (reason) => {
      hold.release();
      throw reason;
    };
    try {
      return Reflect.apply(promiseThen, source, [fulfilled, rejected]);
    } catch (error) {
      hold.release(); // the constructor of a subclass threw
      throw error;
    }
  }

  /** `span` begins to wait. */
  claim(span, now) {
    if (this.#spans === null) {
      this.#spans = [];
      this.since = now;
      this.#expiring = this.#open;
      this.#open = 0;
      this.#term++;
    }
    this.#spans.push(span);
    if (this.#isCounted || span.adopted !== null) return; // those are not leased
    this.#isCounted = true; // no call from here on
    this.#pool.holders.holds += this.#open + this.#expiring;
  }

  /** What waits for these waits for `others` too. */
  share(others) {
    const now = time.now();
    for (const span of this.#spans ?? []) {
      for (const holds of openOf(others)) holds.claim(span, now);
      span.claims = [...span.claims, ...others];
    }
  }

  /** Counts in `holders`, which are new: see SpanLeases.recount(). */
  countIn(holders) {
    holders.holds += this.#open + this.#expiring;
    this.#isCounted = true;
  }

  settleCutOff() {
    this.#pool.settleCutOff();
  }

  /** One of that term is released; settle() is to follow. */
  released(term) {
    const pool = this.#pool;
    const before = this.#open + this.#expiring;
    if (term === this.#term) this.#open--;
    else if (term === this.#term - 1 && this.#expiring > 0) this.#expiring--;
    if (this.#isCounted) pool.holders.holds -= before - this.#open - this.#expiring;
    if (this.#spans !== null && this.#open + this.#expiring === 0) pool.pending++;
  }

  /** What waited for the last is released. */
  settle() {
    const spans = this.#spans;
    if (spans === null || this.#open + this.#expiring > 0) return;
    this.#spans = null;
    this.#isCounted = false;
    this.#pool.waiting.settle(spans);
  }

  /** What waited is in quarantine. How many of them are none any more; tellExpired() is to follow. */
  expire() {
    const count = this.#expiring;
    this.#spans = null;
    this.#expiring = 0;
    if (this.#isCounted) this.#pool.holders.holds -= count + this.#open;
    this.#isCounted = false;
    return count;
  }

  tellExpired(count) {
    if (observing.observer?.expired(this, count)) return;
    const owner = this.#owner;
    const seconds = owner.settings.holdMs / 1000;
    warnOnce('RALLOC_HOLD_EXPIRED', { of: owner.describe(), seconds });
  }
}

/** What hold() gives. */
class Hold {
  #holds;
  #term;

  constructor(holds, term) {
    this.#holds = holds;
    this.#term = term;
  }

  /** Gives the hold up. The second call does nothing. */
  release() {
    this.#holds?.settleCutOff();
    const holds = this.#holds;
    if (holds === null) return;
    holds.released(this.#term);
    this.#holds = null;
    holds.settle();
    observing.observer?.released(this);
  }

  [Symbol.dispose]() {
    this.release();
  }
}

const NONE = Object.freeze([]); // spans

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
    this.spans = NONE; // in the order of their opening
    this.cutShort = 0; // of them, by a theft or a route: what takes their place is no larger
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their making
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

  /** What claims that which it gives up now: its own holds, and `outer`, the claims on an epoch that it ends with. These claim what it gave up before, too. */
  claimsWith(outer) {
    if (this.holds === 0) return outer;
    if (outer === null) return [this.#holds];
    this.#holds.share(outer);
    return [this.#holds, ...outer];
  }

  /**
   * A span of at least `need` and preferably `want` bytes, for add(). Null when the heap is to serve instead; a
   * Refusal where its error is to be thrown, and nothing is changed.
   */
  acquire(need, want, isChunk) {
    const owner = this.#owner;
    const span = this.#pool.acquire(need, Math.min(want, owner.room), isChunk, owner.settings);
    return span instanceof Refusal && owner.refused(span) ? null : span;
  }

  /** Makes a span of acquire() one of this epoch, and charges its owner. */
  add(span, need, want) {
    const pool = this.#pool;
    // To push the first makes room for 17.
    if (this.spans.length === 0) this.spans = [span];
    else this.spans.push(span);
    span.end = this.#owner.charge(need, want, span.size);
    span.death = 'reset'; // in place
    span.home = this;
    span.state = OPEN;
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
      if (span.state === ENDED) continue; // stolen
      span.death = death;
      if (!finished) pool.quarantine(span, owner.settings.wipe);
      else pool.release(span, owner.settings, claims);
    }
    // To set `length` is a call into V8: 10 of a request's 700 ns.
    if (this.cutAt === 0) this.spans = NONE;
    else spans.length = this.cutAt;
    this.cutAt = -1;
    this.cutShort = 0;
    this.#ended = 0;
  }
}

module.exports = { Holds, Epoch };
