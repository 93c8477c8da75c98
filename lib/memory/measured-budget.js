'use strict';

// The budget of memory that is counted below: chunks, and what was charged beside them.

const { Budget } = require('./budget.js');

/** `memory` counts, by used(), adopt() and disown(). */
class MeasuredBudget extends Budget {
  #memory;

  constructor(about, limit, memory) {
    super(about, limit);
    this.#memory = memory;
  }

  get used() {
    return this.#memory.used();
  }

  get room() {
    return this.limit - this.used;
  }

  /** Charges what is not leased there; false, and nothing, where that is beyond the limit. */
  tryCharge(bytes) {
    return (this.#memory.adopt(bytes) ?? null) === null;
  }

  discharge(bytes) {
    this.#memory.disown(bytes);
  }

  /** What a lease gets that the limit forbids. */
  get failure() {
    return { kind: 'limit', used: this.used, limit: this.limit };
  }
}

module.exports = { MeasuredBudget };
