'use strict';

const PERIOD = 1 << 16;

/** What any bytes of stamp() are a part of: each 256 bytes on, all are 7 more. */
const PATTERN = Uint8Array.from({ length: 2 * PERIOD }, (_, i) => i * 31 + (i >>> 8) * 7);
const SEVENTH = 183; // 7 * 183 is 1 in a byte

/** Marks a Buffer's bytes as those of `id`. They are copied: a loop over each byte is what many tests would take longest for. */
function stamp(buffer, id) {
  const first = (((Math.imul(id, 0x9e3779b1) >>> 24) * SEVENTH) & 0xff) << 8;
  for (let at = 0; at < buffer.length; at += PERIOD) {
    const length = Math.min(PERIOD, buffer.length - at);
    buffer.set(PATTERN.subarray(first, first + length), at);
  }
  return buffer;
}

/** The bytes that stamp() writes, on the heap. */
const stamped = (size, id) => stamp(Buffer.allocUnsafeSlow(size), id);

const isStamped = (buffer, id) => buffer.length > 0 && buffer.equals(stamped(buffer.length, id));

/** Whether there are bytes, and every one is zero. */
const isZero = (buffer) =>
  buffer.length > 0 && Buffer.compare(buffer, Buffer.alloc(buffer.length)) === 0;

/** A Buffer whose memory was reset: nothing of it can be seen or changed. */
const isDead = (buffer) =>
  buffer.length === 0 && buffer.byteOffset === 0 && buffer[0] === undefined;

/**
 * Asserts that the bytes of `got` are those of `want`, a Buffer or a string. The runner never tries a test again that fails here: it
 * knows the failure by this name.
 */
function sameBytes(t, got, want, what = 'all') {
  const [is, wanted] = [Buffer.from(got), Buffer.from(want)];
  if (is.equals(wanted)) return t.pass();
  const at = is.findIndex((byte, i) => byte !== wanted[i]);
  const where = at === -1 ? 'it ends too early' : `other ones from ${at}`;
  return t.fail(`sameBytes: ${what}: ${is.length} bytes of ${wanted.length}, ${where}`);
}

/** The same of what stamp() wrote. */
const sameStamp = (t, buffer, id, what) =>
  sameBytes(t, buffer, stamped(Math.max(1, buffer.length), id), what);

module.exports = { stamp, stamped, isStamped, isZero, isDead, sameBytes, sameStamp };
