'use strict';

// The memory of V8 behind the seam of the binding's LeasedSlab (src/node/slab.rs), for one thread: taken
// where no binary fits, and with RALLOC_BACKEND=js. A segment is one ArrayBuffer that V8 owns.

const { SlabPool, MAX_SLOTS, failed, stale } = require('./slab-pool.js');

const ONE_THREAD = 'the JavaScript backend has memory of one thread only';
const unsupported = (why, limit) => ({ kind: 'unsupported', used: 0, limit, why });

class LeasedSlab {
  #pools = [];
  #limit = 0;

  open(numbers, maxBytes, shared, memory) {
    if (shared) return unsupported(ONE_THREAD, maxBytes);
    if (memory !== undefined) {
      return unsupported('the JavaScript backend has ordinary memory of V8 only', maxBytes);
    }
    const pools = [];
    let number = 0;
    for (let i = 0; i < numbers.length; i += 4) {
      const [size, count, max, least] = numbers.slice(i, i + 4);
      pools.push(new SlabPool(size, count, max, least, number));
      number += max;
    }
    const used = pools.reduce((sum, pool) => sum + pool.bytesOf(pool.start), 0);
    if (used > maxBytes) return { kind: 'limit', used, limit: maxBytes };
    for (const pool of pools) {
      for (let index = 0; pool.count < pool.start; index++) pool.grow(index);
    }
    this.#pools = pools;
    this.#limit = maxBytes;
    return null;
  }

  attach() {
    throw failed('ERR_RALLOC_UNSUPPORTED', ONE_THREAD);
  }

  handle() {
    return null;
  }

  claim(index, want, slots) {
    const pool = this.#pools[index];
    let found = 0;
    for (;;) {
      while (found < want) {
        const slot = pool.claim();
        if (slot === undefined) break;
        slots[found++] = slot;
      }
      if (found > 0 || !this.#grow(pool)) return found;
    }
  }

  #grow(pool) {
    const index = pool.missing();
    if (index < 0) return false;
    if (this.committed() + pool.bytesOf(pool.slotsIn(index)) > this.#limit) return false;
    pool.grow(index);
    return true;
  }

  release(index, slots, count) {
    let freed = 0;
    for (let i = 0; i < count; i++) freed += this.#pools[index].release(slots[i]);
    return freed;
  }

  segment(index, at) {
    const pool = this.#pools[index];
    try {
      return new ArrayBuffer(pool.slotsIn(at) * pool.size);
    } catch {
      return { kind: 'map', syscall: 'ArrayBuffer', errno: 12, code: 'ENOMEM' };
    }
  }

  /** On Node 20 only; later ones have transfer(). */
  detach(ab) {
    structuredClone(ab, { transfer: [ab] });
  }

  segmentSlots(index) {
    return this.#pools[index].each;
  }

  room() {
    return 2 ** 30; // nobody else wants them
  }

  send(index, slot, length) {
    return this.#pools[index].send(slot, length);
  }

  receive(token, registers) {
    const number = token % MAX_SLOTS;
    const index = this.#pools.findLastIndex((pool) => pool.number <= number);
    if (index < 0) throw stale();
    const pool = this.#pools[index];
    const slot = number - pool.number;
    registers.set([index, slot, pool.receive(slot, Math.floor(token / MAX_SLOTS))]);
  }

  revoke(token, registers) {
    this.receive(token, registers);
  }

  stats(registers) {
    this.#pools.forEach((pool, i) => {
      const { size, count, max, held, sent, peak } = pool;
      registers.set([size, count, max, held, 0, sent, count - held - sent, peak], i * 8);
    });
  }

  /** Calls `dropped(pool, segment)` for each that goes. */
  trim(idleMs, dropped) {
    const now = performance.now();
    let bytes = 0;
    this.#pools.forEach((pool, i) => {
      for (const index of pool.trim(idleMs, now)) {
        dropped(i, index);
        bytes += pool.slotsIn(index) * pool.size;
      }
    });
    return bytes;
  }

  footprint() {
    const all = this.#pools.reduce((sum, pool) => sum + pool.bytesOf(pool.max), 0);
    return Math.min(all, this.#limit);
  }

  committed() {
    return this.#pools.reduce((sum, pool) => sum + pool.bytesOf(pool.count), 0);
  }

  participants() {
    return 1;
  }

  close() {
    this.#pools = [];
  }
}

module.exports = { LeasedSlab };
