'use strict';

// An epoch is the time between two resets of an arena: the spans that it handed out bytes of, the
// checkpoints into them, and the holds that keep them from being detached when it ends.

const { types } = require('node:util');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');

const promiseThen = Promise.prototype.then;

class Hold {
  #epoch;
  #term;

  constructor(epoch, term) {
    this.#epoch = epoch;
    this.#term = term;
  }

  /** Gives the hold up. The second call does nothing. */
  release() {
    const epoch = this.#epoch;
    if (epoch === null) return;
    this.#epoch = null;
    epoch.holdReleased(this.#term);
  }

  [Symbol.dispose]() {
    this.release();
  }
}

/** What hold() gives where nothing is left to hold. */
const releasedHold = Object.freeze({ release() {}, [Symbol.dispose]() {} });

class Epoch {
  #owner;
  // Holds that wait for their release(): those from before the timer was set, which it expires, and later ones.
  #expiring = 0;
  #open = 0;
  #term = 0; // goes up when the timer is set
  #heldSpans = null; // spans in state Held: nobody may touch them until the last hold is gone
  #inner = null; // epochs of scopes that ended with this one, each with a hold on it
  #timer = null;

  constructor(owner) {
    this.#owner = owner;
    this.spans = []; // in the order of their opening
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their making
  }

  /** No checkpoint was made and no hold is open: the epoch can begin anew in place. */
  get plain() {
    return this.checkpoints === null && this.holds === 0;
  }

  /** The holds that are not released, now. */
  get holds() {
    return this.#open + this.#expiring;
  }

  hold() {
    this.#open++;
    return new Hold(this, this.#term);
  }

  /**
   * As `promise.finally(release)`. `then` is what the caller read of it. One of its own may begin work, as that
   * of a query builder does, so it is called once; a promise of ours stands between, since it may also throw,
   * or call back at once or twice.
   */
  holdUntil(promise, then) {
    const hold = this.hold();
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

  holdReleased(term) {
    if (term === this.#term) this.#open--;
    else if (term === this.#term - 1 && this.#expiring > 0) this.#expiring--;
    if (this.#timer !== null && this.holds === 0) this.#settle(false);
  }

  /**
   * A span of at least `need` and preferably `want` bytes. Null when the heap is to serve instead; an error
   * changes nothing.
   */
  open(need, want, isChunk) {
    const owner = this.#owner;
    const { room } = owner;
    if (need > room) throw owner.limitError(need);
    let span;
    try {
      span = owner.pool.acquire(need, Math.min(want, room), isChunk);
    } catch (error) {
      if (!owner.refused(error)) throw error;
      return null;
    }
    span.end = owner.charge(need, want, span.size);
    this.spans.push(span);
    return span;
  }

  /** Ends the life of all spans from the `first`-th on. Not `finished`: operations may still use them. */
  release(first, finished) {
    const { pool } = this.#owner;
    const held = finished && this.holds > 0;
    for (const span of this.spans.splice(first)) {
      this.#owner.discharge(span.end);
      if (span.ab === null) continue;
      if (!finished) pool.quarantine(span);
      else if (held) this.#hold(span);
      else pool.release(span);
    }
  }

  /** This epoch's spans wait for the holds of `outer` too, with which it ended. */
  holdWith(outer) {
    if (outer.holds === 0) return;
    outer.#inner ??= [];
    outer.#inner.push({ epoch: this, hold: this.hold() });
    outer.#wait();
  }

  #hold(span) {
    this.#owner.pool.hold(span);
    this.#heldSpans ??= [];
    this.#heldSpans.push(span);
    this.#wait();
  }

  // Memory waits for `holdMs` at most. Only the holds that were taken before the timer was set expire with it: a
  // later one has not had its time yet, and still counts at the next reset. Memory that waits for it already
  // is quarantined with the rest, where no operation loses it. Were the time extended instead, holds that follow
  // each other would keep a forgotten one, and all memory since, for ever.
  #wait() {
    if (this.#timer !== null) return;
    this.#expiring = this.#open;
    this.#open = 0;
    this.#term++;
    this.#timer = time.setTimeout(() => this.#expire(), this.#owner.settings.holdMs);
    this.#timer.unref?.();
  }

  #expire() {
    if (this.#expiring > 0) warnOnce('RALLOC_HOLD_EXPIRED', this.#owner.settings.holdMs / 1000);
    this.#expiring = 0;
    this.#settle(true);
  }

  #settle(expired) {
    time.clearTimeout(this.#timer);
    this.#timer = null;
    const { pool } = this.#owner;
    const spans = this.#heldSpans ?? [];
    const inner = this.#inner ?? [];
    this.#heldSpans = null;
    this.#inner = null;
    for (const span of spans) {
      if (expired) pool.quarantine(span);
      else pool.unhold(span);
    }
    for (const { epoch, hold } of inner) {
      if (expired) epoch.#settle(true);
      else hold.release();
    }
  }
}

module.exports = { Epoch, releasedHold };
