'use strict';

// allocUnsafe() that returns null instead of taking the slow path. For sites, which then use
// Buffer.

const { FastBuffer } = require('../base/runtime.js');
const { windowOf } = require('./arena.js');

/**
 * Returns what arena.allocUnsafe(size) returns on its fast path, and null otherwise, also where it
 * would throw: a try/catch around it would cost 150 instructions. Null also for an arena of another
 * copy of ralloc. Hot: sharing a function with allocUnsafe() would cost that one 11 instructions
 * more.
 */
function tryAllocUnsafe(arena, size) {
  const window = windowOf(arena);
  if (window === undefined) return null;
  const ab = window.ab;
  const start = window.cursor;
  const next = start + size;
  if (size >>> 0 === size && next <= window.end && size !== 0 && ab.byteLength !== 0) {
    const buffer = new FastBuffer(ab, start, size);
    window.cursor = next + ((0 - size) & window.mask);
    return buffer;
  }
  return null;
}

module.exports = { tryAllocUnsafe };
