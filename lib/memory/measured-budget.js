'use strict';

// The budget of memory that is counted below: chunks, and what was charged beside them.

/**
 * `memory` does the counting (used(), adopt(), disown()) and keeps within the limit that setLimit()
 * set.
 */
class MeasuredBudget {
  #memory;
  about; // how a refusal names it: see budget.js
  limit;
  /** The share of the option `budget`, a second limit (budget/share.js); null without one. */
  share = null;

  constructor(about, limit, memory) {
    this.about = about;
    this.limit = limit;
    this.#memory = memory;
  }

  rename(name) {
    this.about = { ...this.about, name };
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

module.exports = { MeasuredBudget };
