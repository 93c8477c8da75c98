'use strict';

// The budget of memory that is counted below: chunks, and what was charged beside them.

const { Budget } = require('./budget.js');

/** `memory` counts, by used(), adopt() and disown(), and keeps to setLimit(). */
class MeasuredBudget extends Budget {
  #memory;
  /** What the option `budget` bounds it by, too (budget/share.js); null without one. */
  share = null;

  constructor(about, limit, memory) {
    super(about, limit);
    this.#memory = memory;
  }

  get used() {
    return this.#memory.used();
  }

  /** What `used` may come to. */
  get reach() {
    const { limit, share } = this;
    return share === null ? limit : Math.min(limit, this.measured() + share.room);
  }

  get room() {
    return this.reach - this.used;
  }

  /** To be called before memory is taken below, which then keeps to what the share leaves; measured() is to follow. */
  prepare() {
    if (this.share !== null) this.#memory.setLimit(this.reach);
  }

  /** `used`, and the share has as much. To be called whenever that may have changed. */
  measured() {
    const { used, share } = this;
    share?.set(used);
    return used;
  }

  /** Charges what is not leased there: null, or a failure, and nothing. Charged to the share by measured(), after whoever calls this has noted it: no call until then. */
  charge(bytes) {
    this.prepare();
    const failure = this.#memory.adopt(bytes) ?? null;
    return failure === null ? null : this.explained(failure, bytes);
  }

  /** The same the other way round. */
  discharge(bytes) {
    this.#memory.disown(bytes);
  }

  /** What is told where the limit forbids `need` bytes. */
  failureOf(need) {
    return this.explained({ kind: 'limit', used: this.used, limit: this.reach }, need);
  }

  /** `failure`, with the share that it comes from, if it does, and what was needed of that. */
  explained(failure, need) {
    const { limit, share } = this;
    return share === null || failure.kind !== 'limit' || failure.limit >= limit
      ? failure
      : { ...failure, share, need };
  }
}

module.exports = { MeasuredBudget };
