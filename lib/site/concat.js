'use strict';

// Buffer.concat(), into memory that somebody else chooses.

const { isUint8Array } = require('node:util').types;
const { join } = require('../arena/copy.js');
const { lengthOf } = require('../base/views.js');

/** The parts, each read once, with their sum; undefined for what Buffer.concat() refuses. */
function partsOf(list) {
  if (!Array.isArray(list)) return undefined;
  const parts = [];
  let total = 0;
  for (let i = 0; i < list.length; i++) {
    const part = list[i];
    if (!isUint8Array(part)) return undefined;
    parts.push(part);
    total += lengthOf.call(part);
  }
  return { parts, total };
}

/** `allocate(size)` gives a Buffer, or null: then, and for what is refused, Node does it. */
function concatInto(allocate, list, length) {
  const read = partsOf(list);
  if (read === undefined || read.parts.length === 0) return Buffer.concat(list, length);
  const size = length === undefined ? read.total : length;
  const buffer = allocate(size);
  return buffer === null ? Buffer.concat(read.parts, length) : join(read.parts, buffer, size);
}

module.exports = { concatInto };
