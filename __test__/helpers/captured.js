'use strict';

/** Buffers that somebody else has, as they were. */
class Captured {
  #kept = [];

  /** Returns what it is given, which it keeps if it is bytes. */
  keep = (chunk) => {
    if (ArrayBuffer.isView(chunk)) this.#kept.push([chunk, Buffer.from(chunk)]);
    return chunk;
  };

  get size() {
    return this.#kept.reduce((sum, [, copy]) => sum + copy.length, 0);
  }

  get isWhole() {
    return this.#kept.every(([chunk, copy]) => copy.equals(chunk));
  }
}

module.exports = { Captured };
