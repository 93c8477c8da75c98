'use strict';

// The statistics of all comparisons: pure functions, tested on made-up data with known answers.
//
// Two contenders are compared by the ratios of neighbouring slices, so that what disturbs the machine for longer
// than a slice disturbs both alike. Slices of one process are not independent: how code was compiled and where
// its heap lies is settled for a process's life, and one among equals can be 5 % slower throughout. So a block is
// a set of fresh processes, its ratio the median of its slices' ratios, and the interval is taken over blocks.

const DRAWS = 2000;
const SEED = 0x5eed;

// Student's t, 97.5 %, by degrees of freedom from 1 on.
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
const NORMAL = 1.96;

/** Quantile by linear interpolation; `values` need not be sorted. */
function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.ceil(at)] - sorted[low]) * (at - low);
}

const median = (values) => quantile(values, 0.5);

const sum = (values) => values.reduce((total, value) => total + value, 0);

const mean = (values) => sum(values) / values.length;

/** (greatest − least) / median. */
function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/** A generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * How much wider than the bootstrap's own percentiles an interval over `count` values has to be. These come from
 * the values' own scatter, which a few of them show too small: those of four hold the truth four times in five.
 * (Hesterberg 2015, "What teachers should know about the bootstrap": the expanded percentile interval.)
 */
function expansion(count) {
  const t = STUDENT[count - 2] ?? NORMAL;
  return (t / NORMAL) * Math.sqrt(count / (count - 1));
}

/** Mean of the values and its bootstrap 95 % interval, the same for the same values; unbounded for one value. */
function meanInterval(values) {
  const value = mean(values);
  const count = values.length;
  if (count < 2) return { value, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const next = random(SEED);
  const means = Array.from({ length: DRAWS }, () => {
    let total = 0;
    for (let n = 0; n < count; n++) total += values[Math.floor(next() * count)];
    return total / count;
  });
  const factor = expansion(count);
  return {
    value,
    low: value - (value - quantile(means, 0.025)) * factor,
    high: value + (quantile(means, 0.975) - value) * factor,
  };
}

/**
 * The ratio of one contender's values to the base's, each an array of blocks, which are arrays of neighbours:
 * `{ value, low, high }`, or null where a value is not positive and a ratio says nothing.
 */
function ratio(values, base) {
  const logs = values.map((block, b) => block.map((value, n) => Math.log(value / base[b][n])));
  if (!logs.flat().every(Number.isFinite)) return null;
  const { value, low, high } = meanInterval(logs.map(median));
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

/** Whether a ratio says that there is a difference: its interval does not hold 1. */
const differs = (interval) => interval !== null && (interval.low > 1 || interval.high < 1);

/** Which part of what the floor saves a contender saves as well; null where the floor saves nothing. */
function removed({ base, value, floor }) {
  return floor < base ? (base - value) / (base - floor) : null;
}

module.exports = { quantile, median, sum, mean, spread, random, ratio, differs, removed };
