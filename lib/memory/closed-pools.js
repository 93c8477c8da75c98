'use strict';

// The pools of closed arenas, for the next arena of the same settings. An arena that lives for one
// call and is made again in the next so costs no system call; and a loop of them that never lets
// the event loop turn, when no finalizer runs, does not pile up mappings until the system has no
// more.

const { instances } = require('../base/instances.js');
const { ChunkPool } = require('./chunk-pool.js');
const idle = require('./idle.js');
const { keyOf: memoryKey } = require('./options.js');

const MOST = 8;
const MOST_BYTES = 1024 * 1024; // warm, of one pool
const kept = []; // { key, pool }, the oldest first

const keyOf = ({ maxBytes, chunkSize, safety, wipe, guard, memory }) =>
  [maxBytes, chunkSize, safety, wipe, guard, ...memoryKey(memory)].join();

/**
 * Keeps a pool if all of its memory is warm. Otherwise returns false, and the pool must be closed.
 */
function keep(settings, pool, { used, warm }) {
  if (settings.budget !== null) return false;
  // In the other modes Buffers of the closed arena are still alive over the memory.
  if (settings.safety !== 'detach' || used !== warm || used > MOST_BYTES) return false;
  kept.push({ key: keyOf(settings), pool });
  if (kept.length > MOST) kept.shift().pool.close();
  idle.watch(pool); // gives its memory back after a second without use
  return true;
}

/** The last pool of these settings, or a new one. */
function open(settings) {
  const key = settings.budget === null ? keyOf(settings) : undefined; // pools with a budget are not kept
  const index = kept.findLastIndex((one) => one.key === key);
  if (index === -1) return instances.arenas.add(new ChunkPool(settings));
  const [{ pool }] = kept.splice(index, 1);
  pool.restart(settings);
  return pool;
}

module.exports = { keep, open };
