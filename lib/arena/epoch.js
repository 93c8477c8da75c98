'use strict';

// An epoch: the time between two resets of an arena. It has the spans whose bytes were handed out,
// the checkpoints into them, and the holds. When it ends, its spans are released, wait for their
// claims (memory/waiting.js), or go to quarantine if operations may still use them, as after an
// aborted response.

const { observing } = require('../base/observer.js');
const { Refusal } = require('../memory/refusal.js');
const { OPEN } = require('../memory/span.js');
const { Holds } = require('./holds.js');

const NONE = Object.freeze([]); // spans

// What is allocated before a hold keeps its whole span waiting. While many spans wait, others begin
// at LEAST_SPAN and double, so that little else will wait with it. Those below LEAST_CHUNK are cut
// from chunks.
const MANY_HELD = 32;
const LEAST_SPAN = 4 * 1024;
const LEAST_CHUNK = 64 * 1024;

class Epoch {
  #window;
  #pool; // kept for when the owner is closed and no longer has it
  death = 'reset'; // that of its last end()
  #holds = null; // from the first one on

  constructor(window) {
    this.#window = window;
    this.#pool = window.owner.pool;
    this.spans = NONE; // in the order in which they were opened
    this.cutShort = 0; // how many of them ended early, by a theft, a route or an interrupted call: the spans that replace them are no larger
    this.checkpoints = null; // checkpoints that can still be rewound to, in the order of their creation
  }

  get owner() {
    return this.#window.owner;
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
    this.#holds ??= new Holds(this.#window.owner);
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
    const { owner } = this.#window;
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
    span.open(this, this.#window.owner, need, want);
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
   * Ends the spans from the index `from` on. `death`: how their Buffers die, a key of `deaths` in
   * base/errors.js; after an 'abort' operations may still use the bytes. Memory waits for `claims`:
   * Holds that had open holds when the end began, its own and those of outer epochs; null for none.
   * Returns the bytes that the spans had handed out, including padding.
   */
  end({ from, death, claims }) {
    const { owner } = this.#window;
    const pool = this.#pool;
    const { spans } = this;
    this.death = death;
    if (observing.observer !== null) {
      pool.check();
      // May run code of the program.
      observing.observer.ended(this, { from, death, isHeld: claims !== null }, owner);
    }
    pool.begin();
    let bytes = 0;
    for (let i = from; i < spans.length; i++) {
      const span = spans[i];
      if (span.home !== this) continue; // it no longer is this epoch's
      if (!span.close(death, owner)) continue;
      if (span.adopted === null) bytes += span.used;
      if (death === 'abort') pool.quarantine(span, owner.settings.wipe);
      else pool.release(span, owner.settings, claims);
    }
    // Setting `length` calls into V8, which takes 10 of a request's 700 ns.
    if (from === 0) this.spans = NONE;
    else spans.length = from;
    this.cutShort = 0;
    pool.isBusy = false;
    return bytes;
  }
}

module.exports = { Epoch };
