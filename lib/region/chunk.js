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

/** The largest size of chunks that is not above `bytes`: others are rounded up. */
function wholeClass(bytes) {
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.max(bytes, 1))) - 2, 0);
  return bytes - (bytes % step);
}

module.exports = { Chunk, wholeClass };
