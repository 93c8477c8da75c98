'use strict';

// The slots of one pool of the fallback's slab (slab.js): which are free, held or sent. As in the
// binary, a token has 22 bits for the number of the slot and 31 for its generation, to which the
// slab's identity is added. Every change comes after the last call that could throw, at the stack's
// end, so it is whole or did not begin.

const { charge } = require('../slab-layout.js');

const PAGE = 4096;
const SEGMENT = 1 << 20; // bytes
const LIMIT_PART = 2; // as in src/slab/options.rs, also the rest of the constants
const MAX_TOKEN_SLOTS = 1 << 22;
const GENERATIONS = 2 ** 31;

const FREE = 0;
const HELD = 1;
const SENT = 2;

const codedError = (code, message) => Object.assign(new Error(message), { code });

let lastIdentity = Math.floor(Math.random() * GENERATIONS);

/**
 * The offset of a new slab's generations, so that its tokens differ from other slabs': spread
 * evenly, as in src/slab/token.rs.
 */
function newIdentity() {
  lastIdentity = (lastIdentity + 0x1e3779b1) % GENERATIONS;
  return lastIdentity;
}

const staleError = () =>
  codedError(
    'ERR_RALLOC_STALE_TOKEN',
    'no Buffer was sent with this token, or it was already received',
  );

class SlotTable {
  segments = []; // { present, used, idleSince }; null: dropped
  // Of each slot, also of a dropped segment's: all of those are free, and old tokens stay stale.
  #states = [];
  #lengths = [];
  #generations = [];
  free = []; // the first `freeCount` are the free slots; an interrupted call may have left others behind them
  freeCount = 0;
  count = 0;
  held = 0;
  sent = 0;
  peak = 0;

  /**
   * `firstNumber`: the number of the pool's first slot, counted over all pools; `identity` of the
   * slab; `share`: bytes of its limit for each pool.
   */
  constructor({ size, count, maxCount, minCount }, firstNumber, identity, share) {
    Object.assign(this, { size, maxCount, minCount, firstNumber, identity });
    const bytes = count === maxCount ? SEGMENT : Math.min(SEGMENT, share / LIMIT_PART);
    const about = 2 ** Math.floor(Math.log2(Math.max(bytes / size, 1)));
    const all = 2 ** Math.ceil(Math.log2(maxCount));
    this.slotsPerSegment = Math.max(Math.min(about, all), PAGE / size, 1);
  }

  bytesOf(slots) {
    return charge(this.size, slots);
  }

  slotsIn(index) {
    return Math.min(this.slotsPerSegment, this.maxCount - index * this.slotsPerSegment);
  }

  /** How many slots the segment lacks. */
  #absentIn(index) {
    return this.slotsIn(index) - (this.segments[index]?.present ?? 0);
  }

  /** Adds up to `most` slots, all in one segment, to a pool with fewer than `maxCount`. */
  add(most) {
    const lacking = this.segments.findIndex((_, i) => this.#absentIn(i) > 0);
    const index = lacking >= 0 ? lacking : this.segments.length;
    const slots = Math.min(this.#absentIn(index), most);
    const segment = this.segments[index] ?? { present: 0, used: 0, idleSince: -1 };
    const first = index * this.slotsPerSegment + segment.present;
    const { free, freeCount } = this;
    for (let i = 0; i < slots; i++) {
      this.#states[first + i] = FREE;
      this.#generations[first + i] ??= 0;
      free[freeCount + i] = first + slots - 1 - i;
    }
    this.segments[index] = segment; // may grow the array, which counts as a call
    segment.present += slots;
    segment.idleSince = -1;
    this.freeCount = freeCount + slots;
    this.count += slots;
  }

  #segmentOf(slot) {
    return this.segments[Math.floor(slot / this.slotsPerSegment)];
  }

  /** Claims a slot of those that are free. */
  claim() {
    const slot = this.free[this.freeCount - 1];
    const segment = this.#segmentOf(slot);
    this.freeCount--;
    this.#states[slot] = HELD;
    segment.used++;
    segment.idleSince = -1;
    this.held++;
    if (this.held + this.sent > this.peak) this.peak = this.held + this.sent;
    return slot;
  }

  release(slot) {
    if (this.#states[slot] !== HELD) return 0;
    const segment = this.#segmentOf(slot);
    this.free[this.freeCount] = slot; // may grow the array, which counts as a call
    this.freeCount++;
    this.#states[slot] = FREE;
    segment.used--;
    this.held--;
    return 1;
  }

  send(slot, length) {
    if (this.#states[slot] !== HELD || this.firstNumber + slot >= MAX_TOKEN_SLOTS) {
      throw codedError('ERR_RALLOC_UNSUPPORTED', 'the slot cannot be sent');
    }
    const generation = (this.#generations[slot] + 1) % GENERATIONS;
    const token = this.firstNumber + slot + this.#mark(generation) * MAX_TOKEN_SLOTS;
    this.#lengths[slot] = length; // may grow the array, which counts as a call
    this.#generations[slot] = generation;
    this.#states[slot] = SENT;
    this.held--;
    this.sent++;
    return token;
  }

  /** The generation as tokens contain it. */
  #mark(generation) {
    return (generation + this.identity) % GENERATIONS;
  }

  receive(slot, mark) {
    const isIt = this.#states[slot] === SENT && this.#mark(this.#generations[slot]) === mark;
    if (!isIt) throw staleError();
    this.#states[slot] = HELD;
    this.sent--;
    this.held++;
    return this.#lengths[slot];
  }

  /**
   * Drops segments of at least `wanted` bytes in all, of which no slot was used for `idleMs`;
   * returns their indices.
   */
  trim(idleMs, now, wanted) {
    const dropped = [];
    let { count } = this;
    const most = this.bytesOf(count) - wanted;
    for (let index = this.segments.length - 1; index >= 0; index--) {
      if (this.bytesOf(count) <= most) break;
      const segment = this.segments[index];
      if (segment === null || segment.used > 0) continue;
      if (segment.idleSince < 0) segment.idleSince = now;
      const slots = segment.present;
      if (now - segment.idleSince < idleMs || count - slots < this.minCount) continue;
      count -= slots;
      dropped.push(index);
    }
    if (dropped.length === 0) return dropped;
    const segments = this.segments.map((one, index) => (dropped.includes(index) ? null : one));
    const isThere = (slot) => segments[Math.floor(slot / this.slotsPerSegment)] !== null;
    const free = this.free.slice(0, this.freeCount).filter(isThere);
    this.segments = segments;
    this.free = free;
    this.freeCount = free.length;
    this.count = count;
    return dropped;
  }
}

module.exports = { SlotTable, MAX_TOKEN_SLOTS, codedError, staleError, newIdentity };
