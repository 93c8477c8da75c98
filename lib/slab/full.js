'use strict';

// What happens where a pool has no free slot and cannot grow: room is made, or an error says which limit is met.

const { exhaustedError } = require('../base/errors.js');
const { limitOf } = require('./options.js');

// An overload meets the limit at every call, and to empty the caches, which then fill again, takes 10 µs. So it is
// done again once slots came or went, or once fewer Buffers are held than the last time, or since; for those that were
// freed for others, which does not show in their number, at one call of so many.
const TRIES = 64;

/**
 * Where `maxBytes` is met, releases what this thread caches, for the memory to drop the segments that are idle then;
 * false if that is not likely to help.
 */
function makeRoom(core, pool) {
  if (!core.settings.grows) return false;
  if (core.leased.slotCount(pool.index) === pool.maxCount) return false;
  const { full, held } = core;
  const bytes = core.leased.committed();
  const isSame = bytes === full.bytes && held >= full.held;
  const isEmpty = core.pools.every(({ top }) => top === 0);
  if (!isEmpty && isSame && ++full.tries % TRIES !== 0) return false;
  for (const each of core.pools) each.flush(each.top);
  full.held = held;
  full.bytes = bytes;
  return !isEmpty;
}

/** To be called at a refill, as what is held may become more then. */
function noteHeld(core) {
  core.full.held = Math.max(core.full.held, core.held);
}

/**
 * The error of an allocation of `requested` bytes, for which `first` is the smallest pool. It names `maxBytes` where one of
 * the pools that fit would have grown but for that.
 */
function exhausted({ settings, pools, leased }, first, requested) {
  const { grows, maxBytes } = settings;
  const fitting = pools.slice(first.index);
  const isBound = ({ index }) => leased.slotCount(index) < settings.pools[index].asked;
  const option = fitting.some(isBound) ? 'maxBytes' : grows ? 'maxCount' : 'count';
  const about = limitOf(settings, option);
  if (option !== 'count') return exhaustedError(about, requested, maxBytes, leased.committed());
  const bytes = fitting.reduce((sum, pool) => sum + pool.size * pool.maxCount, 0);
  return exhaustedError(about, requested, bytes, bytes);
}

module.exports = { makeRoom, noteHeld, exhausted };
