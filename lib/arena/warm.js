'use strict';

// What an arena has at hand, for who goes on without it: for sites.

const { FastBuffer } = require('../base/runtime.js');
const { windowOf } = require('./arena.js');

/**
 * What arena.allocUnsafe(size) is where all is well, and null where it would have to do more, or would throw: a try/catch around it would cost 150 instructions.
 * Null also for an arena of another copy of ralloc. Hot, and as allocUnsafe() is: through a function of both, that would cost 11 more.
 */
function allocWarm(arena, size) {
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

module.exports = { allocWarm };
