'use strict';

// A pool of a slab as this thread has it: a stack of cached slots before the memory below (src/slab/), from
// which slots are claimed, and to which they go back, in batches. All here is cold; the hot path is in
// buffer.js. `claimed = held + cached + stolen`, where cached slots are those on the stack.

const { refusal } = require('../base/errors.js');
const { hasTransfer } = require('../base/runtime.js');

const BATCH = 64; // slots of a refill where nobody else wants them
const UNBOUNDED = 2 ** 30; // above every count

const scratch = new Uint32Array(BATCH);

class Pool {
  // What the hot path reads.
  stack = []; // the cached slots, or their Buffers, up to `top`; never grows there, and has no holes
  top = 0;
  floor = 0; // below it a take says so, by dip()
  room = UNBOUNDED; // where `top` stops
  segments = []; // ArrayBuffers over the slots; null: not made; of length 0: taken by a transfer
  shift = 0; // of a slot's number: its segment
  mask = 0; // of a slot's number: its place there
  sizeLog = 0;

  size = 0;
  count = 0; // most slots
  index = 0; // in the memory below
  claimed = 0;
  stolen = 0;
  peak = 0; // the most slots that were held at once
  promotions = 0;
  exhaustions = 0;
  refused = 0;

  #spare = 0; // so many at the stack's bottom, or some more, were not needed since the last idle tick
  #bounded = false; // other threads may want what is cached

  constructor(core, index, size, count) {
    this.core = core; // whose it is: told at every free
    this.index = index;
    this.size = size;
    this.count = count;
    const each = size === 0 ? 1 : core.leased.segmentSlots(index);
    this.shift = Math.log2(each);
    this.mask = each - 1;
    this.sizeLog = size === 0 ? 0 : Math.log2(size);
  }

  get held() {
    return this.claimed - this.stolen - this.top;
  }

  get segmentBytes() {
    return Math.min(this.mask + 1, this.count) * this.size;
  }

  /** A take goes below the floor: to fewer cached slots than since the last idle tick, or to a new peak. */
  dip(top) {
    if (this.#isStolen(this.slotAt(top))) return; // and then not taken
    this.peak = Math.max(this.peak, this.claimed - this.stolen - top);
    if (top < this.#spare) this.#spare = top >> 1; // so that it dips a few times a tick, not at every take
    this.#settle();
  }

  /** After `claimed`, `stolen`, `top` or `#spare` changed here. */
  #settle() {
    const atPeak = this.claimed - this.stolen - this.peak; // cached slots when as many are held
    this.floor = Math.max(atPeak, this.#spare, 0);
    while (this.stack.length < this.claimed) this.stack.push(this.filler);
  }

  /** Whether there is a slot to take, perhaps after a refill. */
  ready() {
    this.purge();
    return this.top > 0 || this.#refill();
  }

  #refill() {
    const { leased } = this.core;
    this.core.arm();
    for (;;) {
      if (this.#bounded) this.room = leased.room(this.index);
      const want = this.#bounded ? (this.room >> 1) + 1 : BATCH;
      const found = leased.claim(this.index, want, scratch);
      if (typeof found !== 'number') throw refusal(found, 'maxBytes', this.segmentBytes);
      if (found === 0) return false;
      this.#reach(found);
      this.claimed += found;
      for (let i = found - 1; i >= 0; i--) this.#cacheUnlessStolen(scratch[i]);
      this.#settle();
      if (this.top > 0) return true;
    }
  }

  /** Makes the ArrayBuffers of the first `count` slots in `scratch`, which go back if one cannot be had. */
  #reach(count) {
    try {
      for (let i = 0; i < count; i++) this.#segment(scratch[i] >>> this.shift);
    } catch (error) {
      this.core.leased.release(this.index, scratch, count);
      throw error;
    }
  }

  /** Makes the ArrayBuffer of a segment, unless it is there. */
  #segment(index) {
    const { segments } = this;
    while (segments.length <= index) segments.push(null);
    if (segments[index] !== null) return;
    const ab = this.core.call('segment', this.index, index);
    if (ab.kind !== undefined) throw refusal(ab, 'maxBytes', this.segmentBytes);
    // Node detaches what Node-API made when it exits, and on 24 and 26 aborts over one that was marked as
    // untransferable. So nobody gets to see that one: its memory moves on at once (100 ns).
    segments[index] = hasTransfer ? ab.transfer() : ab;
  }

  #isStolen(slot) {
    return this.segments[slot >>> this.shift].byteLength === 0;
  }

  #cacheUnlessStolen(slot) {
    if (this.#isStolen(slot)) this.stolen++;
    else this.cache(slot);
  }

  /** Counts one slot more as this thread's, in nobody's hands yet: false, and stolen, if its memory is gone. */
  acquire(slot) {
    this.core.arm();
    scratch[0] = slot;
    this.#reach(1);
    this.claimed++;
    const stolen = this.#isStolen(slot);
    if (stolen) this.stolen++;
    this.peak = Math.max(this.peak, this.held);
    this.#settle();
    return !stolen;
  }

  /** A held slot is another one's from now on. */
  resign(slot) {
    this.claimed--;
    this.forget(slot);
    this.#settle();
  }

  /** Takes cached slots whose memory a transfer list or a byte stream took off the stack, for good. */
  purge() {
    if (!this.segments.some((ab) => ab !== null && ab.byteLength === 0)) return;
    let kept = 0;
    for (let i = 0; i < this.top; i++) {
      const slot = this.slotAt(i);
      if (this.#isStolen(slot)) this.forget(slot);
      else this.stack[kept++] = this.stack[i];
    }
    this.stolen += this.top - kept;
    this.top = kept;
    this.#spare = 0;
    this.#settle();
  }

  /** Gives the `count` slots back that were cached longest. */
  flush(count) {
    this.purge();
    const given = Math.min(count, this.top);
    if (given === 0) return;
    const slots = given <= BATCH ? scratch.subarray(0, given) : new Uint32Array(given);
    for (let i = 0; i < given; i++) {
      slots[i] = this.slotAt(i);
      this.forget(slots[i]);
    }
    // In order: neighbours share a word of hints below.
    this.core.leased.release(this.index, slots.sort(), given);
    this.claimed -= given;
    this.stack.splice(0, given);
    this.top -= given;
    this.#spare = Math.max(this.#spare - given, 0);
    this.#settle();
  }

  /** Called after a free that went beyond `room`. */
  overflow() {
    this.room = this.core.leased.room(this.index);
    if (this.top > this.room) this.flush(this.top - (this.room >> 1));
  }

  /** From now on other threads may want the slots: no more are cached than is this one's share. */
  bound() {
    this.#bounded = true;
    this.overflow();
  }

  /** Gives what was cached for a whole tick without being used. */
  idle() {
    this.flush(this.#spare);
    this.#spare = this.top;
    this.#settle();
  }

  /** The memory below has dropped a segment of free slots. */
  drop(index) {
    const ab = this.segments[index] ?? null;
    if (ab === null) return;
    this.#detach(ab);
    this.segments[index] = null;
  }

  /** Every Buffer is dead after this. */
  close() {
    this.stack = [];
    this.top = 0;
    this.floor = 0;
    this.room = 0;
    for (const ab of this.segments) if (ab !== null) this.#detach(ab);
    this.segments = [];
  }

  #detach(ab) {
    if (ab.byteLength === 0) return;
    try {
      if (hasTransfer) ab.transfer();
      else this.core.leased.detach(ab);
    } catch {
      // worker_threads.markAsUntransferable(buf.buffer): it cannot be detached by anyone, and keeps the memory.
    }
  }

  /** For pools that keep something about each slot: it is not this thread's any more. */
  forget() {}
}

module.exports = { Pool };
