'use strict';

// Typed arrays over an arena's bytes, aligned as their elements have to be.

const check = require('../base/validate.js');
const { typeError } = require('../base/errors.js');

/**
 * The types of this realm. Callers in another realm (node:vm) create a view over alloc()
 * themselves.
 */
const types = new Set(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    globalThis.Float16Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].filter(Boolean),
);

/** Like `new Type(length)`, over bytes of `arena`, whose window is `window`. */
function allocArray(arena, window, Type, length) {
  if (!types.has(Type)) throw typeError('Type', 'a TypedArray constructor', Type);
  const width = Type.BYTES_PER_ELEMENT;
  check.integer(length, 'length', 0, Math.floor(Number.MAX_SAFE_INTEGER / width));
  const buffer = allocAligned(arena, window, length * width, width);
  // A heap Buffer can begin anywhere in Node's pool.
  if (buffer.byteOffset % width !== 0) return new Type(length);
  return new Type(buffer.buffer, buffer.byteOffset, length);
}

function allocAligned(arena, window, size, align) {
  const { ab, cursor } = window;
  window.cursor += -cursor & (align - 1);
  try {
    return arena.alloc(size);
  } catch (error) {
    if (window.ab === ab) window.cursor = cursor;
    throw error;
  }
}

module.exports = { allocArray };
