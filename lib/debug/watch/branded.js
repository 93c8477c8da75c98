'use strict';

// Marks ArrayBuffers that are the memory of one watched Buffer.

const { PrivateFields } = require('../../base/private-fields.js');

class Branded extends PrivateFields {
  #memory;

  constructor(ab, memory) {
    super(ab);
    this.#memory = memory;
  }

  static memoryOf(ab) {
    return ab !== undefined && #memory in ab ? ab.#memory : undefined;
  }
}

/** `memory` is what is known of `ab`. */
function brand(ab, memory) {
  new Branded(ab, memory);
}

/** The OwnMemory of an ArrayBuffer, also of a detached one; undefined for any other. */
const { memoryOf } = Branded;

module.exports = { brand, memoryOf };
