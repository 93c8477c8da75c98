'use strict';

// The sums of a tree of budgets. What is charged to one is used of those above too, and what is reserved for one is taken of those above whether it
// is used or not: of its parent a budget takes `max(taken, reserve)`. So what fits within the reserve changes nothing above.

/** What a budget with `reserve` takes of its parent more when `taken` becomes `next`. */
const beyond = (reserve, taken, next) =>
  reserve === 0 ? next - taken : Math.max(next, reserve) - Math.max(taken, reserve);

class Sums {
  limit;
  reserve = 0;
  parent;
  used = 0; // charged here and below
  taken = 0; // the same, and reserves below that are not used: what has to stay below `limit`
  least = 0; // what is taken while nothing is charged
  peak = 0; // of `used`
  charges = 0; // made here, and not released
  /** The line whose turn it is (ledger.js). While there is one, whoever begins has to wait; who goes on has not. */
  current = null;

  constructor(limit, parent) {
    this.limit = limit;
    this.parent = parent;
  }

  /** The first without room for `bytes` more, of this one and those above. `isNew`: of one that begins. */
  fullFor(bytes, isNew) {
    let more = bytes;
    for (let one = this; one !== null && more > 0; one = one.parent) {
      const { taken, reserve } = one;
      if (more > one.limit - taken || (isNew && one.current !== null)) return one;
      if (reserve > 0) more = beyond(reserve, taken, taken + more);
    }
    return null;
  }

  /** The first which `bytes` never fit in, whatever is released. */
  tooSmallFor(bytes) {
    if (bytes === 0) return null;
    const { parent, least } = this;
    if (bytes > this.limit - least) return this;
    return parent === null ? null : parent.tooSmallFor(beyond(this.reserve, least, least + bytes));
  }

  /** Bytes that fit. `isNew`: of a charge that begins. */
  room(isNew) {
    const { parent, taken, reserve } = this;
    if (isNew && this.current !== null) return 0;
    const above = parent === null ? Infinity : parent.room(isNew) + Math.max(0, reserve - taken);
    return Math.max(0, Math.min(this.limit - taken, above));
  }

  // Any call can be cut off (see memory/chunk-pool.js), and none of these between two levels: on the way up nothing is changed yet, and on the way
  // back nothing is called.

  /**
   * `bytes` more are used, and `more` taken; less, where they are negative. The trees of up to three without reserves are written out, since a call for each level is two thirds of
   * what a charge costs there.
   */
  shift(bytes, more) {
    const { parent } = this;
    const top = parent === null ? null : parent.parent;
    if (parent !== null) {
      if (this.reserve !== 0) return this.#shiftUp(bytes, more);
      if (top !== null && (parent.reserve !== 0 || top.parent !== null))
        return this.#shiftUp(bytes, more);
    }
    const used = this.used + bytes;
    this.used = used;
    this.taken += more;
    if (used > this.peak) this.peak = used;
    if (parent === null) return undefined;
    const above = parent.used + bytes;
    parent.used = above;
    parent.taken += more;
    if (above > parent.peak) parent.peak = above;
    if (top === null) return undefined;
    const all = top.used + bytes;
    top.used = all;
    top.taken += more;
    if (all > top.peak) top.peak = all;
    return undefined;
  }

  #shiftUp(bytes, more) {
    const taken = this.taken + more;
    const { parent } = this;
    if (parent !== null) parent.shift(bytes, beyond(this.reserve, this.taken, taken));
    const used = this.used + bytes;
    this.used = used;
    this.taken = taken;
    if (used > this.peak) this.peak = used;
  }

  #shiftReserves(more, leastMore) {
    const taken = this.taken + more;
    const least = this.least + leastMore;
    const { parent, reserve } = this;
    if (parent !== null) {
      parent.#shiftReserves(beyond(reserve, this.taken, taken), beyond(reserve, this.least, least));
    }
    this.taken = taken;
    this.least = least;
  }

  setReserve(reserve) {
    const { parent, taken, least } = this;
    const change = (bytes) => Math.max(bytes, reserve) - Math.max(bytes, this.reserve);
    if (parent !== null) parent.#shiftReserves(change(taken), change(least));
    this.reserve = reserve;
  }
}

module.exports = { Sums, beyond };
