'use strict';

// Patches the functions that make Buffers. So what Node itself allocates by them is counted too:
// readFileSync, ReadStream, zlib, undici.
//
// Hot: each wrapper has the arguments of its function, and one subtraction. A call that is not
// sampled costs 3 to 11 ns more.

const { isAnyArrayBuffer } = require('node:util').types;
const { attempt } = require('../../../lib/base/attempt.js');
const { countdown, joined, sampled, passed } = require('../sampling.js');

/** Wraps a function whose first argument is the size. */
const sized = (name) => (original) =>
  function wrapper(size, fill, encoding) {
    const buffer = original.call(this, size, fill, encoding);
    const left = countdown[0] - size;
    countdown[0] = left;
    if (left < 0) sampled(buffer, size, `Buffer.${name}`, wrapper);
    return buffer;
  };

/**
 * Wraps from(). Node 20 makes the Buffer of a long text by allocUnsafeSlow(), which has counted it.
 */
const converting = () => (original) =>
  function from(value, encodingOrOffset, length) {
    const before = countdown[0];
    const buffer = original.call(this, value, encodingOrOffset, length);
    if (countdown[0] !== before) return buffer;
    const size = buffer.length;
    const left = countdown[0] - size;
    countdown[0] = left;
    if (left < 0) sampledFrom(value, buffer, size, from);
    return buffer;
  };

/** Counts a Buffer, unless it is only a view of an existing ArrayBuffer. */
function sampledFrom(value, buffer, size, from) {
  if (isAnyArrayBuffer(value)) passed();
  else sampled(buffer, size, 'Buffer.from', from);
}

/**
 * Texts in the source of Node's own functions, which do not depend on the number of arguments. The
 * functions are not called to find out, because one may be a patch.
 */
const OF_NODE = /\b(?:validateNumber\(size,|fromString\(value,)/;
const isOfNode = (method) => OF_NODE.test(Function.prototype.toString.call(method));

/**
 * Wraps a foreign function, which may depend on the number of arguments; and concat(), which up to
 * Node 22 calls allocUnsafe(): frames are known by their place.
 */
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

/** Wraps concat(). Up to Node 22 it calls allocUnsafe(), which counts the result. */
const joining = () => (original) =>
  function concat(...args) {
    const before = countdown[0];
    const buffer = Reflect.apply(original, this, args);
    if (!Buffer.isBuffer(buffer)) return buffer;
    const left = before - buffer.length;
    if (countdown[0] === left) return buffer; // counted, and no sample
    if (countdown[0] === before) {
      countdown[0] = left;
      if (left >= 0) return buffer;
      sampled(buffer, buffer.length, 'Buffer.concat', concat);
    }
    joined(buffer, args[0]);
    return buffer;
  };

function patchBuffers(patches) {
  const wrap = (make, ...names) => {
    for (const name of names) {
      patches.method(Buffer, name, (isOfNode(Buffer[name]) ? make : general)(name));
    }
  };
  wrap(sized, 'alloc', 'allocUnsafe', 'allocUnsafeSlow');
  wrap(converting, 'from');
  wrap(general, 'of', 'copyBytesFrom');
  patches.method(Buffer, 'concat', joining());
}

/**
 * Patches subarray() of Buffers, which their slice() calls too. It takes 15 ns more (31 to 47): V8
 * sees on the Buffer itself that no WeakMap contains it.
 */
function patchSlices(patches, parts) {
  patches.method(Buffer.prototype, 'subarray', (original) => {
    return function subarray(start, end) {
      const part = original.call(this, start, end);
      if (parts.has(this)) attempt(() => parts.made(this, part, subarray));
      return part;
    };
  });
}

module.exports = { patchBuffers, patchSlices };
