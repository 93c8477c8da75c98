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
