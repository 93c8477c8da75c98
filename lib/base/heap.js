'use strict';

// Buffers of V8's heap in the place of ralloc's own.

/**
 * `alone`: never from Node's pool, whose ArrayBuffer shows its bytes to the owners of other Buffers
 * in it.
 */
function fromHeap(size, zero, alone) {
  if (zero) return Buffer.alloc(size);
  return alone ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
}

module.exports = { fromHeap };
