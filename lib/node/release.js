'use strict';

// release(): what Node allocated goes back to malloc, if nobody but the caller has it.

const check = require('../base/validate.js');
const { arrayBufferOf, byteLengthOf } = require('../base/views.js');
const { giveBack, leave, tieOf } = require('../memory/foreign.js');

/** Gives `ab` back, of which somebody had `bytes` bytes, more than none. */
function releaseWhole(ab, bytes) {
  const tie = tieOf(ab, bytes);
  if (tie === undefined) return giveBack(ab, bytes);
  return tie === 'ours' ? 0 : leave(tie, bytes);
}

/**
 * Frees the memory of `buffer`. Returns how many bytes, or 0 if that is not possible: it shares its ArrayBuffer, which may be
 * undetachable, or the memory is ralloc's.
 */
function release(buffer) {
  check.view(buffer, 'buffer');
  const ab = arrayBufferOf(buffer);
  if (ab.byteLength === 0) return 0;
  if (ab.resizable) return leave('bound', ab.byteLength); // which may have shrunk below the view
  const bytes = byteLengthOf(buffer);
  return bytes === 0 ? 0 : releaseWhole(ab, bytes);
}

module.exports = { release, releaseWhole };
