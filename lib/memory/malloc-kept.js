'use strict';

// What malloc keeps free. After a trim it still counts what that gave back, which is not resident.

const memory = require('./native.js');

let trimmed = 0;

const free = () => memory.mallocKept?.() ?? undefined;

/** Called when a trim is over. */
function noteTrim() {
  trimmed = free() ?? 0;
}

/** Bytes that malloc keeps free and that may be resident; undefined where it does not tell. */
function keptNow() {
  const bytes = free();
  return bytes === undefined ? undefined : Math.max(0, bytes - trimmed);
}

module.exports = { keptNow, noteTrim };
