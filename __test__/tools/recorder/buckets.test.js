'use strict';
// tier: tools

const test = require('ava');
const {
  BUCKETS,
  bucketEnd,
  bucketOf,
  bucketStart,
  sizeClassEnd,
  sizeClassOf,
} = require('../../../tools/recorder/buckets.js');

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
