'use strict';

// An epoch is the time between two resets of an arena: the spans that it handed out bytes of, the
// checkpoints into them, and the holds that keep them from being detached when it ends.

const { types } = require('node:util');
const time = require('../base/time.js');
const { observing } = require('../base/observer.js');
const { warnOnce } = require('../base/warnings.js');
const { Hold, releaseHold } = require('./hold.js');

const promiseThen = Promise.prototype.then;

const NOT = 0;
const REUSED = 1;
const EXPIRED = 2;

class Epoch {
  #owner;
  #pool; // also when the owner is closed and has it no more
  // The end of the spans from `cutAt` on, of which those before `#ended` are dealt with. An end that was cut off
  // is finished by the pool's next call: see ChunkPool.
  cutAt = -1; // none
  finished = true; // false: operations may still use them
  death = 'reset'; // of the Buffers in them: a key of `deaths` in base/errors.js
  #ended = 0;
  #settles = NOT; // the end of the wait for holds, and what becomes of the spans
  // Holds that wait for their release(): those from before the timer was set, which it expires, and later ones.
  #expiring = 0;
  #open = 0;
  #term = 0; // goes up when the timer is set
  #heldSpans = null; // spans in state Held: nobody may touch them until the last hold is gone
  #holders = null; // the pool's counts, while a leased span is among them and the holds count there
  #inner = null; // epochs of scopes that ended with this one, each with a hold on it
  #timer = null;

  constructor(owner) {
    this.#owner = owner;
    this.#pool = owner.pool;
    this.spans = []; // in the order of their opening
    this.cutShort = 0; // of them, by a theft or a route: what takes their place is no larger
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their making
  }

  /** All its spans, also those that wait for holds, for audits. */
  all() {
    return [...this.spans, ...(this.#heldSpans ?? [])];
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
    const hold = new Hold(this, this.#term);
    this.#open++; // no call from here on
    if (this.#holders !== null) this.#holders.holds++;
    return hold;
  }

  /** That of an application, which may forget it. */
  holdFor() {
    const hold = this.hold();
    observing.observer?.held(hold, this, this.#owner);
    return hold;
  }

  /**
   * As `promise.finally(release)`. `then` is what the caller read of it. One of its own may begin work, as that
   * of a query builder does, so it is called once; a promise of ours stands between, since it may also throw,
   * or call back at once or twice.
   */
  holdUntil(promise, then) {
    const hold = this.holdFor();
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

  settleCutOff() {
    this.#pool.settleCutOff();
  }

  /** One hold fewer; settle() is to follow. */
  holdReleased(term) {
    const pool = this.#pool;
    const before = this.#open + this.#expiring;
    if (term === this.#term) this.#open--;
    else if (term === this.#term - 1 && this.#expiring > 0) this.#expiring--;
    if (this.#holders !== null) this.#holders.holds -= before - this.#open - this.#expiring;
    if (this.#timer === null || this.#open + this.#expiring > 0) return;
    this.#settles = REUSED;
    pool.pending++;
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

  /** Finishes what has begun: the end of the spans from `cutAt` on, and that of their wait for holds. */
  finish() {
    if (this.cutAt >= 0) this.#endSpans();
    if (this.#settles !== NOT) this.#settle();
  }

  #endSpans() {
    const { spans, finished, death } = this;
    const owner = this.#owner;
    const pool = this.#pool;
    const held = finished && this.holds > 0;
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
      else if (held) this.#hold(span);
      else pool.release(span, owner.settings);
    }
    // To set `length` is a call into V8: 10 of a request's 700 ns.
    if (this.cutAt === 0) this.spans = [];
    else spans.length = this.cutAt;
    this.cutAt = -1;
    this.cutShort = 0;
    this.#ended = 0;
  }

  /** Ends the wait for holds, if the last is gone. */
  settle() {
    if (this.#settles === NOT) return;
    const pool = this.#pool;
    this.#settle();
    pool.pending--;
  }

  /** This epoch's spans wait for the holds of `outer` too, with which it ended. */
  holdWith(outer) {
    if (outer.holds === 0) return;
    outer.#inner ??= [];
    outer.#inner.push({ epoch: this, hold: this.hold() });
    outer.#wait();
  }

  #hold(span) {
    this.#wait();
    this.#pool.hold(span);
    this.#heldSpans ??= [];
    this.#heldSpans.push(span);
    if (this.#holders !== null || !span.held) return; // adopted ones are not leased
    this.#holders = this.#pool.holders; // no call from here on
    this.#holders.holds += this.#open + this.#expiring;
  }

  /** Its holds count in `holders` from now on, which are new: see SpanLeases.recount(). */
  countsIn(holders) {
    holders.holds += this.#open + this.#expiring;
    this.#holders = holders;
  }

  // Memory waits for `holdMs` at most. Only the holds that were taken before the timer was set expire with it: a
  // later one has not had its time yet, and still counts at the next reset. Memory that waits for it already
  // is quarantined with the rest, where no operation loses it. Were the time extended instead, holds that follow
  // each other would keep a forgotten one, and all memory since, for ever.
  #wait() {
    if (this.#timer !== null) return;
    const timer = time.setTimeout(() => this.#expire(timer), this.#owner.settings.holdMs);
    timer.unref?.();
    this.#timer = timer;
    this.#expiring = this.#open;
    this.#open = 0;
    this.#term++;
  }

  #expire(timer) {
    if (timer !== this.#timer) return;
    const pool = this.#pool;
    pool.settleCutOff();
    if (this.#expiring > 0) this.#tellExpired();
    if (this.#holders !== null) this.#holders.holds -= this.#expiring;
    this.#expiring = 0;
    this.#settles = EXPIRED;
    pool.pending++;
    this.settle();
  }

  #tellExpired() {
    const owner = this.#owner;
    const seconds = owner.settings.holdMs / 1000;
    this.#pool.parked.expired.holds += this.#expiring;
    if (observing.observer?.expired(this, this.#expiring)) return;
    warnOnce('RALLOC_HOLD_EXPIRED', { of: owner.describe(), seconds });
  }

  #settle() {
    const pool = this.#pool;
    const expired = this.#settles === EXPIRED;
    const spans = this.#heldSpans ?? [];
    const inner = this.#inner ?? [];
    for (; spans.length > 0; spans.length--) {
      const span = spans[spans.length - 1];
      if (expired) pool.quarantine(span, this.#owner.settings.wipe);
      else pool.release(span, this.#owner.settings);
    }
    for (; inner.length > 0; inner.length--) {
      const { epoch, hold } = inner[inner.length - 1];
      if (expired) epoch.#expireWith();
      else releaseHold(hold);
    }
    time.clearTimeout(this.#timer);
    this.#timer = null;
    this.#heldSpans = null;
    this.#inner = null;
    if (this.#holders !== null) this.#holders.holds -= this.#open + this.#expiring;
    this.#holders = null;
    this.#settles = NOT;
  }

  #expireWith() {
    this.#settles = EXPIRED;
    this.#settle();
  }
}

module.exports = { Epoch };
