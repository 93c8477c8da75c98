'use strict';

// An epoch: the time between two resets of an arena. It has the spans whose bytes were handed out,
// the checkpoints into them, and the holds. When it ends, its spans are released, wait for their
// claims (memory/waiting.js), or go to quarantine if operations may still use them, as after an
// aborted response.

const { types } = require('node:util');
const { observing } = require('../base/observer.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { Refusal } = require('../memory/refusal.js');
const { ENDED, OPEN, openOf } = require('../memory/span.js');

// Memory that an epoch has given up waits until its holds are released (memory/waiting.js).

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
      this.#expire();
    }
    this.#spans.push(span);
    if (this.#isCounted || span.adopted !== null) return; // adopted spans are not leased
    this.#isCounted = true; // no call from here on
    this.#pool.holders.holds += this.#open + this.#expiring;
  }

  /** From now on the open holds expire, unless there are earlier ones. */
  #expire() {
    if (this.#expiring > 0) return;
    this.#expiring = this.#open;
    this.#open = 0;
    this.#term++;
  }

  /** Makes the spans that wait for these holds wait for `others` too. */
  share(others) {
    const now = time.now();
    for (const span of this.#spans ?? []) {
      span.claims = [...span.claims, ...others];
      for (const holds of openOf(others)) holds.claim(span, now);
    }
  }

  /** The pool has quarantined the waiting spans, and has new counters. */
  abandon() {
    this.#spans = null;
    this.#isCounted = false;
  }

  check() {
    this.#pool.check();
  }

  /** Called when a hold of that term is released; call settle() afterwards. */
  released(term) {
    const pool = this.#pool;
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
    this.#holds?.check();
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

// What is allocated before a hold keeps its whole span waiting. While many spans wait, others begin
// at LEAST_SPAN and double, so that little else will wait with it. Those below LEAST_CHUNK are cut
// from chunks.
const MANY_HELD = 32;
const LEAST_SPAN = 4 * 1024;
const LEAST_CHUNK = 64 * 1024;

class Epoch {
  #window;
  #owner;
  #pool; // kept for when the owner is closed and no longer has it
  // How its last end went, for observers and errors:
  finished = true; // false: operations may still use the spans
  claims = null; // Holds that had open holds when the end began: its own, and those of the outer epochs that end with it
  death = 'reset'; // how the Buffers in these spans die: a key of `deaths` in base/errors.js
  #holds = null; // from the first one on

  constructor(window) {
    const { owner } = window;
    this.#window = window;
    this.#owner = owner;
    this.#pool = owner.pool;
    this.spans = NONE; // in the order in which they were opened
    this.cutShort = 0; // how many of them ended early, by a theft, a route or an interrupted call: the spans that replace them are no larger
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their creation
  }

  /** True if there is no checkpoint and no open hold: then the next epoch can begin in place. */
  get plain() {
    return this.checkpoints === null && this.holds === 0;
  }

  /** The number of unreleased holds. */
  get holds() {
    return this.#holds === null ? 0 : this.#holds.count;
  }

  holding() {
    this.#holds ??= new Holds(this.#owner);
    return this.#holds;
  }

  /**
   * The claims on the memory that it gives up now: its own holds, and `outer`, those of an epoch
   * that ends with it. `outer` also claims what it gave up earlier.
   */
  claimsWith(outer) {
    if (this.holds === 0) return outer;
    if (outer === null) return [this.#holds];
    this.#holds.share(outer);
    return [this.#holds, ...outer];
  }

  /**
   * Returns a span of at least `need` and preferably `want` bytes, for add(); null if the heap must
   * serve instead; or a Refusal whose error the caller throws. In the last two cases nothing has
   * changed.
   */
  acquire(need, want, isChunk) {
    const owner = this.#owner;
    const pool = this.#pool;
    let size = Math.min(want, owner.room);
    let isWhole = isChunk;
    if (pool.holders.spans > MANY_HELD) {
      size = Math.min(size, LEAST_SPAN << Math.min(this.spans.length, 8));
      isWhole = isChunk && size >= LEAST_CHUNK;
    }
    const span = pool.acquire(need, size, isWhole, owner.settings);
    return span instanceof Refusal && owner.refused(span) ? null : span;
  }

  /** Adds a span from acquire() to this epoch, and charges the owner. */
  add(span, need, want) {
    const pool = this.#pool;
    // push() on an empty array allocates room for 17.
    if (this.spans.length === 0) this.spans = [span];
    else this.spans.push(span);
    span.end = this.#owner.charge(need, want, span.size);
    span.death = 'reset'; // for reuseInPlace(), which sets none
    span.home = this;
    span.state = OPEN;
    pool.isBusy = false;
  }

  /** Whether one of its spans is over `buffer`, or was adopted with it. */
  has(buffer) {
    return this.spans.some(({ ab, adopted }) => ab === buffer || adopted === buffer);
  }

  /**
   * Called when `span` goes to quarantine, since a call was interrupted: its Buffers stay alive. It
   * is charged until the epoch ends.
   */
  lose(span) {
    this.cutShort++;
    this.#window.lose(span);
  }

  /** Whether Buffers in `span` have the bytes that they were given, unless it was transferred. */
  keeps(span) {
    return span.home === this && (span.state === OPEN || span.end > 0);
  }

  /**
   * Ends the spans from the index `from` on; `death` says how their Buffers die. Claimed memory
   * waits. If not `finished`, operations may still use the bytes.
   */
  end(from, finished, death, claims) {
    const owner = this.#owner;
    const pool = this.#pool;
    const { spans } = this;
    this.finished = finished;
    this.claims = claims;
    this.death = death;
    pool.begin();
    observing.observer?.ended(this, from, owner);
    for (let i = from; i < spans.length; i++) {
      const span = spans[i];
      if (span.home !== this) continue; // it no longer is this epoch's
      owner.discharge(span.end);
      span.end = 0;
      if (span.state === ENDED) {
        span.home = null; // stolen, or lost: somebody may keep its ArrayBuffer, and so it
        continue;
      }
      span.death = death;
      if (!finished) pool.quarantine(span, owner.settings.wipe);
      else pool.release(span, owner.settings, claims);
    }
    // Setting `length` calls into V8, which takes 10 of a request's 700 ns.
    if (from === 0) this.spans = NONE;
    else spans.length = from;
    this.cutShort = 0;
    pool.isBusy = false;
  }
}

module.exports = { Holds, Epoch };
