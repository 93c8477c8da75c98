'use strict';

// Memory for the reads of files, used again. A block is a whole ArrayBuffer, as the chunks of Node
// are; a new one each time, which has the memory of the one before. So views of a chunk that was
// given back are dead, and show nothing of the next.

const { isKnownNode } = require('../base/runtime.js');
const time = require('../base/time.js');
const { view } = require('../base/views.js');
const foreign = require('../memory/foreign.js');
const { Spares } = require('../memory/spares.js');
const { files: counts } = require('../memory/stream-counts.js');
const { release } = require('./release.js');

const UNIT = 64 * 1024;
const MOST = 8 * 1024 * 1024; // bytes at rest

const spares = new Spares(({ length }) => {
  counts.idle -= length;
});

const isWhole = (bytes) => bytes >= UNIT && bytes % UNIT === 0;

/** Returns a block of `bytes` bytes; undefined if that is not worth it. */
function blockOf(bytes) {
  if (!isKnownNode || !isWhole(bytes)) return undefined;
  const block = spares.take(({ length }) => length === bytes);
  if (block === undefined) return Buffer.allocUnsafeSlow(bytes);
  counts.idle -= bytes;
  counts.reused += 1;
  return block;
}

/** Takes back the memory of a chunk that no other code has. */
function give(chunk) {
  const { buffer: ab, byteLength: bytes } = chunk;
  const isKept = isWhole(bytes) && bytes === ab.byteLength && counts.idle + bytes <= MOST;
  const own = isKept ? foreign.detach(ab) : undefined;
  if (own === undefined) return release(chunk);
  foreign.counts.released += bytes;
  counts.idle += bytes;
  spares.add(view(own, 0, bytes, false));
  if (!spares.isWatched) time.outside(() => spares.watch());
  return bytes;
}

module.exports = { blockOf, give };
