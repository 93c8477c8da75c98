'use strict';

// Detaching, where V8 owns the memory.

const { hasTransfer } = require('../../base/runtime.js');

const heir = Symbol('ralloc.heir');

/**
 * Detaches `ab` and returns another ArrayBuffer with its memory. The memory lives as long as
 * either: an operation in flight has a pointer to it and keeps its Buffer, and so `ab`, alive. V8
 * must not free the memory before that operation ends.
 */
function move(ab) {
  const moved = hasTransfer ? ab.transfer() : structuredClone(ab, { transfer: [ab] });
  // Node 20 silently copies an ArrayBuffer that was marked as untransferable.
  if (ab.byteLength !== 0) throw new Error('the ArrayBuffer cannot be detached');
  ab[heir] = moved;
  return moved;
}

module.exports = { move };
