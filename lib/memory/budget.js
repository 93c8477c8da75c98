'use strict';

// An internal byte limit, such as `maxBytes` of an arena, with the bytes charged to it and its name
// in errors. It counts and refuses; nobody waits. A charge counts in the parent too. The class
// Budget of users, with waiting and reserves, is in lib/budget/budget.js.
//
// Bytes of chunks are counted once, by LeasedArena (measured-budget.js). Who hands them out piece
// by piece charges the pieces to itself alone.

const { limitError, withStatus } = require('../base/errors.js');

/**
 * How a refusal names a budget: the option to raise, of what, and the name of that, or ''.
 * `status`: what a server answers.
 * @typedef {{ option: string, of: string, name: string, status?: number }} About
 */

class Budget {
  #used = 0;
  about;
  limit;
  parent;

  /**
   * @param {About} about
   * @param {number} limit
   * @param {Budget | null} parent
   */
  constructor(about, limit, parent = null) {
    this.about = about;
    this.limit = limit;
    this.parent = parent;
  }

  get used() {
    return this.#used;
  }

  /** May be less than 0: see force(), and a limit that was lowered. */
  get room() {
    return this.limit - this.#used;
  }

  /**
   * Returns the first budget, from this one upward, that has no room for `bytes` more; null if all
   * have room.
   */
  fullFor(bytes) {
    if (bytes > this.room) return this;
    return this.parent === null ? null : this.parent.fullFor(bytes);
  }

  // Any call can be interrupted (see chunk-pool.js), but not between two levels: the calls come
  // first, up to the root, and change nothing. On the way back nothing is called.

  /** Charges, even beyond the limit. */
  force(bytes) {
    if (this.parent !== null) this.parent.force(bytes);
    this.#used += bytes;
  }

  discharge(bytes) {
    if (this.parent !== null) this.parent.discharge(bytes);
    this.#used -= bytes;
  }

  /** Like force(), but for bytes of a chunk, which the parent has counted already. */
  forceChunk(bytes) {
    this.#used += bytes;
  }

  dischargeChunk(bytes) {
    this.#used -= bytes;
  }

  /**
   * Creates the error that `requested` bytes do not fit. `usage`: what has the bytes, and how to
   * get them back (pool-usage.js).
   */
  refusal(requested, usage) {
    const { status } = this.about;
    const error = limitError(this.about, requested, this.limit, this.used, usage);
    return status === undefined ? error : withStatus(status, error);
  }
}

module.exports = { Budget };
