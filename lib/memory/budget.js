'use strict';

// An internal byte limit, such as `maxBytes` of an arena, with the bytes charged to it and its name
// in errors. It counts and refuses; nobody waits. A charge counts in the parent too. The class
// Budget of users, with waiting and reserves, is in lib/budget/budget.js.
//
// Bytes of chunks are counted once, by LeasedArena (MeasuredBudget). Who hands them out piece
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

// The budget of memory that is counted below: chunks, and what was charged beside them.

/**
 * `memory` does the counting (used(), adopt(), disown()) and keeps within the limit that setLimit()
 * set.
 */
class MeasuredBudget extends Budget {
  #memory;
  /** The share of the option `budget`, a second limit (budget/share.js); null without one. */
  share = null;

  constructor(about, limit, memory) {
    super(about, limit);
    this.#memory = memory;
  }

  get used() {
    return this.#memory.used();
  }

  /** The most that `used` may reach. */
  get reach() {
    const { limit, share } = this;
    return share === null ? limit : Math.min(limit, this.measured() + share.room);
  }

  get room() {
    return this.reach - this.used;
  }

  /**
   * Call before memory is leased, so that the lease keeps within the share; call measured()
   * afterwards.
   */
  prepare() {
    if (this.share !== null) this.#memory.setLimit(this.reach);
  }

  /** Returns `used`, and charges the share with it. Call whenever `used` may have changed. */
  measured() {
    const { used, share } = this;
    share?.set(used);
    return used;
  }

  /**
   * Charges bytes that are not leased. Returns null, or a failure and then charges nothing. The
   * caller notes the charge before any other call; then measured() charges the share.
   */
  charge(bytes) {
    this.prepare();
    const failure = this.#memory.adopt(bytes) ?? null;
    return failure === null ? null : this.explained(failure, bytes);
  }

  /** Takes a charge() back. */
  discharge(bytes) {
    this.#memory.disown(bytes);
  }

  /** The failure if the limit forbids `need` bytes. */
  failureOf(need) {
    return this.explained({ kind: 'limit', used: this.used, limit: this.reach }, need);
  }

  /**
   * `failure`; if the share caused it, together with the share and the bytes that were needed of
   * it.
   */
  explained(failure, need) {
    const { limit, share } = this;
    return share === null || failure.kind !== 'limit' || failure.limit >= limit
      ? failure
      : { ...failure, share, need };
  }
}

module.exports = { Budget, MeasuredBudget };
