'use strict';

// Detaching, where V8 owns the memory.

const { hasTransfer } = require('../../base/runtime.js');

const heir = Symbol('ralloc.heir');

/**
 * Detaches `ab`; its memory lives on in the result, and for as long as anyone has `ab`. An operation in flight keeps the
 * Buffer that it was given, and so `ab`, and has a pointer to that memory: V8 must not free it before.
 */
function move(ab) {
  const moved = hasTransfer ? ab.transfer() : structuredClone(ab, { transfer: [ab] });
  // Node 20 copies in silence what was marked as untransferable.
  if (ab.byteLength !== 0) throw new Error('the ArrayBuffer cannot be detached');
  ab[heir] = moved;
  return moved;
}

module.exports = { move };
