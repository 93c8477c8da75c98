'use strict';

// alloc(size, fill, encoding), as Buffer.alloc has it. What is wrong is refused before anything is
// allocated.

const { isUint8Array } = require('node:util').types;
const { checkAlive, checkOwned } = require('./dead.js');
const { rangeError, typeError } = require('./errors.js');
const check = require('./validate.js');

/** The argument for Buffer.prototype.fill() that `fill` and `encoding` ask for. */
function patternOf(fill, encoding) {
  if (typeof fill === 'number' || typeof fill === 'boolean') return Number(fill);
  if (typeof fill === 'string') {
    const bytes = Buffer.from(fill, check.encoding(encoding));
    if (bytes.length > 0) return bytes;
    if (fill === '') return 0;
  } else if (!isUint8Array(fill)) {
    throw typeError('fill', 'of type string, number or boolean, or an instance of Buffer', fill);
  } else if (fill.length > 0) {
    checkOwned(fill, 'fill');
    return fill;
  } else {
    checkAlive(fill.buffer, 'fill', fill);
  }
  throw rangeError('fill', 'at least one byte', fill);
}

/** `allocator.allocUnsafe(size)`, filled. */
function allocFilled(allocator, size, fill, encoding) {
  const pattern = patternOf(fill, encoding);
  return allocator.allocUnsafe(size).fill(pattern);
}

/** Like allocFilled(), but with tryAllocUnsafe(), and returns null if that does. */
function tryAllocFilled(allocator, size, fill, encoding) {
  const pattern = patternOf(fill, encoding);
  return allocator.tryAllocUnsafe(size)?.fill(pattern) ?? null;
}

module.exports = { allocFilled, tryAllocFilled };
