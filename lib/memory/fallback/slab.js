'use strict';

// LeasedSlab (src/node/slab.rs) in JavaScript: for one thread, in memory that V8 owns. Used where
// no binary fits, and with RALLOC_BACKEND=js. A segment is an ArrayBuffer.

const { move } = require('./move.js');
const {
  SlotTable,
  MAX_TOKEN_SLOTS,
  codedError,
  newIdentity,
  staleError,
} = require('./slot-table.js');
const { leastBytes, slotsWithin } = require('../slab-layout.js');
const time = require('../../base/time.js');

const ONE_THREAD = 'the JavaScript backend has memory of one thread only';
const OF_V8 = 'the JavaScript backend has ordinary memory of V8 only';
const unsupported = (why) => ({ kind: 'unsupported', why });

class LeasedSlab {
  #pools = [];
  #maxBytes = 0;
  #limit = 0; // most bytes to grow to: `maxBytes` or less
  #claim = { pool: null, slots: null, count: 0 }; // the claim in progress, which vm's timeout or a stack overflow can interrupt

  open(numbers, maxBytes, shared, memory) {
    if (shared) return unsupported(ONE_THREAD);
    if (memory !== undefined) return unsupported(OF_V8);
    const poolOptions = [];
    for (let i = 0; i < numbers.length; i += 4) {
      const [size, count, maxCount, minCount] = numbers.slice(i, i + 4);
      poolOptions.push({ size, count, maxCount, minCount });
    }
    const used = leastBytes(poolOptions);
    if (used > maxBytes) return { kind: 'limit', used, limit: maxBytes };
    const identity = newIdentity();
    let firstNumber = 0;
    const pools = poolOptions.map((options) => {
      const pool = new SlotTable(options, firstNumber, identity, maxBytes / poolOptions.length);
      firstNumber += options.maxCount;
      while (pool.count < options.count) pool.add(options.count - pool.count);
      return pool;
    });
    this.#pools = pools;
    this.#limit = maxBytes;
    this.#maxBytes = maxBytes;
    return null;
  }

  members() {
    return [{ pid: process.pid, since: Date.now(), own: true }];
  }

  /** Calls `onDrop(pool, segment)` for each segment that makes room for another one. */
  claim(index, want, slots, onDrop) {
    this.#undoClaim();
    const pool = this.#pools[index];
    if (pool.freeCount === 0) this.#grow(pool, onDrop);
    const claim = this.#claim;
    claim.pool = pool;
    claim.slots = slots;
    while (claim.count < want && pool.freeCount > 0) {
      const slot = pool.claim(); // first: if it is interrupted, `count` must not include it
      slots[claim.count++] = slot;
    }
    const found = claim.count;
    claim.count = 0;
    return found;
  }

  /** Frees the slots of an interrupted claim. */
  #undoClaim() {
    const claim = this.#claim;
    for (; claim.count > 0; claim.count--) claim.pool.release(claim.slots[claim.count - 1]);
  }

  /**
   * Adds the slots of a segment, as many as fit the limit. If none fits, drops idle segments first.
   */
  #grow(pool, onDrop) {
    const { count } = pool;
    if (count === pool.maxCount) return;
    const most = this.#limit - (pool.bytesOf(count + 1) - pool.bytesOf(count));
    if (this.committed() > most) this.#dropIdle(0, onDrop, most);
    if (this.committed() > most) return;
    const room = this.#limit - this.committed();
    pool.add(slotsWithin(pool.size, pool.count, pool.maxCount, room) - pool.count);
  }

  /**
   * While more than `most` bytes are committed, drops segments that were idle for `idleMs`. Returns
   * the bytes of their slots.
   */
  #dropIdle(idleMs, onDrop, most) {
    const now = time.now();
    let bytes = 0;
    this.#pools.forEach((pool, i) => {
      const { count } = pool;
      for (const index of pool.trim(idleMs, now, this.committed() - most)) {
        onDrop(i, index);
      }
      bytes += (count - pool.count) * pool.size;
    });
    return bytes;
  }

  release(index, slots, count) {
    let freed = 0;
    for (let i = 0; i < count; i++) freed += this.#pools[index].release(slots[i]);
    return freed;
  }

  segment(index, segment) {
    const pool = this.#pools[index];
    try {
      return new ArrayBuffer(pool.slotsIn(segment) * pool.size);
    } catch {
      return { kind: 'map', syscall: 'ArrayBuffer', errno: 12, code: 'ENOMEM' };
    }
  }

  detach(_pool, _segment, ab) {
    move(ab);
  }

  segmentSlots(index) {
    return this.#pools[index].slotsPerSegment;
  }

  slotCount(index) {
    return this.#pools[index].count;
  }

  room() {
    return 2 ** 30; // no other thread wants the slots
  }

  send(index, slot, length) {
    return this.#pools[index].send(slot, length);
  }

  receive(token, registers) {
    const number = token % MAX_TOKEN_SLOTS;
    const index = this.#pools.findLastIndex(({ firstNumber }) => firstNumber <= number);
    if (index < 0) throw staleError();
    const pool = this.#pools[index];
    const slot = number - pool.firstNumber;
    const length = pool.receive(slot, Math.floor(token / MAX_TOKEN_SLOTS));
    registers[0] = index;
    registers[1] = slot;
    registers[2] = length;
  }

  revoke(token, registers) {
    this.receive(token, registers);
  }

  stats(registers) {
    this.#undoClaim();
    this.#pools.forEach((pool, i) => {
      const { size, count, maxCount, held, sent, peak } = pool;
      registers.set([size, count, maxCount, held, 0, sent, count - held - sent, peak], i * 8);
    });
  }

  /** Gives idle segments back; calls `onDrop(pool, segment)` for each. */
  trim(idleMs, onDrop) {
    return this.#dropIdle(idleMs, onDrop, 0);
  }

  footprint() {
    const all = this.#pools.reduce((sum, pool) => sum + pool.bytesOf(pool.maxCount), 0);
    return Math.min(all, Math.max(this.#maxBytes, this.committed()));
  }

  committed() {
    return this.#pools.reduce((sum, pool) => sum + pool.bytesOf(pool.count), 0);
  }

  setLimit(maxBytes) {
    this.#limit = Math.min(maxBytes, this.#maxBytes);
  }

  close() {
    this.#pools = [];
  }
}

// What needs other threads, which can die, or memory that can be refused, or is at a place that is
// chosen.

const none = () => [];
const nothing = () => {};
const refusesPlace = () => unsupported(OF_V8);
const refusesOthers = () => unsupported(ONE_THREAD);
const throwsForOthers = () => {
  throw codedError('ERR_RALLOC_UNSUPPORTED', ONE_THREAD);
};

Object.assign(LeasedSlab, { list: refusesOthers, unlink: refusesOthers });
Object.assign(LeasedSlab.prototype, {
  ...{ bind: refusesPlace, lock: refusesPlace },
  ...{ create: refusesOthers, openDescriptor: refusesOthers, openName: refusesOthers },
  ...{ attach: throwsForOthers, descriptor: throwsForOthers, handle: () => null },
  ...{ participants: () => 1, recover: none, takeRecovered: none },
  ...{ abandon: nothing, probe: nothing },
});

module.exports = { LeasedSlab };
