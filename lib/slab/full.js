'use strict';

// What happens where a pool has no free slot and cannot grow: room is made, or an error says which limit is met.

const { exhaustedError } = require('../base/errors.js');

/** Bytes that a slab's memory takes at most for so many slots besides their own: 16 B for each, and hints. */
const recordBytes = (slots) => 17 * slots + 64;

// An overload meets the limit at every call, and to empty the caches, which then fill again, takes 10 µs. So it is
// done again once fewer Buffers are held than the last time, or since; for those that were freed for others, which
// does not show in their number, at one call of so many.
const TRIES = 64;

/**
 * Where `maxBytes` is met, releases what this thread caches, for the memory to drop the segments that are idle then;
 * false if that is not likely to help.
 */
function makeRoom(core, pool) {
  const { grows, maxBytes } = core.settings;
  if (!grows) return false;
  const { held } = core;
  if (core.pools.every(({ top }) => top === 0)) {
    core.heldWhenFull = held;
    return false;
  }
  if (held >= core.heldWhenFull && ++core.triesWhenFull % TRIES !== 0) return false;
  const needed = pool.segmentBytes + recordBytes(pool.segmentBytes / pool.size);
  if (core.leased.committed() + needed <= maxBytes) return false; // it is the pool's maxCount
  for (const each of core.pools) each.flush(each.top);
  core.heldWhenFull = held;
  return true;
}

/** To be called at a refill, as what is held may become more then. */
function noteHeld(core) {
  core.heldWhenFull = Math.max(core.heldWhenFull, core.held);
}

/** The error of an allocation of `requested` bytes, for which `first` is the smallest pool. */
function exhausted({ settings, pools, leased }, first, requested) {
  if (!settings.grows) {
    const bytes = pools.slice(first.index).reduce((sum, p) => sum + p.size * p.maxCount, 0);
    return exhaustedError('count', requested, bytes, bytes);
  }
  const used = leased.committed();
  const full = used + first.segmentBytes > settings.maxBytes;
  return exhaustedError(full ? 'maxBytes' : 'maxCount', requested, settings.maxBytes, used);
}

module.exports = { makeRoom, noteHeld, exhausted };
