'use strict';

// Returned in the place of a span: why memory is not granted. The caller that throws creates the
// error, because a stack costs 4 µs: if the heap serves instead, nobody needs one, and the stack of
// one that is thrown begins near the caller's lines.

const { withStatus } = require('../base/errors.js');

class Refusal {
  #error;
  /** A span has no such field. `instanceof` would take 30 instructions more. */
  isRefusal = true;
  /** The status that a server answers with, unless the error has one. */
  status = 0;

  /** `error`: the error, or a function that creates it. */
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
