'use strict';

// What random loads capture: chunks of somebody else, and whether one of them changed before it was looked at.

const MOST = 20; // at a time

class KeptChunks {
  captured = 0;
  harmed = 0; // that changed
  #kept = new Set();

  keep = (chunk) => {
    if (!Buffer.isBuffer(chunk) || this.#kept.size > MOST) return;
    this.captured++;
    this.#kept.add([chunk, Buffer.from(chunk)]);
  };

  look() {
    for (const [chunk, copy] of this.#kept) if (!chunk.equals(copy)) this.harmed++;
    this.#kept.clear();
  }
}

module.exports = { KeptChunks };
