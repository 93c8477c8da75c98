'use strict';

// Why memory is not granted: what is returned in the place of a span. Its error is made by who throws it, for a stack costs 4 µs. Where the heap
// serves instead nobody needs one, and one that is thrown begins a few lines above the caller's.

const { withStatus } = require('../base/errors.js');

class Refusal {
  #error;
  /** What a server answers, unless the error says it itself. */
  status = 0;

  /** `error`: it, or what makes it. */
  constructor(error) {
    this.#error = error;
  }

  get error() {
    if (typeof this.#error === 'function') this.#error = this.#error();
    if (this.status !== 0 && this.#error.status === undefined) withStatus(this.status, this.#error);
    return this.#error;
  }

  /** For warnings. */
  toString() {
    return this.error.message;
  }
}

module.exports = { Refusal };
