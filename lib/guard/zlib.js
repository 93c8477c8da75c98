'use strict';

// A zlib stream whose data is wrong calls its handle's onerror(), and no callback of the write. The thread pool is done with
// the chunk then. At 'error' and 'close' it need not be: a stream that somebody destroys emits them at once.

const zlib = require('node:zlib');

const kPending = Symbol('ralloc.zlib.pending'); // of a handle: what ends the operations on its chunks

const { getPrototypeOf } = Object;
const { constructor: ZlibBase } = getPrototypeOf(getPrototypeOf(zlib.Gzip.prototype));

const isZlib = (writable) => writable instanceof ZlibBase && writable._handle != null;

/** `end`, to be called once or more: it is called when the data is wrong too. */
function untilError({ _handle: handle }, end) {
  if (handle[kPending] === undefined) {
    const pending = new Set();
    const { onerror } = handle;
    handle[kPending] = pending;
    handle.onerror = function (...args) {
      try {
        return Reflect.apply(onerror, this, args);
      } finally {
        for (const over of pending) over();
      }
    };
  }
  const pending = handle[kPending];
  const over = () => {
    if (pending.delete(over)) end();
  };
  pending.add(over);
  return over;
}

module.exports = { isZlib, untilError };
