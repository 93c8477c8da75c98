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
const stamped = (size, from = 0) =>
  Buffer.from(Uint8Array.from({ length: size }, (_, i) => (from + i) * 7 + ((from + i) >> 8)));

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
