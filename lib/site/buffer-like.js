'use strict';

// Buffer's functions, in memory that a subclass chooses. If that gives none, and for arguments that
// are not for it, Buffer does it: so a call takes all that Buffer's takes, and throws nothing else.

const { isUint8Array } = require('node:util').types;
const { join } = require('../arena/copy.js');
const { isDetached } = require('../base/dead.js');
const { bufferOf, lengthOf } = require('../base/views.js');

const { set } = Uint8Array.prototype;

/** Encodings for which Buffer.byteLength() is exact; for others it is an upper bound. */
const EXACT = new Set([
  'utf8',
  'utf-8',
  'utf16le',
  'utf-16le',
  'ucs2',
  'ucs-2',
  'latin1',
  'binary',
  'ascii',
]);

/**
 * For subclasses: `this[kPlace](size, zero)` returns a Buffer of an integer size, or null, or
 * throws an error of ralloc.
 */
const kPlace = Symbol('ralloc.place');
/** `this[kRefused]()` is called if it threw one. */
const kRefused = Symbol('ralloc.refused');
/**
 * `this[kDropped](buffer)` is called if writing to the Buffer threw, so that it is not returned.
 */
const kDropped = Symbol('ralloc.dropped');

/**
 * Whether an error is ralloc's: a limit, refused memory, a size too large for an arena. The call
 * does not fail then, because Buffer may still serve it.
 */
const isOurs = (error) => typeof error?.code === 'string' && error.code.startsWith('ERR_RALLOC_');

/**
 * False if versions of Node differ: for a subclass with its own `length`, or a detached array.
 * Buffer handles these itself.
 */
function isPlain(view) {
  const length = lengthOf.call(view);
  if (view.length !== length || view.byteLength !== length) return false;
  return length > 0 || !isDetached(bufferOf.call(view));
}

/**
 * Reads each part once. Returns the parts, their sum, and whether all are plain; undefined if
 * Buffer.concat() would throw.
 */
function partsOf(list) {
  if (!Array.isArray(list)) return undefined;
  const parts = [];
  let total = 0;
  let arePlain = true;
  for (let i = 0; i < list.length; i++) {
    const part = list[i];
    if (!isUint8Array(part)) return undefined;
    parts.push(part);
    total += lengthOf.call(part);
    arePlain &&= isPlain(part);
  }
  return { parts, total, arePlain };
}

/**
 * Whether Buffer.from() copies these bytes. For a subclass with its own valueOf(), it uses that
 * function's result.
 */
const isBytes = (value) => isUint8Array(value) && isPlain(value) && value.valueOf?.() === value;

class BufferLike {
  allocUnsafe(size) {
    return this.#placed(size, false) ?? Buffer.allocUnsafe(size);
  }

  alloc(size, fill, encoding) {
    if (fill === undefined || fill === 0) return this.#placed(size, true) ?? Buffer.alloc(size);
    const buffer = size === 0 ? null : this.#placed(size, false); // for size 0, Buffer does not read `fill`
    if (buffer === null) return Buffer.alloc(size, fill, encoding);
    return this.#written(buffer, () => buffer.fill(fill, 0, size, encoding));
  }

  from(value, encodingOrOffset, length) {
    if (typeof value === 'string') return this.#fromText(value, encodingOrOffset);
    return isBytes(value) ? this.#copied(value) : Buffer.from(value, encodingOrOffset, length);
  }

  concat(list, length) {
    const read = partsOf(list);
    if (read === undefined || read.parts.length === 0) return Buffer.concat(list, length);
    const size = length === undefined ? read.total : length;
    const buffer = read.arePlain ? this.#placed(size, false) : null;
    return buffer === null ? Buffer.concat(read.parts, length) : join(read.parts, buffer, size);
  }

  /** Returns null if Buffer must serve, also for an invalid size. */
  #placed(size, zero) {
    if (typeof size !== 'number' || size >>> 0 !== size) return null;
    try {
      return this[kPlace](size, zero);
    } catch (error) {
      if (!isOurs(error)) throw error;
      this[kRefused]();
      return null;
    }
  }

  #fromText(text, encoding) {
    const isExact = encoding === undefined || EXACT.has(encoding);
    if (!isExact) return this.#copied(Buffer.from(text, encoding), true);
    const size = Buffer.byteLength(text, encoding);
    const buffer = this.#placed(size, false);
    if (buffer === null) return Buffer.from(text, encoding);
    return this.#written(buffer, () => {
      buffer.write(text, 0, size, encoding);
      return buffer;
    });
  }

  /** `isOwn`: no other code has the bytes, so that they need not be copied. */
  #copied(bytes, isOwn = false) {
    const buffer = this.#placed(lengthOf.call(bytes), false);
    if (buffer === null) return isOwn ? bytes : Buffer.from(bytes);
    set.call(buffer, bytes);
    return buffer;
  }

  /** Returns what `write` returns. If it throws, drops the Buffer. */
  #written(buffer, write) {
    try {
      return write();
    } catch (error) {
      this[kDropped](buffer);
      throw error;
    }
  }

  [kRefused]() {}

  [kDropped]() {}
}

module.exports = { BufferLike, kDropped, kPlace, kRefused };
