'use strict';

// V8's major collections, counted by who wants to know whether what nobody has is gone.

const marking = require('./marking.js');

/** The first may have begun before something died, and takes what it has seen by then for alive. */
const SUFFICIENT = 2;

class MajorCount {
  #count = 0;
  #ended = Number.NEGATIVE_INFINITY; // the last of which is known

  /** Those that have ended while somebody asked: several since the last call count as one. */
  get count() {
    marking.isMarking(); // learns of them
    const ended = marking.endOfMajor();
    if (ended > this.#ended) this.#count++;
    this.#ended = ended;
    return this.#count;
  }
}

module.exports = { MajorCount, SUFFICIENT };
