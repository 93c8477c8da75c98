'use strict';

// MessagePack of what JSON can say: nil, bool, integers of all widths, float64, str, array and map, each in
// its shortest form. First measured, then written into a Buffer of exactly that size; without recursion, so
// that no nesting is too deep.

const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const FLOAT64 = 0xcb;

/** Heads by the number of bytes of the count that follows; a `fix` one has the count in the head itself. */
const STR = { fix: 0xa0, below: 32, one: 0xd9, two: 0xda, four: 0xdb };
const ARRAY = { fix: 0x90, below: 16, one: null, two: 0xdc, four: 0xdd };
const MAP = { fix: 0x80, below: 16, one: null, two: 0xde, four: 0xdf };

function headSize(count, { below, one }) {
  if (count < below) return 1;
  if (count < 2 ** 8 && one !== null) return 2;
  return count < 2 ** 16 ? 3 : 5;
}

function writeHead(bytes, at, count, { fix, below, one, two, four }) {
  if (count < below) return bytes.writeUInt8(fix | count, at);
  if (count < 2 ** 8 && one !== null) return bytes.writeUInt8(count, bytes.writeUInt8(one, at));
  if (count < 2 ** 16) return bytes.writeUInt16BE(count, bytes.writeUInt8(two, at));
  return bytes.writeUInt32BE(count, bytes.writeUInt8(four, at));
}

/** Integers that a double holds exactly; −0 is none of MessagePack's. */
const isInteger = (value) => Number.isSafeInteger(value) && !Object.is(value, -0);

function numberSize(value) {
  if (!isInteger(value)) return 9;
  if (value >= -32 && value < 2 ** 7) return 1;
  const below = value < 0 ? -value * 2 - 1 : value; // −2⁷ … 2⁷ − 1 take one byte more than the head
  if (below < 2 ** 8) return 2;
  if (below < 2 ** 16) return 3;
  return below < 2 ** 32 ? 5 : 9;
}

function writeNumber(bytes, at, value) {
  const size = numberSize(value);
  if (size === 1) return bytes.writeInt8(value, at);
  if (!isInteger(value)) return bytes.writeDoubleBE(value, bytes.writeUInt8(FLOAT64, at));
  const negative = value < 0;
  switch (size) {
    case 2:
      bytes.writeUInt8(negative ? 0xd0 : 0xcc, at);
      return negative ? bytes.writeInt8(value, at + 1) : bytes.writeUInt8(value, at + 1);
    case 3:
      bytes.writeUInt8(negative ? 0xd1 : 0xcd, at);
      return negative ? bytes.writeInt16BE(value, at + 1) : bytes.writeUInt16BE(value, at + 1);
    case 5:
      bytes.writeUInt8(negative ? 0xd2 : 0xce, at);
      return negative ? bytes.writeInt32BE(value, at + 1) : bytes.writeUInt32BE(value, at + 1);
    default:
      bytes.writeUInt8(negative ? 0xd3 : 0xcf, at);
      return bytes.writeBigInt64BE(BigInt(value), at + 1); // below 2⁵³: signed or not is the same
  }
}

class Encoder {
  #values = []; // of the document last measured, in the order of the output; the keys among them
  #counts = []; // bytes of each string, elements of each array, pairs of each map

  /** Bytes that `value` takes. Remembered for `write`. */
  measure(value) {
    this.#values.length = 0;
    this.#counts.length = 0;
    const waiting = [value];
    let size = 0;
    while (waiting.length > 0) size += this.#visit(waiting.pop(), waiting);
    return size;
  }

  /** Bytes of the value itself; those in it go on `waiting`, the last first. */
  #visit(value, waiting) {
    this.#values.push(value);
    if (typeof value === 'string') {
      const bytes = Buffer.byteLength(value);
      this.#counts.push(bytes);
      return headSize(bytes, STR) + bytes;
    }
    if (typeof value === 'number') return numberSize(value);
    if (value === null || typeof value === 'boolean') return 1;
    if (Array.isArray(value)) {
      this.#counts.push(value.length);
      for (let i = value.length - 1; i >= 0; i--) waiting.push(value[i]);
      return headSize(value.length, ARRAY);
    }
    const keys = Object.keys(value);
    this.#counts.push(keys.length);
    for (let i = keys.length - 1; i >= 0; i--) waiting.push(value[keys[i]], keys[i]);
    return headSize(keys.length, MAP);
  }

  /** Writes the value last measured to the beginning of `bytes`; returns where it ends. */
  write(bytes) {
    let at = 0;
    let nextCount = 0;
    for (const value of this.#values) {
      if (typeof value === 'number') {
        at = writeNumber(bytes, at, value);
      } else if (value === null) {
        at = bytes.writeUInt8(NIL, at);
      } else if (typeof value === 'boolean') {
        at = bytes.writeUInt8(value ? TRUE : FALSE, at);
      } else {
        const count = this.#counts[nextCount++];
        if (typeof value === 'string') {
          at = writeHead(bytes, at, count, STR);
          at += bytes.write(value, at, count); // a lone surrogate, which UTF-8 has not, becomes U+FFFD
        } else {
          at = writeHead(bytes, at, count, Array.isArray(value) ? ARRAY : MAP);
        }
      }
    }
    return at;
  }
}

module.exports = { Encoder };
