'use strict';

// Buffer.concat(), into memory that somebody else chooses.

const { isUint8Array } = require('node:util').types;
const { join } = require('../arena/copy.js');
const { isDetached } = require('../base/dead.js');
const { bufferOf, lengthOf } = require('../base/views.js');

/**
 * False if versions of Node differ: for a subclass with its own `length`, or a detached array.
 * Buffer handles these itself.
 */
function isPlain(view) {
  const length = lengthOf.call(view);
  if (view.length !== length || view.byteLength !== length) return false;
  return length > 0 || !isDetached(bufferOf.call(view));
}

/**
 * Reads each part once. Returns the parts, their sum, and whether all are plain; undefined if
 * Buffer.concat() would throw.
 */
function partsOf(list) {
  if (!Array.isArray(list)) return undefined;
  const parts = [];
  let total = 0;
  let arePlain = true;
  for (let i = 0; i < list.length; i++) {
    const part = list[i];
    if (!isUint8Array(part)) return undefined;
    parts.push(part);
    total += lengthOf.call(part);
    arePlain &&= isPlain(part);
  }
  return { parts, total, arePlain };
}

/**
 * `allocate(size)` returns a Buffer or null. If it is null, or the arguments are wrong, calls
 * Node's own.
 */
function concatInto(allocate, list, length) {
  const read = partsOf(list);
  if (read === undefined || read.parts.length === 0) return Buffer.concat(list, length);
  const size = length === undefined ? read.total : length;
  const buffer = read.arePlain ? allocate(size) : null;
  return buffer === null ? Buffer.concat(read.parts, length) : join(read.parts, buffer, size);
}

module.exports = { concatInto, isPlain };
