'use strict';

// What says no: a limit, the bytes that are charged to it, and what both are called in an error. A charge is the parent's too, and a budget does not
// know who is charged to it.
//
// Bytes of chunks are counted once, by the memory below (measured-budget.js). Who hands them out piece by piece charges the pieces to itself alone.

const { limitError, withStatus } = require('../base/errors.js');

/**
 * How a refusal names a budget: the option to raise, of what, and the name of that, or ''. `status`: what a server answers.
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

  get name() {
    return this.about.name;
  }

  set name(name) {
    this.about = { ...this.about, name };
  }

  get used() {
    return this.#used;
  }

  /** May be less than 0: see force(), and a limit that was lowered. */
  get room() {
    return this.limit - this.#used;
  }

  /** The first that has no room for `bytes` more, of this budget and those above it; null if all have. */
  fullFor(bytes) {
    if (bytes > this.room) return this;
    return this.parent === null ? null : this.parent.fullFor(bytes);
  }

  // Any call can be cut off (see chunk-pool.js), and none between two levels: on the way up nothing is changed yet, and on the way back nothing
  // is called.

  /** Charges, whatever the limit is. */
  force(bytes) {
    if (this.parent !== null) this.parent.force(bytes);
    this.#used += bytes;
  }

  discharge(bytes) {
    if (this.parent !== null) this.parent.discharge(bytes);
    this.#used -= bytes;
  }

  /** The same of bytes of a chunk, which count above already. */
  forceChunk(bytes) {
    this.#used += bytes;
  }

  dischargeChunk(bytes) {
    this.#used -= bytes;
  }

  /** The error that `requested` bytes do not fit. `usage`: what has the bytes, and what gives them back (pool-usage.js). */
  refusal(requested, usage) {
    const { status } = this.about;
    const error = limitError(this.about, requested, this.limit, this.used, usage);
    return status === undefined ? error : withStatus(status, error);
  }
}

module.exports = { Budget };
