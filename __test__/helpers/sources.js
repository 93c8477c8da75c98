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

/** Bytes that tell their place. */
function stamped(size, from = 0) {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = (from + i) * 7 + ((from + i) >> 8);
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
