'use strict';

// Memory that was used before: whoever loads this gets every uninitialized Buffer of an arena, a slab or a region full of UNWRITTEN,
// a byte that no UTF-8 has. What is sent and was never written shows by it. Programs that are started from here have it too.

const { Arena, Region, Slab } = require('../..');

const UNWRITTEN = 0xfe;

/** Fills what `name` hands out; nothing is handed out by null. */
function dirty({ prototype }, name) {
  const original = prototype[name];
  prototype[name] = function dirtied(size) {
    return original.call(this, size)?.fill(UNWRITTEN) ?? null;
  };
}

dirty(Arena, 'allocUnsafe');
for (const One of [Slab, Region]) {
  dirty(One, 'allocUnsafe');
  dirty(One, 'tryAllocUnsafe');
}

const preload = `--require "${__filename.replaceAll('\\', '/')}"`;
if (!process.env.NODE_OPTIONS?.includes(preload)) {
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} ${preload}`.trim();
}

/** What a client has received, if somebody wrote all of it. */
function written(bytes) {
  if (bytes.includes(UNWRITTEN)) {
    throw new Error(`never written: ${bytes.toString('latin1', 0, 1000)}`);
  }
  return bytes;
}

module.exports = { UNWRITTEN, written };
