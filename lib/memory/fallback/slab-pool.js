'use strict';

// One pool of the slab in V8's memory (slab.js): which slots are free, held or sent. Tokens carry 22
// bits of a slot's number and 31 of its generation, as those of the binding.

const PAGE = 4096;
const SEGMENT = 1 << 20; // bytes
const RECORD = 8; // bytes that are kept about a slot
const MAX_SLOTS = 1 << 22;
const GENERATIONS = 2 ** 31;

const FREE = 0;
const HELD = 1;
const SENT = 2;

function failed(code, message) {
  const error = new Error(message);
  error.code = code;
  return error;
}

const stale = () => failed('ERR_RALLOC_STALE_TOKEN', 'the token is stale');

class SlabPool {
  segments = []; // { states, lengths, generations, used, idleSince }; null: not there
  #generations = []; // by segment, also of those that are not there: old tokens stay stale
  free = []; // numbers of free slots, which may be of dropped segments, or not free any more
  count = 0;
  held = 0;
  sent = 0;
  peak = 0;

  constructor(size, first, max, least, number) {
    Object.assign(this, { size, first, max, least, number });
    const all = 2 ** Math.ceil(Math.log2(max));
    this.each = Math.max(Math.min(Math.max(SEGMENT / size, 1), all), PAGE / size, 1);
    // Growth is by whole segments.
    this.start = Math.min(Math.ceil(first / this.each) * this.each, max);
  }

  bytesOf(slots) {
    return slots * (this.size + RECORD);
  }

  slotsIn(index) {
    return Math.min(this.each, this.max - index * this.each);
  }

  /** Index of the next segment to make; -1: all are there. */
  missing() {
    const index = this.segments.indexOf(null);
    if (index >= 0) return index;
    return this.segments.length * this.each < this.max ? this.segments.length : -1;
  }

  grow(index) {
    const slots = this.slotsIn(index);
    this.#generations[index] ??= new Uint32Array(slots);
    this.segments[index] = {
      states: new Uint8Array(slots),
      lengths: [],
      generations: this.#generations[index],
      used: 0,
      idleSince: -1,
    };
    const first = index * this.each;
    for (let i = slots - 1; i >= 0; i--) this.free.push(first + i);
    this.count += slots;
  }

  at(slot) {
    const segment = this.segments[Math.floor(slot / this.each)] ?? null;
    return segment === null ? null : { segment, i: slot % this.each };
  }

  /** A free slot, held from now on; undefined if there is none. */
  claim() {
    for (;;) {
      const slot = this.free.pop();
      if (slot === undefined) return undefined;
      const found = this.at(slot);
      if (found === null || found.segment.states[found.i] !== FREE) continue;
      found.segment.states[found.i] = HELD;
      found.segment.used++;
      found.segment.idleSince = -1;
      this.held++;
      this.peak = Math.max(this.peak, this.held + this.sent);
      return slot;
    }
  }

  release(slot) {
    const found = this.at(slot);
    if (found?.segment.states[found.i] !== HELD) return 0;
    found.segment.states[found.i] = FREE;
    found.segment.used--;
    this.held--;
    this.free.push(slot);
    return 1;
  }

  send(slot, length) {
    const found = this.at(slot);
    if (found?.segment.states[found.i] !== HELD || this.number + slot >= MAX_SLOTS) {
      throw failed('ERR_RALLOC_UNSUPPORTED', 'the slot cannot be sent');
    }
    const { segment, i } = found;
    segment.states[i] = SENT;
    segment.lengths[i] = length;
    segment.generations[i] = (segment.generations[i] + 1) % GENERATIONS;
    this.held--;
    this.sent++;
    return this.number + slot + segment.generations[i] * MAX_SLOTS;
  }

  receive(slot, generation) {
    const found = this.at(slot);
    if (found?.segment.states[found.i] !== SENT) throw stale();
    if (found.segment.generations[found.i] !== generation) throw stale();
    found.segment.states[found.i] = HELD;
    this.sent--;
    this.held++;
    return found.segment.lengths[found.i];
  }

  /** Drops segments of which no slot was used for `idleMs`: their indices. */
  trim(idleMs, now) {
    const dropped = [];
    for (let index = this.segments.length - 1; index >= 0; index--) {
      const segment = this.segments[index];
      if (segment === null || segment.used > 0) continue;
      if (segment.idleSince < 0) segment.idleSince = now;
      const slots = this.slotsIn(index);
      if (now - segment.idleSince < idleMs || this.count - slots < this.least) continue;
      this.segments[index] = null;
      this.count -= slots;
      dropped.push(index);
    }
    if (dropped.length > 0) this.free = this.free.filter((slot) => this.at(slot) !== null);
    return dropped;
  }
}

module.exports = { SlabPool, MAX_SLOTS, failed, stale };
