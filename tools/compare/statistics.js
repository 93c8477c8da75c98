'use strict';

// The statistics of all comparisons: pure functions, tested on made-up data with known answers.
//
// Two contenders are compared by the ratios of neighbouring slices, so that what disturbs the
// machine for longer than a slice disturbs both alike. Slices of one process are not independent:
// how code was compiled and where its heap lies is settled for a process's life, and one among
// equals can be 5 % slower throughout. So a block is a set of fresh processes, its ratio the median
// of its slices' ratios, and the interval is taken over blocks. A few blocks alone say little of
// their own scatter (Student's t for three is 4.3): what their slices scatter, and what processes
// are known to differ by, is weighed in.

const DRAWS = 2000;
const SEED = 0x5eed;

// Student's t, 97.5 %, by degrees of freedom from 1 on.
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
const NORMAL = 1.96;

// The deviation of the ratio of two processes that are alike, however long they are measured; and
// the greatest weight that a variance expected beforehand has, in degrees of freedom.
const CHARACTER = 0.03;
const PRIOR = 6;

const student = (freedom) => STUDENT[freedom - 1] ?? NORMAL;

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
 * How much wider than the bootstrap's own percentiles an interval over `count` values has to be.
 * These come from the values' own scatter, which a few of them show too small: those of four hold
 * the truth four times in five. (Hesterberg 2015, "What teachers should know about the bootstrap":
 * the expanded percentile interval.)
 */
function expansion(count) {
  return (student(count - 1) / NORMAL) * Math.sqrt(count / (count - 1));
}

/**
 * Mean of the values and its bootstrap 95 % interval, the same for the same values; unbounded for
 * one value.
 */
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
 * Variance of what is left of blocks of `n` values each without the means of the blocks and of the
 * places in them.
 */
function residual(blocks) {
  const places = blocks[0].map((_, n) => mean(blocks.map((block) => block[n])));
  const middle = mean(places);
  const squares = blocks.flatMap((block) => {
    const own = mean(block) - middle;
    return block.map((value, n) => (value - places[n] - own) ** 2);
  });
  return sum(squares) / ((blocks.length - 1) * (places.length - 1));
}

/**
 * Mean of the blocks' medians and its 95 % interval, by the moderated t-statistic (Smyth 2004,
 * "Linear models and empirical Bayes methods", section 3): the blocks' variance, drawn towards the
 * one that their slices let expect.
 */
function moderatedInterval(blocks) {
  const values = blocks.map(median);
  const value = mean(values);
  const [count, passes] = [blocks.length, blocks[0].length];
  const freedom = count - 1;
  const found = sum(values.map((one) => (one - value) ** 2)) / freedom;
  const ofMedian = passes > 2 ? Math.PI / 2 : 1; // a median's variance to a mean's
  const expected = (residual(blocks) * ofMedian) / passes + CHARACTER ** 2;
  const weight = Math.min(PRIOR, freedom * (passes - 1));
  const variance = (weight * expected + freedom * found) / (weight + freedom);
  const half = student(weight + freedom) * Math.sqrt(variance / count);
  return { value, low: value - half, high: value + half };
}

const logRatios = (values, base) =>
  values.map((block, b) => block.map((value, n) => Math.log(value / base[b][n])));

/**
 * exp() of an interval of logarithms; null where a value was not positive and a ratio says nothing.
 */
function exponential(logs, interval) {
  if (!logs.flat().every(Number.isFinite)) return null;
  const { value, low, high } = interval(logs);
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

/**
 * The ratio of one contender's values to the base's, each an array of blocks, which are arrays of
 * neighbours: `{ value, low, high }`, or null.
 */
const ratio = (values, base) =>
  exponential(logRatios(values, base), (logs) => meanInterval(logs.map(median)));

/** The same of contenders that have processes of their own, of which there are few. */
function ratioOfProcesses(values, base) {
  const few = values.length > 1 && values[0].length > 1 && values !== base;
  return few ? exponential(logRatios(values, base), moderatedInterval) : ratio(values, base);
}

/** Whether a ratio says that there is a difference: its interval does not hold 1. */
const differs = (interval) => interval !== null && (interval.low > 1 || interval.high < 1);

/**
 * Which part of what the floor saves a contender saves as well; null where the floor saves nothing.
 */
function removed({ base, value, floor }) {
  return floor < base ? (base - value) / (base - floor) : null;
}

module.exports = {
  CHARACTER,
  student,
  quantile,
  median,
  sum,
  mean,
  spread,
  random,
  ratio,
  ratioOfProcesses,
  differs,
  removed,
};
