'use strict';

const byteAt = (id, i) => ((Math.imul(id, 0x9e3779b1) >>> 24) + i * 31 + (i >>> 8) * 7) & 0xff;

/** Marks a Buffer's bytes as those of `id`. */
function stamp(buffer, id) {
  for (let i = 0; i < buffer.length; i++) buffer[i] = byteAt(id, i);
  return buffer;
}

/** The bytes that stamp() writes, on the heap. */
const stamped = (size, id) => stamp(Buffer.allocUnsafeSlow(size), id);

const isStamped = (buffer, id) => buffer.length > 0 && buffer.equals(stamped(buffer.length, id));

/** Whether there are bytes, and every one is zero. */
const isZero = (buffer) => buffer.length > 0 && buffer.every((byte) => byte === 0);

/** A Buffer whose memory was reset: nothing of it can be seen or changed. */
const isDead = (buffer) =>
  buffer.length === 0 && buffer.byteOffset === 0 && buffer[0] === undefined;

module.exports = { stamp, stamped, isStamped, isZero, isDead };
