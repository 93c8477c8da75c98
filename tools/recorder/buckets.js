'use strict';

// The units of a profile: slots of time, and logarithmic buckets, two to each doubling of a
// lifetime, one to each doubling of a size.

/** The length of a slot, in ms. A process that is killed loses at most the events of one slot. */
const SLOT_MS = 2000;

const BUCKETS = 64;

/** Bucket -> its shortest lifetime, in ms; one more entry is the end of the last bucket. */
const EDGES = Float64Array.from({ length: BUCKETS + 1 }, (_, b) =>
  b === 0 ? 0 : 2 ** ((b - 1) / 2),
);

/**
 * The bucket of a lifetime in ms: 0 is below 1 ms, b >= 1 is [2^((b-1)/2), 2^(b/2)) ms, and 63 is
 * 25 days or more.
 */
function bucketOf(ms) {
  if (!(ms >= 1)) return 0;
  if (ms >= EDGES[BUCKETS - 1]) return BUCKETS - 1;
  const guess = Math.floor(2 * Math.log2(ms)) + 1;
  // log2() rounds: a lifetime on an edge must get the same bucket whatever it returns.
  if (ms < EDGES[guess]) return guess - 1;
  return ms >= EDGES[guess + 1] ? guess + 1 : guess;
}

const bucketStart = (bucket) => EDGES[bucket];
const bucketEnd = (bucket) => (bucket === BUCKETS - 1 ? Infinity : EDGES[bucket + 1]);

/** ceil(log2(bytes)), 0 to 63. */
function sizeClassOf(bytes) {
  if (bytes <= 1) return 0;
  if (bytes <= 2 ** 31) return 32 - Math.clz32(bytes - 1);
  // Exact: bytes - 1 has at most 53 bits, and so has its upper half.
  return 64 - Math.clz32(Math.floor((bytes - 1) / 2 ** 32));
}

/** The most bytes of a size class. */
const sizeClassEnd = (sizeClass) => 2 ** sizeClass;

module.exports = { BUCKETS, SLOT_MS, bucketOf, bucketStart, bucketEnd, sizeClassOf, sizeClassEnd };
