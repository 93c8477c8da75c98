'use strict';

// Writes the numbers and texts of a profile into one growing Buffer.

// Before an application replaces them: what it records must not depend on what it does to Buffer.
const { allocUnsafeSlow, byteLength } = Buffer;

const FIRST_BYTES = 4096;
const MOST_BYTES_OF_NUMBER = 8;

class BytesWriter {
  #bytes = allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  get length() {
    return this.#at;
  }

  /** A view, until the next write. */
  get bytes() {
    return this.#bytes.subarray(0, this.#at);
  }

  clear() {
    this.#at = 0;
  }

  byte(value) {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  uint16(value) {
    this.#room(2);
    this.#at = this.#bytes.writeUInt16LE(value, this.#at);
  }

  uint32(value) {
    this.#room(4);
    this.#at = this.#bytes.writeUInt32LE(value, this.#at);
  }

  double(value) {
    this.#room(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** An integer >= 0 in groups of 7 bits, the lowest first (LEB128). */
  number(value) {
    checkInteger(value);
    this.#room(MOST_BYTES_OF_NUMBER);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) + 128;
    this.#bytes[this.#at++] = rest;
  }

  /** The lowest `length` bytes, up to 6, of an integer >= 0. */
  integer(value, length) {
    this.#room(length);
    this.#at = this.#bytes.writeUIntLE(value, this.#at, length);
  }

  text(value) {
    const length = byteLength(value);
    this.number(length);
    this.#room(length);
    this.#at += this.#bytes.write(value, this.#at);
  }

  raw(bytes) {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #room(bytes) {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + bytes));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}

function checkInteger(value) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`A profile has safe integers >= 0. Received ${value}`);
  }
}

module.exports = { BytesWriter, checkInteger };
