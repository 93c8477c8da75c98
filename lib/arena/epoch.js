'use strict';

// An epoch is the time between two resets of an arena: the spans that it handed out bytes of, the
// checkpoints into them, and the holds that keep them from being detached when it ends.

const { inspect, types } = require('node:util');
const { warnOnce } = require('../base/warnings.js');

const POLL_MAX_MS = 50;
const PRUNE_AT = 32;
const PROMISE_STATE = {
  depth: 0,
  customInspect: false,
  maxStringLength: 0,
  maxArrayLength: 0,
  breakLength: Number.POSITIVE_INFINITY,
};

/**
 * Whether a native promise is still pending. Looking is the only way that changes nothing: a `then` of
 * ours would mark the promise as handled and so hide its rejection, and a promise derived from it
 * would be one rejection more. A look costs 1–2 µs, and happens only when memory has to wait.
 */
function isPending(promise) {
  return /^[^{]*\{ <pending>/.test(inspect(promise, PROMISE_STATE));
}

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
  #open = 0; // holds that wait for their release()
  #term = 0; // goes up when all holds expire: those of an earlier term count no more
  #promises = null; // native promises that are held for; looked at when it matters
  #heldSpans = null; // spans in state Held: nobody may touch them until the last hold is gone
  #inner = null; // epochs of scopes that ended with this one, each with a hold on it
  #timer = null;
  #deadline = 0;

  constructor(owner) {
    this.#owner = owner;
    this.spans = []; // in the order of their opening
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their making
  }

  /** No checkpoint and no hold was ever made: the epoch can begin anew in place. */
  get plain() {
    return this.checkpoints === null && this.#unheld;
  }

  get #unheld() {
    return this.#open === 0 && this.#promises === null;
  }

  /** The holds that are not released, now. */
  get holds() {
    this.#prune();
    return this.#open + (this.#promises === null ? 0 : this.#promises.length);
  }

  hold() {
    this.#open++;
    return new Hold(this, this.#term);
  }

  holdUntil(promise) {
    if (types.isPromise(promise)) {
      this.#promises ??= [];
      if (this.#promises.length >= PRUNE_AT) this.#prune();
      this.#promises.push(promise);
    } else {
      const hold = this.hold();
      const release = () => hold.release();
      promise.then(release, release);
    }
  }

  holdReleased(term) {
    if (term !== this.#term) return;
    this.#open--;
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
    span.end = Math.min(span.size, room);
    owner.charge(span.end);
    this.spans.push(span);
    return span;
  }

  /** Ends the life of all spans from the `first`-th on. Not `finished`: operations may still use them. */
  release(first, finished) {
    const { pool } = this.#owner;
    const held = finished && !this.#unheld && this.holds > 0;
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

  #prune() {
    if (this.#promises !== null) this.#promises = this.#promises.filter(isPending);
  }

  #wait() {
    if (this.#timer !== null) return;
    this.#deadline = performance.now() + this.#owner.settings.holdMs;
    this.#arm(1);
  }

  // Promises are looked at after 1 ms, 2 ms, … 50 ms; without any, only the deadline is waited for.
  #arm(pollMs) {
    const left = Math.max(this.#deadline - performance.now(), 0);
    const wait = this.#promises === null ? left : Math.min(pollMs, left);
    this.#timer = setTimeout(() => this.#poll(pollMs), wait);
    this.#timer.unref();
  }

  #poll(pollMs) {
    if (this.holds === 0) {
      this.#settle(false);
    } else if (performance.now() >= this.#deadline) {
      warnOnce('RALLOC_HOLD_EXPIRED', this.#owner.settings.holdMs / 1000);
      this.#expire();
    } else {
      this.#arm(Math.min(pollMs * 2, POLL_MAX_MS));
    }
  }

  #expire() {
    this.#open = 0;
    this.#term++;
    this.#promises = null;
    this.#settle(true);
  }

  #settle(expired) {
    clearTimeout(this.#timer);
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
      if (expired) epoch.#expire();
      else hold.release();
    }
  }
}

module.exports = { Epoch, releasedHold };
