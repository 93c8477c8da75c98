'use strict';

// Who owns which bytes: each request's Buffers are filled with its id, kept past its end, and looked at
// again at later moments. A Buffer that shows anything else than its own id shows another request's bytes.

const { sameBytes } = require('./bytes.js');

/** The four bytes that stand for a request. */
function mark(id) {
  const word = Buffer.allocUnsafeSlow(4);
  word.writeUInt32LE((Math.imul(id + 1, 0x9e3779b1) | 1) >>> 0);
  return word;
}

const pattern = (id, length) => (length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, mark(id)));

/** Whether there are bytes, and every one is of this request. */
const isOf = (id, buffer) => buffer.length > 0 && buffer.equals(pattern(id, buffer.length));

/** Asserts that a request's answer has bytes, and its own. */
const sameAnswer = (t, id, body, what = `of request ${id}`) =>
  sameBytes(t, body, pattern(id, Math.max(1, body.length)), what);

class Ledger {
  #entries = [];

  /** Fills a Buffer with its request's mark, and watches it from now on. */
  stamp(id, buffer) {
    if (buffer.length > 0) buffer.fill(mark(id));
    this.#entries.push({ id, buffer, length: buffer.length });
    return buffer;
  }

  /** What is wrong: Buffers that are neither dead nor still whole and their own. */
  wrong() {
    return this.#entries
      .filter(({ id, buffer, length }) => {
        if (buffer.length === 0) return false;
        return buffer.length !== length || !isOf(id, buffer);
      })
      .map(({ id, length }) => `${length} bytes of request ${id}`);
  }

  /** Asserts that no Buffer shows what is not its own. */
  assertOwn(t) {
    t.deepEqual(this.wrong(), [], 'sameBytes: of requests that are over');
  }

  buffers(id) {
    return this.#entries.filter((entry) => entry.id === id).map(({ buffer }) => buffer);
  }

  /** The requests that a Buffer is still alive of. */
  alive() {
    return [
      ...new Set(this.#entries.filter(({ buffer }) => buffer.length > 0).map(({ id }) => id)),
    ];
  }

  get size() {
    return this.#entries.length;
  }
}

module.exports = { Ledger, isOf, sameAnswer, pattern, mark };
