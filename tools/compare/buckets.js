'use strict';

// Times of requests, counted by their logarithm, 2 % apart, so that the counts of several processes
// can be added.

const PER_OCTAVE = 32;

const bucketOf = (ms) => Math.round(PER_OCTAVE * Math.log2(Math.max(ms, 0.001)));

/** The quantile of counts `{ bucket: count }`, in ms; undefined of none. */
function quantileOf(counts, q) {
  const sorted = Object.entries(counts).map(([bucket, count]) => [Number(bucket), count]);
  sorted.sort(([a], [b]) => a - b);
  let left = q * sorted.reduce((sum, [, count]) => sum + count, 0);
  for (const [bucket, count] of sorted) {
    left -= count;
    if (left <= 0) return 2 ** (bucket / PER_OCTAVE);
  }
  return undefined;
}

module.exports = { bucketOf, quantileOf };
