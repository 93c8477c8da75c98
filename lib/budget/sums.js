'use strict';

// The sums of a tree of budgets. A charge counts in all budgets above, and a reserve is taken from
// them whether it is used or not: a budget takes `max(taken, reserve)` of its parent. So a charge
// within the reserve changes nothing above.

/** How much more a budget with `reserve` takes of its parent when `taken` becomes `next`. */
const beyond = (reserve, taken, next) =>
  reserve === 0 ? next - taken : Math.max(next, reserve) - Math.max(taken, reserve);

class Sums {
  limit;
  reserve = 0;
  parent;
  used = 0; // bytes charged here and below
  taken = 0; // `used` and the unused reserves below; at most `limit`
  least = 0; // the value of `taken` while nothing is charged
  peak = 0; // the most that `used` ever was
  charges = 0; // charges of this budget that are not released
  /**
   * The line whose turn it is (ledger.js). While there is one, new charges have to wait, and
   * existing ones may grow.
   */
  current = null;

  constructor(limit, parent) {
    this.limit = limit;
    this.parent = parent;
  }

  /**
   * The first budget, from this one up, without room for `bytes` more. `isNew`: for a new charge.
   */
  fullFor(bytes, isNew) {
    let more = bytes;
    for (let one = this; one !== null && more > 0; one = one.parent) {
      const { taken, reserve } = one;
      if (more > one.limit - taken || (isNew && one.current !== null)) return one;
      if (reserve > 0) more = beyond(reserve, taken, taken + more);
    }
    return null;
  }

  /** The first budget, from this one up, that is too small for `bytes` even when empty. */
  tooSmallFor(bytes) {
    if (bytes === 0) return null;
    const { parent, least } = this;
    if (bytes > this.limit - least) return this;
    return parent === null ? null : parent.tooSmallFor(beyond(this.reserve, least, least + bytes));
  }

  /** How many bytes fit. `isNew`: for a new charge. */
  room(isNew) {
    const { parent, taken, reserve } = this;
    if (isNew && this.current !== null) return 0;
    const above = parent === null ? Infinity : parent.room(isNew) + Math.max(0, reserve - taken);
    return Math.max(0, Math.min(this.limit - taken, above));
  }

  // Any call can be interrupted (see memory/chunk-pool.js), but never between two levels: nothing
  // is changed on the way up, and nothing is called on the way back.

  /**
   * Adds `bytes` to `used` and `more` to `taken`; both may be negative. Trees of up to three levels
   * without reserves are written out: a call per level would be two thirds of the cost of a charge.
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
