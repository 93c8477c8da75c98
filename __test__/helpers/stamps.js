'use strict';

// Bytes that say whose they are: four that stand for a request's id, over and over. Both ends of a connection know them.

const MOST = 256 * 1024;
const word = Buffer.allocUnsafeSlow(4);
const right = Buffer.allocUnsafeSlow(MOST);

function wordOf(id) {
  word.writeUInt32LE((Math.imul(id + 1, 0x9e3779b1) | 1) >>> 0);
  return word;
}

/** Fills a Buffer with the bytes of `id`. */
const stampOf = (id, buffer) => buffer.fill(wordOf(id));

/** Whether every byte is of `id`; `buffer` has at most 256 KiB. */
function isOf(id, buffer) {
  const expected = right.subarray(0, buffer.length).fill(wordOf(id));
  return expected.length === buffer.length && expected.equals(buffer);
}

module.exports = { stampOf, isOf };
