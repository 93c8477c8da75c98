'use strict';

// Holds: what an epoch has given up waits until they are released (memory/waiting.js).

const { types } = require('node:util');
const { observing } = require('../base/observer.js');
const { warnOnce } = require('../base/warnings.js');

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
    if (this.#isCounted || !span.held) return; // adopted ones are not leased
    this.#isCounted = true; // no call from here on
    this.#pool.holders.holds += this.#open + this.#expiring;
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

  /** What waited is in quarantine. */
  expire(expired) {
    const owner = this.#owner;
    const count = this.#expiring;
    this.#spans = null;
    this.#expiring = 0;
    if (this.#isCounted) this.#pool.holders.holds -= count + this.#open;
    this.#isCounted = false;
    if (count === 0) return;
    expired.holds += count;
    if (observing.observer?.expired(this, count)) return;
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

module.exports = { Holds };
