'use strict';

// Streams that arenas collect, and bodies that are sent.

const { Arena } = require('../..');

async function* each(...parts) {
  for (const part of parts) yield part;
}

/** An iterable whose chunks come when they are given. */
function source() {
  const stream = new TransformStream();
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  return { readable: stream.readable, writer };
}

const PERIOD = 1 << 16;
const PATTERN = Uint8Array.from({ length: PERIOD }, (_, i) => i * 7 + (i >> 8));

/** Bytes that tell their place. They are copied: a loop over each byte takes longer than most tests. */
function stamped(size, from = 0) {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) {
    const part = PATTERN.subarray((from + at) % PERIOD).subarray(0, size - at);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `bytes` in pieces of sizes that next() gives. */
function cut(bytes, next) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(next() ** 3 * 100_000);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

const closing = (t, options) => {
  const arena = new Arena(options);
  t.teardown(() => arena.close());
  return arena;
};

module.exports = { closing, cut, each, source, stamped };
