'use strict';

// A thread's side of a pool: a magazine (a stack of free slots) in front of the shared pool in
// src/slab/. Slots are claimed from there and released to it in batches. Nothing in this file is
// hot; take() and push() are in buffer.js. `claimed = held + inFlight + cached + stolen + moving`,
// where the cached slots are those on the stack.
//
// Any call can throw where the stack ends, and vm's timeout can stop JavaScript at any call or turn
// of a loop. So each step here changes everything that belongs together after its last call.

const { RallocError, exhaustedError, refusal } = require('../base/errors.js');
const { observing } = require('../base/observer.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { hasTransfer } = require('../base/runtime.js');
const { charge } = require('../memory/slab-layout.js');
const { limitOf } = require('./options.js');

// Creates and ends the ArrayBuffers over a pool's slots, one for each segment.

/** The error if a pool was refused memory. */
const refuseSegment = ({ core, segmentBytes }, failure) =>
  refusal(failure, limitOf(core.settings), segmentBytes, { asked: core.settings.memory });

/** Makes the ArrayBuffer of a segment, unless there is one. */
function makeSegment(pool, index) {
  const { core, segments, guards } = pool;
  while (segments.length <= index) segments.push(null);
  if (segments[index] !== null) return;
  const ab = core.call('segment', pool.index, index);
  if (ab.kind !== undefined) throw refuseSegment(pool, ab);
  // At exit Node detaches the ArrayBuffers that Node-API made, and Node 24 and 26 abort if one was
  // marked as untransferable. So its memory moves to another ArrayBuffer before anyone can see it
  // (100 ns).
  const shown = hasTransfer ? ab.transfer() : ab;
  const guard = core.guardOf(pool, index, shown);
  if (guard !== null) {
    shown[kHolder] = guard;
    guards[index] = guard;
  } else shown[kMemory] = true;
  segments[index] = shown;
}

/** Detaches the ArrayBuffer of a segment. */
function detachSegment({ core, index: pool }, ab, index) {
  if (ab.byteLength === 0) return; // it was transferred away: its new owner keeps it, and its slots are not used again
  try {
    const transfers = hasTransfer && core.backend === 'native';
    // Moved first, because a new ArrayBuffer cannot be marked as untransferable; Node 24 aborts if
    // Node-API detaches a marked one.
    core.leased.detach(pool, index, transfers ? ab.transfer() : ab);
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack ends here
    // The program called worker_threads.markAsUntransferable(buf.buffer): the ArrayBuffer cannot be
    // detached and keeps its memory until it is collected.
  }
}

// For a pool that has no free slot and cannot grow: makes room, or creates an error that names the
// limit.

// Under overload every call reaches the limit, and emptying the caches, which fill again, takes 10
// µs. So caches are emptied only if the slab's bytes have changed or fewer Buffers are held, and
// otherwise at every 64th call, because frees by other threads do not change either number.
const TRIES = 64;

/**
 * At `maxBytes`, releases this thread's cached slots, so that segments become idle and can be
 * dropped. Returns false if that is not likely to help.
 */
function makeRoom(core, pool) {
  if (!core.settings.grows) return false;
  if (core.leased.slotCount(pool.index) === pool.maxCount) return false;
  const { full, held } = core;
  const bytes = core.leased.committed();
  const isSame = bytes === full.bytes && held >= full.held;
  const isEmpty = core.pools.every(({ top }) => top === 0);
  if (!isEmpty && isSame && ++full.tries % TRIES !== 0) return false;
  for (const each of core.pools) each.flush(each.top);
  full.held = held;
  full.bytes = bytes;
  return !isEmpty;
}

/** Bytes of one more slot, with its records. */
function needOf({ core, index, size }) {
  const there = core.leased.slotCount(index);
  return charge(size, there + 1) - charge(size, there);
}

/**
 * The error of an allocation of `requested` bytes, for which `first` is the smallest pool. It names
 * `maxBytes` if that kept one of the pools that fit from growing.
 */
function exhausted({ settings, pools, leased, share }, first, requested) {
  const { grows, maxBytes } = settings;
  const fitting = pools.slice(first.index);
  const isBound = ({ index }) => leased.slotCount(index) < settings.pools[index].asked;
  if (share !== null && fitting.some(isBound) && leased.committed() + share.room < maxBytes)
    return share.refusal(Math.min(...fitting.filter(isBound).map(needOf)));
  const option = fitting.some(isBound) ? 'maxBytes' : grows ? 'maxCount' : 'count';
  const about = limitOf(settings, option);
  if (option !== 'count') return exhaustedError(about, requested, maxBytes, leased.committed());
  const bytes = fitting.reduce((sum, pool) => sum + pool.size * pool.maxCount, 0);
  return exhaustedError(about, requested, bytes, bytes);
}

const BATCH = 64; // slots of a refill
// If other threads may want the slots, a refill takes as many slots as the thread has already,
// because a call into the shared pool costs as much as ten slots. It takes at most this many: at 15
// to 30 ns each that is as long as a small garbage collection.
const MOST_AT_ONCE = 1024;
const MOST_CACHED = 2 ** 14; // a flush moves all remaining entries, of 8 bytes each, to the bottom of the stack
const UNLIMITED = 2 ** 30; // more than any pool has slots

class Pool {
  // The magazine. take() and push() read these; the stack has room for every claimed slot, so it
  // never grows there.
  stack = []; // slots, or their Buffers, up to `top`; placeholders above
  top = 0; // number of cached slots
  watermark = 0; // take() calls crossWatermark() when it leaves fewer cached slots than this
  capacity = UNLIMITED; // most slots that push() may cache: `limit`, or 0 while operations are in flight
  segments = []; // ArrayBuffers over the slots; null: not made yet; of length 0: transferred away
  shift = 0; // slot >>> shift: the slot's segment
  mask = 0; // slot & mask: the slot's place in its segment
  sizeLog = 0;

  size = 0; // bytes of a slot
  maxCount = 0;
  index = 0; // of the pool in the slab
  claimed = 0; // slots that are this thread's
  stolen = 0; // claimed slots whose ArrayBuffer was transferred away
  inFlight = 0; // freed slots that wait for operations of Node: see claims.js
  operations = 0; // operations of Node under way on Buffers of the pool
  limit = UNLIMITED; // most slots that may be cached
  guards = []; // by segment; empty without the option `guard`
  peak = 0; // most slots that were held at once
  promotions = 0;
  exhaustions = 0;
  refused = 0;

  #lowWater = 0; // at least so many slots stayed cached since the last idle tick
  #isShared = false; // other threads may want the slots

  // Slots on their way between the stack and the shared pool: claimed, but neither cached nor held.
  #moving;
  #movingCount = 0;
  #batch = new Uint32Array(BATCH);

  constructor(core, index, size, maxCount, slotsPerSegment = 1) {
    this.core = core; // a free compares it with the slab's own
    this.index = index;
    this.size = size;
    this.maxCount = maxCount;
    this.shift = Math.log2(slotsPerSegment);
    this.mask = slotsPerSegment - 1;
    this.sizeLog = size === 0 ? 0 : Math.log2(size);
  }

  get held() {
    return this.claimed - this.stolen - this.top - this.inFlight - this.#movingCount;
  }

  get segmentBytes() {
    return Math.min(this.mask + 1, this.maxCount) * this.size;
  }

  /**
   * Called when only `top` slots stay cached, which is a new low since the last idle tick, or makes
   * a new peak of held slots.
   */
  crossWatermark(top) {
    if (this.isStolen(this.slotAt(top))) return; // take() will not take it
    this.peak = Math.max(this.peak, this.claimed - this.stolen - this.inFlight - top);
    // Half of it, so that a pool that drains calls this a few times a tick and not at every take().
    if (top < this.#lowWater) this.#lowWater = top >> 1;
    this.#recompute();
  }

  /**
   * Call after a change of these numbers. It is not needed when `claimed` or `inFlight` decreases:
   * then take() only calls crossWatermark() earlier than necessary.
   */
  #recompute(claimed = this.claimed) {
    const cachedAtPeak = claimed - this.stolen - this.peak; // when as many are held as at the peak
    this.watermark = Math.max(cachedAtPeak, this.#lowWater, 0);
    while (this.stack.length < claimed) this.stack.push(this.placeholder);
  }

  /** Whether a slot is cached, after a refill if necessary. */
  ensureCached() {
    // Looks at one slot only: checking all segments each time would make a large exhausted pool
    // slow.
    if (this.top > 0 && this.isStolen(this.slotAt(this.top - 1))) this.purgeStolen();
    return this.top > 0 || this.#refill();
  }

  #refill() {
    const { leased } = this.core;
    this.core.startTimer();
    this.releaseMoving();
    this.#moving = this.#batch;
    for (;;) {
      if (this.#isShared) this.#setLimit(leased.room(this.index));
      const want = this.#isShared ? this.#wanted() : BATCH;
      if (this.#batch.length < want) this.#moving = this.#batch = new Uint32Array(MOST_AT_ONCE);
      const found =
        this.core.share === null
          ? leased.claim(this.index, want, this.#batch, this.core.dropSegment)
          : this.core.claim(this.index, want, this.#batch);
      if (typeof found !== 'number') throw refuseSegment(this, found);
      if (found === 0) {
        if (this.core.share?.makeRoom(needOf(this))) continue;
        if (makeRoom(this.core, this)) continue;
        return false;
      }
      this.#movingCount = found;
      this.claimed += found;
      try {
        this.#cacheMoving();
      } catch (error) {
        this.releaseMoving();
        throw error;
      }
      this.#recompute();
      const { full, held } = this.core;
      full.held = Math.max(full.held, held); // more may be held from now on
      if (this.top > 0) return true;
    }
  }

  /**
   * How many slots to take if others may want them too. If the cache has room for enough slots, no
   * more than that.
   */
  #wanted() {
    const left = this.limit - this.claimed;
    const most = Math.min(left > 0 ? left : this.limit, (this.limit >> 1) + 1, MOST_AT_ONCE);
    return Math.max(1, Math.min(most, Math.max(BATCH, this.claimed)));
  }

  #cacheMoving() {
    while (this.#movingCount > 0) {
      const slot = this.#moving[this.#movingCount - 1];
      makeSegment(this, slot >>> this.shift);
      if (this.isStolen(slot)) this.stolen++;
      else this.cache(slot);
      this.#movingCount--;
    }
  }

  /** Releases the slots of an interrupted refill or flush. */
  releaseMoving() {
    if (this.#movingCount === 0) return;
    this.core.leased.release(this.index, this.#moving, this.#movingCount);
    this.claimed -= this.#movingCount;
    this.#movingCount = 0;
  }

  /** Whether an operation of Node uses the slot. */
  isInFlight(slot) {
    if (this.operations === 0) return false;
    const start = (slot & this.mask) << this.sizeLog;
    return this.guards[slot >>> this.shift].covers(start, start + this.size);
  }

  /** Whether the slot's memory was transferred away. Its new owner then keeps the slot. */
  isStolen(slot) {
    return this.segments[slot >>> this.shift].byteLength === 0;
  }

  /**
   * Throws if the memory of a slot, which may be another thread's, was transferred away from this
   * thread.
   */
  checkVisible(slot) {
    if (this.segments[slot >>> this.shift]?.byteLength !== 0) return;
    const message = "The Buffer's memory was transferred away from this thread";
    throw new RallocError('ERR_RALLOC_CLOSED', message);
  }

  /** Prepares to hold a slot that came by token. */
  prepare(slot) {
    this.core.startTimer();
    makeSegment(this, slot >>> this.shift);
    this.peak = Math.max(this.peak, this.held + 1);
    this.#recompute(this.claimed + 1);
  }

  /** Releases a slot without caching it. */
  giveUp(slot) {
    this.core.leased.release(this.index, Uint32Array.of(slot), 1);
  }

  /** Removes the cached slots whose ArrayBuffer a transfer list or a byte stream has taken. */
  purgeStolen() {
    if (!this.segments.some((ab) => ab !== null && ab.byteLength === 0)) return;
    const kept = [];
    for (let i = 0; i < this.top; i++) {
      const slot = this.slotAt(i);
      if (this.isStolen(slot)) this.forget(slot);
      else kept.push(this.stack[i]);
    }
    this.stolen += this.top - kept.length;
    this.top = kept.length;
    this.stack = kept;
    this.#lowWater = 0;
    this.#recompute();
  }

  /** Releases up to `most` slots, the longest cached first. */
  flush(most) {
    this.releaseMoving();
    this.purgeStolen();
    const count = Math.min(most, this.top);
    if (count === 0) return;
    const slots = count <= this.#batch.length ? this.#batch : new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      slots[i] = this.slotAt(i);
      this.forget(slots[i]);
    }
    this.#moving = slots;
    this.stack.splice(0, count);
    this.top -= count;
    this.#movingCount = count;
    this.releaseMoving();
    this.#lowWater = Math.max(this.#lowWater - count, 0);
    this.#recompute();
  }

  /**
   * Reads the limit again. If the cached slots plus `coming` ones exceed it, releases enough for
   * the next frees to fit.
   */
  flushExcess(coming) {
    this.#setLimit(this.core.leased.room(this.index));
    const excess = this.top + coming - this.limit;
    if (excess > 0) this.flush(excess + Math.min((this.limit + 1) >> 1, MOST_AT_ONCE));
  }

  #setLimit(room) {
    const limit = Math.min(room, MOST_CACHED);
    this.limit = limit;
    if (this.operations === 0) this.capacity = limit;
  }

  /** Other threads may want the slots from now on, so the cache gets a limit. */
  share() {
    this.#isShared = true;
    this.flushExcess(0);
  }

  /**
   * Releases the slots that were not needed since the last idle tick, and those beyond this
   * thread's part.
   */
  flushIdle() {
    if (this.#isShared) this.flushExcess(0);
    this.flush(this.#lowWater);
    this.#lowWater = this.top;
    this.#recompute();
  }

  /** Detaches the ArrayBuffer of a segment that was given back to the system. */
  dropSegment(index) {
    const ab = this.segments[index] ?? null;
    if (ab === null) return;
    detachSegment(this, ab, index);
    this.segments[index] = null;
  }

  /**
   * Detaches every ArrayBuffer, and with it every Buffer. ArrayBuffers that operations use stay
   * until these are over.
   */
  close() {
    this.stack = [];
    this.top = 0;
    this.watermark = 0;
    this.limit = 0;
    this.capacity = 0;
    observing.observer?.closed(this.core);
    this.segments.forEach((ab, index) => {
      const inUse = this.guards[index]?.operations > 0;
      if (ab !== null && !inUse) detachSegment(this, ab, index);
    });
    this.segments = [];
  }

  /**
   * Called when a slot is no longer this thread's; for subclasses that record something for each
   * slot.
   */
  forget() {}
}

module.exports = { Pool, detachSegment, exhausted };
