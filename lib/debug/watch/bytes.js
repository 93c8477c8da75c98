'use strict';

// The patterns that debug mode writes outside of the program's bytes, and the damage that it finds
// there.

const { itemOf } = require('../../base/item-of.js');

const { compare, from } = Buffer;

/** Bytes before and after each watched Buffer. A multiple of every alignment that it can have. */
const ZONE = 32;
const ZONE_BYTE = 0xfb;
/** Fills Buffers of allocUnsafe(). */
const UNSAFE_BYTE = 0xad;
/** Fills freed memory. */
const FREED_BYTE = 0xde;

const BLOCK = 64 * 1024;
const patterns = new Map(); // byte -> a block of it

const patternOf = (byte) => itemOf(patterns, byte, () => Buffer.alloc(BLOCK, byte));

/** Whether all of `bytes`, a Buffer, are `byte`. */
function areAll(bytes, byte) {
  const pattern = patternOf(byte);
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const part = bytes.subarray(at, at + BLOCK);
    if (compare(part, pattern.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

/**
 * The first run of bytes other than `byte` from `start` to `end`: { at, length, found }, where
 * `found` shows some of them in hex; undefined if there is none.
 */
function firstOther(bytes, start, end, byte) {
  let at = start;
  if (end - start > ZONE && areAll(bytes.subarray(start, end), byte)) return undefined;
  while (at < end && bytes[at] === byte) at++;
  if (at === end) return undefined;
  let stop = at;
  for (let i = at; i < end; i++) if (bytes[i] !== byte) stop = i + 1;
  const found = bytes.subarray(at, Math.min(stop, at + 8)).toString('hex');
  return { at, length: stop - at, found: found.replace(/(..)(?=.)/g, '$1 ') };
}

/** Calls the original Buffer.from(), which patches of tests may replace. */
const over = (ab) => from(ab);

module.exports = { ZONE, ZONE_BYTE, UNSAFE_BYTE, FREED_BYTE, areAll, firstOther, over };
