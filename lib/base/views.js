'use strict';

// Views, and what they are over. A subclass can lie with a getter of its own, or a property; these
// cannot.

const { isDataView } = require('node:util').types;
const { FastBuffer } = require('./runtime.js');

/**
 * A Buffer of V8's heap in the place of one of ralloc's. `alone`: never from Node's pool, whose
 * ArrayBuffer shows its bytes to the owners of other Buffers in it.
 */
function fromHeap(size, zero, alone) {
  if (zero) return Buffer.alloc(size);
  return alone ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
}

const { fill } = Uint8Array.prototype;

const getter = (name, prototype = Object.getPrototypeOf(Uint8Array.prototype)) =>
  Object.getOwnPropertyDescriptor(prototype, name).get;
const lengthOf = getter('length');
const bufferOf = getter('buffer');
const offsetOf = getter('byteOffset');
const bytesOf = getter('byteLength');
const bufferOfDataView = getter('buffer', DataView.prototype);
const offsetOfDataView = getter('byteOffset', DataView.prototype);
const bytesOfDataView = getter('byteLength', DataView.prototype);

/** The ArrayBuffer of a view. */
const arrayBufferOf = (view) => (isDataView(view) ? bufferOfDataView : bufferOf).call(view);

/** Throws for a DataView whose ArrayBuffer is detached. */
const byteLengthOf = (view) => (isDataView(view) ? bytesOfDataView : bytesOf).call(view);

/** Throws like byteLengthOf(). */
const byteOffsetOf = (view) => (isDataView(view) ? offsetOfDataView : offsetOf).call(view);

/** A Buffer over bytes of `ab`, zeroed if `zero` is true. */
function view(ab, start, size, zero) {
  const buffer = new FastBuffer(ab, start, size);
  return zero ? fill.call(buffer, 0) : buffer;
}

module.exports = {
  arrayBufferOf,
  bufferOf,
  byteLengthOf,
  byteOffsetOf,
  lengthOf,
  offsetOf,
  view,
  fromHeap,
};
