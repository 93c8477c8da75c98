'use strict';

// Typed arrays over an arena's bytes, aligned as their elements have to be.

const check = require('../base/validate.js');
const { typeError } = require('../base/errors.js');

const widths = new Map(
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
  ]
    .filter(Boolean)
    .map((Type) => [Type, Type.BYTES_PER_ELEMENT]),
);

// The constructors of another realm (node:vm) show the same text, which no function of a user can have:
// `[native code]` is no syntax. To look at it runs nothing of the caller.
const textOf = Function.prototype.toString;
const widthsByText = new Map([...widths].map(([Type, width]) => [textOf.call(Type), width]));

/** Bytes an element of a TypedArray constructor. */
function widthOf(Type) {
  const width =
    widths.get(Type) ??
    (typeof Type === 'function' ? widthsByText.get(textOf.call(Type)) : undefined);
  if (width === undefined) throw typeError('Type', 'a TypedArray constructor', Type);
  return width;
}

/** As `new Type(length)`, over bytes of `arena`, whose window this is. */
function allocArray(arena, window, Type, length) {
  const width = widthOf(Type);
  check.integer(length, 'length', 0, Math.floor(Number.MAX_SAFE_INTEGER / width));
  const buffer = allocAligned(arena, window, length * width, width);
  // A heap Buffer can lie anywhere in Node's pool.
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
