'use strict';
// tier: tools

// Estimates from samples: unbiased whatever is allocated and however the distance changes, and within two standard deviations of the truth in 19 of 20 runs.

const test = require('ava');
const { Cells } = require('../../../tools/recorder/samples.js');
const { Random, Sampling, countdown, varianceOf } = require('../../../tools/recorder/sampling.js');
const { cellsOf } = require('../../helpers/sums.js');
const {
  BUCKETS,
  bucketEnd,
  bucketOf,
  bucketStart,
  sizeClassEnd,
  sizeClassOf,
} = require('../../../tools/recorder/buckets.js');

const SITE = { index: 0, id: 'x' };
const RUNS = 400;

/** Allocates `sizes` as a wrapper would, and tells what came of it. */
function run(seed, sizes, mean, change = () => {}, detour = 0) {
  const sampling = new Sampling(new Random(seed), mean);
  const cells = new Cells();
  const truth = { count: 0, bytes: 0 };
  let variance = 0;
  sizes.forEach((size, i) => {
    change(sampling, i);
    truth.count++;
    truth.bytes += size;
    const left = countdown[0] - size;
    countdown[0] = left;
    if (left >= 0) return;
    if (!sampling.arrives()) {
      if (i % 5 === 0) sampling.leaveDetour();
      else sampling.detour(detour);
      return;
    }
    const weight = sampling.weight(size);
    sampling.draw();
    if (detour > 0) sampling.detour(detour);
    variance += varianceOf(size, weight);
    cells.add(SITE, 0, 0, 0, Math.round(weight * 1024), Math.round(weight * size));
  });
  const [row = { samples: 0, count: 0, bytes: 0 }] = cellsOf(cells.take());
  const error = (2 * 1024 * Math.sqrt(variance)) / row.bytes;
  return { ...row, count: row.count / 1024, truth, error };
}

const runs = (...args) => Array.from({ length: RUNS }, (_, seed) => run(seed * 7919, ...args));
const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

function isUnbiased(t, results) {
  for (const key of ['bytes', 'count']) {
    const errors = results.map((one) => one[key] / one.truth[key] - 1);
    const spread = Math.sqrt(mean(errors.map((error) => error * error)) / RUNS);
    t.true(Math.abs(mean(errors)) < 3 * spread + 1e-4, `${key}: ${mean(errors)} ± ${spread}`);
  }
}

/** In 19 of 20, but for what chance does to RUNS of them. */
function isCovered(t, results) {
  const covered = results.filter(
    ({ bytes, truth, error }) => Math.abs(bytes - truth.bytes) <= error * bytes,
  );
  t.true(covered.length >= RUNS * 0.93, `${covered.length} of ${RUNS}`);
}

const small = Array.from({ length: 20_000 }, () => 100);
const large = Array.from({ length: 2_000 }, (_, i) => 1000 + i * 50);
const mixed = Array.from({ length: 10_000 }, (_, i) => (i % 100 === 0 ? 200_000 : 10 + (i % 90)));

for (const [name, sizes] of Object.entries({ small, large, mixed })) {
  test(`what is ${name} is estimated without bias, and with its error`, (t) => {
    const results = runs(sizes, 16_384);
    isUnbiased(t, results);
    isCovered(t, results);
  });
}

test('the same while the distance is doubled and halved', (t) => {
  const change = (sampling, i) => {
    if (i % 500 === 250) sampling.mean = 2 ** (8 + ((i / 250) % 7));
  };
  const results = runs(small, 1024, change);
  isUnbiased(t, results);
  isCovered(t, results);
});

test('the same while the countdown also looks for something else', (t) => {
  for (const sizes of [small, mixed]) {
    const results = runs(sizes, 16_384, undefined, 1000);
    isUnbiased(t, results);
    isCovered(t, results);
  }
});

test('what is larger than a distance can be is a sample for sure, and stands for itself', (t) => {
  const result = run(1, [2 ** 32, 2 ** 33], 2 ** 26);
  t.is(result.samples, 2);
  t.is(result.bytes, 2 ** 32 + 2 ** 33);
  t.is(result.count, 2);
});

test('a lifetime is in the bucket whose edges enclose it', (t) => {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    t.is(bucketOf(bucketStart(bucket)), bucket);
    const end = Math.min(bucketEnd(bucket), 2 ** 40);
    t.is(bucketOf(end * (1 - Number.EPSILON)), bucket);
    t.is(bucketOf((bucketStart(bucket) + end) / 2), bucket);
  }
});

test('buckets are half doublings from 1 ms', (t) => {
  t.deepEqual([0, 0.99, 1, 1.41, 1.42, 2, 200, 1000].map(bucketOf), [0, 0, 1, 1, 2, 3, 16, 20]);
  t.is(bucketStart(1), 1);
  t.is(bucketStart(3), 2);
  t.is(bucketOf(-5), 0); // a clock that went back
  t.is(bucketOf(Number.NaN), 0);
  t.is(bucketOf(Infinity), 63);
  t.is(bucketEnd(63), Infinity);
});

test('a size class is the logarithm of its largest size', (t) => {
  t.deepEqual([0, 1, 2, 3, 4, 5, 65536, 65537].map(sizeClassOf), [0, 0, 1, 2, 2, 3, 16, 17]);
  for (let power = 2; power < 53; power++) t.is(sizeClassOf(sizeClassEnd(power)), power);
  t.is(sizeClassOf(Number.MAX_SAFE_INTEGER), 53);
});
