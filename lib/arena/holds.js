'use strict';

// The holds of an epoch. Memory that the epoch has given up waits until they are released
// (memory/waiting.js).

const { types } = require('node:util');
const { observing } = require('../base/observer.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { openOf } = require('../memory/span.js');

const promiseThen = Promise.prototype.then;

/**
 * The holds of an epoch, as a claim on its memory. When memory expires, only the holds expire that
 * were taken before it began to wait: later ones have not had their time yet, and still count at
 * the next end. If later holds extended the time instead, a series of them would keep a forgotten
 * hold, and all memory since, for ever.
 */
class Holds {
  since = 0; // when memory began to wait for the holds in `#expiring`
  #owner;
  #pool; // kept for when the owner is closed and no longer has it
  #expiring = 0; // open holds taken before `since`
  #open = 0; // open holds taken later
  #term = 0; // incremented when memory begins to wait
  #spans = null; // the waiting spans
  #isCounted = false; // whether the pool's `holders` counts these holds, because leased memory waits for them

  constructor(owner) {
    this.#owner = owner;
    this.#pool = owner.pool;
  }

  /** The number of unreleased holds. */
  get count() {
    return this.#open + this.#expiring;
  }

  take() {
    const hold = new Hold(this, this.#term);
    this.#open++; // no call from here on
    if (this.#isCounted) this.#pool.holders.holds++;
    return hold;
  }

  /** Takes a hold for the application, which may forget to release it. */
  takeFor() {
    const hold = this.take();
    observing.observer?.held(hold, this, this.#owner);
    return hold;
  }

  /**
   * Like `promise.finally(release)`. `then`: the promise's method, which the caller has read. A
   * custom `then` may begin work, as that of a query builder does, so it is called only once. It
   * may also throw, or call back at once or twice, so a promise of ours wraps it.
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

  /** Called when `span` begins to wait for these holds. */
  claim(span, now) {
    if (this.#spans === null) {
      this.#spans = [];
      this.since = now;
      // From now on the open holds expire, unless there are earlier ones.
      if (this.#expiring === 0) {
        this.#expiring = this.#open;
        this.#open = 0;
        this.#term++;
      }
    }
    this.#spans.push(span);
    if (this.#isCounted || span.adopted !== null) return; // adopted spans are not leased
    this.#isCounted = true; // no call from here on
    this.#pool.holders.holds += this.#open + this.#expiring;
  }

  /** Makes the spans that wait for these holds wait for `others` too. */
  share(others) {
    const now = time.now();
    for (const span of this.#spans ?? []) {
      // In this order: if it is interrupted, the others settle a span in vain, which harms nobody.
      for (const holds of openOf(others)) holds.claim(span, now);
      span.await(span.policy, [...span.claims, ...others]);
    }
  }

  /** The pool has quarantined the waiting spans, and has new counters. */
  abandon() {
    this.#spans = null;
    this.#isCounted = false;
  }

  /** Called when a hold of that term is released; call settle() afterwards. */
  released(term) {
    const pool = this.#pool;
    pool.check();
    const before = this.#open + this.#expiring;
    if (term === this.#term) this.#open--;
    else if (term === this.#term - 1 && this.#expiring > 0) this.#expiring--;
    if (this.#isCounted) pool.holders.holds -= before - this.#open - this.#expiring;
    if (this.#spans !== null && this.#open + this.#expiring === 0) pool.isBusy = true;
  }

  /** If no hold is left, releases the spans that waited. */
  settle() {
    const spans = this.#spans;
    if (spans === null || this.#open + this.#expiring > 0) return;
    this.#spans = null;
    this.#isCounted = false;
    this.#pool.waiting.settle(spans);
  }

  /**
   * Called when the waiting spans went to quarantine. Returns how many holds have expired; call
   * tellExpired() afterwards.
   */
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

/** Returned by hold(). */
class Hold {
  #holds;
  #term;

  constructor(holds, term) {
    this.#holds = holds;
    this.#term = term;
  }

  /** Gives the hold up. The second call does nothing. */
  release() {
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
