'use strict';

// Patches the functions that make Buffers. So what Node itself allocates by them is counted too: readFileSync, ReadStream, zlib, undici.
//
// Hot: each wrapper has the arguments of its function, and one subtraction. A call that is not sampled costs 3 to 11 ns more.

const { isAnyArrayBuffer } = require('node:util').types;
const { countdown, sampled, passed } = require('../sampling.js');

const makers = {
  alloc: (original) =>
    function alloc(size, fill, encoding) {
      const buffer = original.call(this, size, fill, encoding);
      const left = countdown[0] - size;
      countdown[0] = left;
      if (left < 0) sampled(buffer, size, 'Buffer.alloc', alloc);
      return buffer;
    },
  allocUnsafe: (original) =>
    function allocUnsafe(size, alignment) {
      const buffer = original.call(this, size, alignment);
      const left = countdown[0] - size;
      countdown[0] = left;
      if (left < 0) sampled(buffer, size, 'Buffer.allocUnsafe', allocUnsafe);
      return buffer;
    },
  allocUnsafeSlow: (original) =>
    function allocUnsafeSlow(size, alignment) {
      const buffer = original.call(this, size, alignment);
      const left = countdown[0] - size;
      countdown[0] = left;
      if (left < 0) sampled(buffer, size, 'Buffer.allocUnsafeSlow', allocUnsafeSlow);
      return buffer;
    },
  // Node 20 makes the Buffer of a long text by allocUnsafeSlow(), which has counted it.
  from: (original) =>
    function from(value, encodingOrOffset, length) {
      const before = countdown[0];
      const buffer = original.call(this, value, encodingOrOffset, length);
      if (countdown[0] !== before) return buffer;
      const size = buffer.length;
      const left = countdown[0] - size;
      countdown[0] = left;
      if (left < 0) sampledFrom(value, buffer, size, from);
      return buffer;
    },
  // Up to Node 22 it calls allocUnsafe(), which has counted it.
  concat: (original) =>
    function concat(list, length) {
      const before = countdown[0];
      const buffer = original.call(this, list, length);
      if (countdown[0] !== before) return buffer;
      const size = buffer.length;
      const left = countdown[0] - size;
      countdown[0] = left;
      if (left < 0) sampled(buffer, size, 'Buffer.concat', concat);
      return buffer;
    },
};

/** Counts a Buffer, unless it is only a view of an existing ArrayBuffer. */
function sampledFrom(value, buffer, size, from) {
  if (isAnyArrayBuffer(value)) passed();
  else sampled(buffer, size, 'Buffer.from', from);
}

/** Texts in the source of Node's own functions, which do not depend on the number of arguments. The functions are not called to find out, because one may be a patch. */
const OF_NODE = /\b(?:validateNumber\(size,|fromString\(value,|validateArray\(list,)/;
const isOfNode = (method) => OF_NODE.test(Function.prototype.toString.call(method));

/** Wraps a foreign function, which may depend on the number of arguments. */
const general = (name) => (original) =>
  function wrapper(...args) {
    const before = countdown[0];
    const buffer = Reflect.apply(original, this, args);
    if (countdown[0] !== before || !Buffer.isBuffer(buffer)) return buffer;
    const size = buffer.length;
    const left = countdown[0] - size;
    countdown[0] = left;
    if (left < 0) sampled(buffer, size, `Buffer.${name}`, wrapper);
    return buffer;
  };

function patchBuffers(patches) {
  for (const [name, make] of Object.entries(makers)) {
    patches.method(Buffer, name, isOfNode(Buffer[name]) ? make : general(name));
  }
  for (const name of ['of', 'copyBytesFrom']) patches.method(Buffer, name, general(name));
}

module.exports = { patchBuffers };
