'use strict';

// release(): what Node allocated goes back to malloc, if nobody but the caller has it.

const check = require('../base/validate.js');
const { arrayBufferOf, byteLengthOf } = require('../base/views.js');
const { giveBack, leave, tieOf } = require('../memory/foreign.js');

/** Gives `ab` back, of which a view had `bytes` bytes (more than 0). */
function releaseWhole(ab, bytes) {
  const tie = tieOf(ab, bytes);
  if (tie === undefined) return giveBack(ab, bytes);
  return tie === 'ours' ? 0 : leave(tie, bytes);
}

/**
 * Frees the memory of `buffer`. Returns how many bytes, or 0 if that is not possible: the Buffer
 * shares its ArrayBuffer, the ArrayBuffer cannot be detached, or the memory is ralloc's.
 */
function release(buffer) {
  check.view(buffer, 'buffer');
  const ab = arrayBufferOf(buffer);
  if (ab.byteLength === 0) return 0;
  if (ab.resizable) return leave('bound', ab.byteLength); // it may have shrunk below the view
  const bytes = byteLengthOf(buffer);
  return bytes === 0 ? 0 : releaseWhole(ab, bytes);
}

module.exports = { release, releaseWhole };
