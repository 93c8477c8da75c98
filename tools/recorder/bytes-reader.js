'use strict';

// Reads what bytes-writer.js wrote. Bytes behind the end are undefined and count as 0; end() tells in the end, once a section.

const { nonsenseError } = require('./errors.js');

class BytesReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  byte() {
    return this.bytes[this.at++];
  }

  uint16() {
    this.at += 2;
    return this.bytes[this.at - 2] + this.bytes[this.at - 1] * 256;
  }

  uint32() {
    this.at += 4;
    const { bytes, at } = this;
    return (
      (bytes[at - 4] | (bytes[at - 3] << 8) | (bytes[at - 2] << 16) | (bytes[at - 1] << 24)) >>> 0
    );
  }

  double() {
    this.#has(8);
    this.at += 8;
    return this.bytes.readDoubleLE(this.at - 8);
  }

  number() {
    let value = 0;
    for (let scale = 1; scale <= Number.MAX_SAFE_INTEGER; scale *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * scale;
      if (!(byte >= 128)) return value;
    }
    throw nonsenseError();
  }

  /** An integer of `length` bytes, up to 6. */
  integer(length) {
    this.#has(length);
    this.at += length;
    return length === 0 ? 0 : this.bytes.readUIntLE(this.at - length, length);
  }

  /** How many things follow, of at least one byte each. */
  count() {
    const count = this.number();
    this.#has(count);
    return count;
  }

  text() {
    const length = this.count();
    this.at += length;
    return this.bytes.utf8Slice(this.at - length, this.at);
  }

  /** A reader of the next `length` bytes. */
  part(length) {
    this.#has(length);
    this.at += length;
    return new BytesReader(this.bytes.subarray(this.at - length, this.at));
  }

  get done() {
    return this.at >= this.bytes.length;
  }

  /** Throws if more was read than there is. */
  end() {
    if (this.at > this.bytes.length) throw nonsenseError();
  }

  #has(bytes) {
    if (!(bytes <= this.bytes.length - this.at)) throw nonsenseError();
  }
}

module.exports = { BytesReader };
