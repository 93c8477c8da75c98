'use strict';

// What slots are charged against a slab's `maxBytes`: the same on both backends, as in src/slab/options.rs.

/** Bytes of a record's words: two for each slot, a bit of a hint, and a word for the pool. */
function recordBytes(slots) {
  const hints = Math.ceil(slots / 64);
  return 8 * (2 * slots + hints + Math.ceil(hints / 64) + Math.ceil(hints / 4096) + 1);
}

/** Bytes that so many slots of a pool take, with their records. */
const charge = (size, slots) => (slots === 0 ? 0 : slots * size + recordBytes(slots));

/** The most slots of a pool that has `there` of them, up to `most` in all, for `bytes` more. */
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
 * The least `maxBytes` of a slab: its slots from the start, or one slot of a pool that has none then, if that is more,
 * beside what the other pools keep.
 */
function leastBytes(pools) {
  const sum = (name) => pools.reduce((bytes, pool) => bytes + charge(pool.size, pool[name]), 0);
  const kept = sum('minCount');
  const empty = pools.filter(({ count }) => count === 0);
  return Math.max(sum('count'), ...empty.map(({ size }) => kept + charge(size, 1)));
}

module.exports = { charge, slotsWithin, leastBytes };
