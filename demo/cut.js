'use strict';

// Which pieces a request consists of: known from its number alone, so that the client can compute
// the right answer by itself and compare every byte.

const SMALLEST = 512;
const LARGEST = 16 * 1024;

/** `count` pieces of 0.5–16 KiB out of `sources` (`[{ bytes }]`): `[{ bytes, from, length }]`. */
function cut(id, count, sources) {
  let state = Math.imul(id + 1, 0x9e3779b1) | 1;
  const random = (limit) => {
    state ^= state << 13; // xorshift32
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const pieces = new Array(count);
  for (let i = 0; i < count; i++) {
    const { bytes } = sources[random(sources.length)];
    const length = SMALLEST + random(LARGEST - SMALLEST + 1);
    pieces[i] = { bytes, from: random(bytes.length - length + 1), length };
  }
  return pieces;
}

module.exports = { cut, LARGEST };
