'use strict';

class Chunk {
  first = -1; // the record of its first span
  index = -1; // in Chunks.all
  guard = null;
  isLost = false;

  constructor(span) {
    this.span = span; // of memory/span.js
    this.ab = span.ab; // also when the span has ended: what Buffers are over
    this.size = span.size;
  }
}

module.exports = { Chunk };
