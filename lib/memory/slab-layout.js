'use strict';

// Computes what slots are charged against a slab's `maxBytes`: the same on both backends, as in
// src/slab/options.rs.

/**
 * Bytes of a pool's records: two words for each slot, a bit of its hint and the summaries, and one
 * word for the pool.
 */
function recordBytes(slots) {
  const hints = Math.ceil(slots / 64);
  return 8 * (2 * slots + hints + Math.ceil(hints / 64) + Math.ceil(hints / 4096) + 1);
}

/** Bytes that so many slots of a pool take, with their records. */
const charge = (size, slots) => (slots === 0 ? 0 : slots * size + recordBytes(slots));

/** The most slots that a pool with `there` slots can have for `bytes` more, up to `most` in all. */
function slotsWithin(size, there, most, bytes) {
  const charged = charge(size, there) + bytes;
  let [least, beyond] = [there, most + 1];
  while (beyond - least > 1) {
    const middle = Math.floor((least + beyond) / 2);
    if (charge(size, middle) <= charged) least = middle;
    else beyond = middle;
  }
  return least;
}

/**
 * The least `maxBytes` of a slab: enough for the slots that it starts with, and for one slot of any
 * pool that starts without slots, while the other pools keep their `minCount`.
 */
function leastBytes(pools) {
  const sum = (name) => pools.reduce((bytes, pool) => bytes + charge(pool.size, pool[name]), 0);
  const kept = sum('minCount');
  const empty = pools.filter(({ count }) => count === 0);
  return Math.max(sum('count'), ...empty.map(({ size }) => kept + charge(size, 1)));
}

module.exports = { charge, slotsWithin, leastBytes };
