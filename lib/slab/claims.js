'use strict';

// The claims on a segment of a slab. A slot that is freed while an operation uses it returns to the
// cache after its last operation. All operations on one slot share one claim, as for a Buffer that
// goes to many sockets.

const { Claim, Claims } = require('../memory/claims.js');
const { deathOf, takeBack } = require('./buffer.js');
const { detachSegment } = require('./pool.js');

class SegmentClaims extends Claims {
  #pool;
  #index;
  #ab; // kept because close() removes it from the pool
  #alone = new Map(); // first byte of a slot -> the claim on only that slot
  #wide = new Set(); // claims on several slots

  constructor(pool, index, ab) {
    super(deathOf, pool);
    this.#pool = pool;
    this.#index = index;
    this.#ab = ab;
  }

  /** How its Buffers died, once they are dead. */
  get death() {
    return this.core.isLive ? 'transferred' : 'slab';
  }

  on(start, stop) {
    const { size } = this.#pool;
    const [first, last] = [start - (start % size), stop - 1 - ((stop - 1) % size)];
    const same = first === last ? this.#alone.get(first) : undefined;
    if (same?.end.deref() !== undefined) return same;
    if (same !== undefined) this.end(same, same.count); // its own `end` was collected
    const claim = new Claim(this, first, last + size);
    if (first === last) this.#alone.set(first, claim);
    else this.#wide.add(claim);
    return claim;
  }

  /** `start` and `stop` are those of a slot. */
  over(start, stop) {
    const alone = this.#alone.get(start);
    if (alone !== undefined && alone.count > 0) return alone;
    for (const claim of this.#wide) if (claim.covers(start, stop)) return claim;
    return undefined;
  }

  remove(claim) {
    if (this.#alone.get(claim.start) === claim) this.#alone.delete(claim.start);
    else this.#wide.delete(claim);
  }

  all() {
    return [...this.#alone.values(), ...this.#wide];
  }

  slow() {
    this.#pool.capacity = 0;
  }

  fast() {
    this.#pool.capacity = this.#pool.limit;
  }

  takeBack({ buffer }) {
    takeBack(buffer);
  }

  leave() {
    if (this.operations === 0) detachSegment(this.#pool, this.#ab, this.#index);
    this.core.leave();
  }
}

module.exports = { SegmentClaims };
