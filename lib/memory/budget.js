'use strict';

// An internal byte limit, such as `maxHeapBytes` of request arenas, with the bytes charged to it
// and its name in errors. It counts and refuses; nobody waits. The class Budget of users, with
// parents, waiting and reserves, is in lib/budget/budget.js.

const { limitError, withStatus } = require('../base/errors.js');

/**
 * How a refusal names a budget: the option to raise, of what, and the name of that, or ''.
 * `status`: what a server answers.
 * @typedef {{ option: string, of: string, name: string, status?: number }} About
 */

class Budget {
  used = 0;
  about;
  limit;

  /**
   * @param {About} about
   * @param {number} limit
   */
  constructor(about, limit) {
    this.about = about;
    this.limit = limit;
  }

  /** May be less than 0: see force(). */
  get room() {
    return this.limit - this.used;
  }

  /** Charges, even beyond the limit. */
  force(bytes) {
    this.used += bytes;
  }

  discharge(bytes) {
    this.used -= bytes;
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
