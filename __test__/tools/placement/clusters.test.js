'use strict';
// tier: tools

// Where lifetimes fall apart: the best there is, and what the core says of the same bytes.

const test = require('ava');
const {
  BUCKETS,
  MOST_CLUSTERS,
  bordersOf,
  startOf,
} = require('../../../tools/placement/clusters.js');
const { bucketStart } = require('../../../tools/recorder/buckets.js');
const { coreTest } = require('../../helpers/loads.js');
const { random } = require('../../helpers/random.js');

/** Bytes by bucket, of [bucket, bytes]. */
function histogram(...pairs) {
  const bytes = new Float64Array(BUCKETS);
  for (const [bucket, of] of pairs) bytes[bucket] += of;
  return bytes;
}

/** Of a number of buckets, of weights that differ a lot. */
function anything(below) {
  const pairs = Array.from({ length: below(12) + 1 }, () => [below(64), 2 ** below(40) + below(9)]);
  return histogram(...pairs);
}

const errorOf = (points) => {
  const weight = points.reduce((sum, [, of]) => sum + of, 0);
  const middle = points.reduce((sum, [place, of]) => sum + place * of, 0) / weight;
  return points.reduce((sum, [place, of]) => sum + of * (place - middle) ** 2, 0);
};

/** Of all ways to part them. */
function leastError(points, k) {
  if (k === 1) return errorOf(points);
  const froms = Array.from({ length: points.length - k + 1 }, (_, i) => i + k - 1);
  return Math.min(
    ...froms.map((from) => leastError(points.slice(0, from), k - 1) + errorOf(points.slice(from))),
  );
}

const GIB = 2 ** 30;

test('buckets begin where those of a profile do', (t) => {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const ratio = bucket === 0 ? 1 : startOf(bucket) / bucketStart(bucket);
    t.true(Math.abs(ratio - 1) < 1e-15);
  }
  t.is(startOf(0), 0);
});

test('nothing has no clusters, and one lifetime is one', (t) => {
  t.deepEqual(bordersOf(histogram(), 1), { errors: [], buckets: [], clusters: 0 });
  t.deepEqual(bordersOf(histogram([9, GIB]), 1), { errors: [0], buckets: [[]], clusters: 1 });
});

test('lifetimes less than a doubling apart are one cluster', (t) => {
  t.is(bordersOf(histogram([10, GIB], [11, GIB]), 1).clusters, 1);
  t.is(bordersOf(histogram([10, GIB], [13, GIB]), 1).clusters, 2);
});

for (const k of [1, 2, 3, 4]) {
  test(`${k} groups are ${k} clusters`, (t) => {
    const groups = Array.from({ length: k }, (_, i) => 5 + 16 * i);
    const pairs = groups.flatMap((middle) => [-1, 0, 1].map((by) => [middle + by, GIB]));
    const { clusters, buckets } = bordersOf(histogram(...pairs), 1);
    t.is(clusters, k);
    t.deepEqual(
      buckets[k - 1],
      groups.slice(1).map((middle) => middle - 8),
    );
  });
}

test('they are the best there are', (t) => {
  const below = random(7);
  for (let round = 0; round < 300; round++) {
    const bytes = anything(below);
    const points = [...bytes.entries()].filter(([, of]) => of > 0).map(([b, of]) => [b / 2, of]);
    const { errors, buckets } = bordersOf(bytes, 0);
    t.is(errors.length, Math.min(MOST_CLUSTERS, points.length));
    const weight = points.reduce((sum, [, of]) => sum + of, 0);
    for (const [i, error] of errors.entries()) {
      const least = leastError(points, i + 1);
      t.true(Math.abs(error - least) <= 1e-9 * errors[0] + 1e-10 * weight, `${error}, ${least}`);
      t.is(buckets[i].length, i);
    }
  }
});

test('errors lose no digits beside a place that weighs 10 to the 17', (t) => {
  const { errors } = bordersOf(histogram([0, 1e17], [20, 1], [40, 1], [60, 1]), 0);
  t.deepEqual(errors, [1400, 200, 50, 0]);
});

test('no border is below the least', (t) => {
  const below = random(8);
  for (const least of [0, 1, 8, 100, 1e6, 1e12, Infinity]) {
    for (let round = 0; round < 20; round++) {
      for (const bucket of bordersOf(anything(below), least).buckets.flat()) {
        t.true(startOf(bucket) >= least);
      }
    }
  }
});

test('there are 1 to 4', (t) => {
  for (const most of [0, 5, 1.5, Number.NaN, '2']) {
    t.throws(() => bordersOf(histogram([1, 1]), 1, most), { instanceOf: RangeError });
  }
});

coreTest('the core says the same, to the last bit', 'bordersForTest', (t, bordersForTest) => {
  const below = random(9);
  for (let round = 0; round < 2000; round++) {
    const bytes = anything(below);
    const least = [0, 3, 50.1, 400][below(4)];
    const most = below(4) + 1;
    const { errors, buckets, clusters } = bordersOf(bytes, least, most);
    t.deepEqual([clusters, ...errors, ...buckets.flat()], bordersForTest([...bytes], least, most));
  }
  t.throws(() => bordersForTest([...histogram()], 1, 5), { message: /must be 1 to 4/ });
});
