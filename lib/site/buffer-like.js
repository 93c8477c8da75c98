'use strict';

// Buffer's functions, in memory that a subclass chooses. If that gives none, and for arguments that are not for it, Buffer does it: so a call takes all that
// Buffer's takes, and throws nothing else.

const { isUint8Array } = require('node:util').types;
const { lengthOf } = require('../base/views.js');
const { concatInto, isPlain } = require('./concat.js');

const { set } = Uint8Array.prototype;

/** Encodings of which Buffer.byteLength() is exact; of the others it is an upper bound. */
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

/** For subclasses: `this[kPlace](size, zero)` returns a Buffer of an integer size, or null, or throws an error of ralloc. */
const kPlace = Symbol('ralloc.place');
/** `this[kRefused]()`: it threw one. */
const kRefused = Symbol('ralloc.refused');
/** `this[kDropped](buffer)`: nobody has the Buffer, as it could not be written to. */
const kDropped = Symbol('ralloc.dropped');

/** A limit, memory that the system does not give, a size that is too large for an arena: no reason to fail for what Buffer may still give. */
const isOurs = (error) => typeof error?.code === 'string' && error.code.startsWith('ERR_RALLOC_');

/** Whether Buffer copies these bytes: of a subclass with a valueOf() of its own it takes what that returns. */
const isBytes = (value) => isUint8Array(value) && isPlain(value) && value.valueOf?.() === value;

class BufferLike {
  allocUnsafe(size) {
    return this.#placed(size, false) ?? Buffer.allocUnsafe(size);
  }

  alloc(size, fill, encoding) {
    if (fill === undefined || fill === 0) return this.#placed(size, true) ?? Buffer.alloc(size);
    const buffer = size === 0 ? null : this.#placed(size, false); // of none, Buffer reads no fill
    if (buffer === null) return Buffer.alloc(size, fill, encoding);
    return this.#written(buffer, () => buffer.fill(fill, 0, size, encoding));
  }

  from(value, encodingOrOffset, length) {
    if (typeof value === 'string') return this.#fromText(value, encodingOrOffset);
    return isBytes(value) ? this.#copied(value) : Buffer.from(value, encodingOrOffset, length);
  }

  concat(list, length) {
    return concatInto((size) => this.#placed(size, false), list, length);
  }

  /** Null where Buffer is to do it, also for what is no size. */
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

  /** `isOwn`: nobody else has the bytes, so they may stay. */
  #copied(bytes, isOwn = false) {
    const buffer = this.#placed(lengthOf.call(bytes), false);
    if (buffer === null) return isOwn ? bytes : Buffer.from(bytes);
    set.call(buffer, bytes);
    return buffer;
  }

  /** What `write` returns; where it throws, nobody has the Buffer. */
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
