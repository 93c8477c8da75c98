'use strict';
// tier: tools

// The bounds of an estimate are true in 19 of 20 recordings, with few samples as well, and while the rate adapts.

const test = require('ava');
const { sizeClassOf } = require('../../../tools/recorder/buckets.js');
const { events } = require('../../../tools/recorder/events.js');
const { Random, varianceOf } = require('../../../tools/recorder/sampling.js');
const { Distance, Totals, intervalOf } = require('../../../tools/recorder/totals.js');

const KIB = 1024;
const RECORDINGS = 1000;

/** How the distance between samples went: [bytes, share of the time] */
const ADAPTING = [
  [32 * KIB, 0.1],
  [64 * KIB, 0.1],
  [128 * KIB, 0.1],
  [256 * KIB, 0.2],
  [512 * KIB, 0.5],
];
const FIXED = [[64 * KIB, 1]];

const chance = (size, mean) => -Math.expm1(-size / mean);

/** How many of `count` independent events with this probability there are: by the gaps between them. */
function binomial(random, count, probability) {
  let [found, at] = [0, 0];
  for (;;) {
    at += 1 + Math.floor(-random.exponential() / Math.log1p(-probability));
    if (at > count) return found;
    found++;
  }
}

/** The samples of allocations of `size` bytes, `count` in all, in one recording. */
function sampled(random, size, count, rates) {
  const totals = new Totals();
  for (const [mean, share] of rates) {
    const p = chance(size, mean);
    const cell = { sizeClass: sizeClassOf(size), bucket: 0 };
    for (let n = binomial(random, Math.round(count * share), p); n > 0; n--) {
      const [weighed, bytes] = [Math.round(1024 / p), Math.round(size / p)];
      totals.add(0, { ...cell, event: events.BORN, samples: 1, count: weighed, bytes });
      const variance = varianceOf(size, 1 / p);
      totals.add(0, { ...cell, event: events.VARIANCE, samples: 0, count: 0, bytes: variance });
    }
  }
  return totals;
}

/** The mean distance, as the whole of a busy recording tells it. */
function distanceOf(random, rates) {
  const distance = new Distance();
  const { bytes, count, variance } = sampled(random, 4000, 100_000, rates);
  distance.add(12, bytes, count / 1024, variance);
  return distance.mean;
}

for (const [name, rates] of Object.entries({
  'a fixed rate': FIXED,
  'an adapting rate': ADAPTING,
})) {
  for (const size of [1000, 50_000]) {
    for (const expected of [1, 3, 5, 9, 15, 40]) {
      test(`${name}, allocations of ${size} bytes, some ${expected} samples: 19 of 20`, (t) => {
        const random = new Random(expected * size);
        const distance = distanceOf(random, rates);
        const each = rates.reduce((sum, [mean, share]) => sum + share * chance(size, mean), 0);
        const count = Math.round(expected / each);
        const truth = rates.reduce((sum, [, share]) => sum + Math.round(count * share) * size, 0);
        let [covered, told] = [0, 0];
        for (let i = 0; i < RECORDINGS; i++) {
          const totals = sampled(random, size, count, rates);
          if (totals.samples === 0) continue; // nothing is told
          told++;
          const { least, most } = totals.interval(distance);
          if (least <= truth && truth <= most) covered++;
        }
        t.true(covered / told > 0.935, `${covered} of ${told}`); // 0.95 less what chance does to 1,000
      });
    }
  }
}

test('one sample says little, and all of them everything', (t) => {
  const { least, most } = intervalOf(1000, 1e6, 0);
  t.true(least < 30 && most > 5000, `${least} to ${most}`);
  t.deepEqual(intervalOf(1000, 0, 0), { least: 1000, most: 1000 });
  t.is(intervalOf(0, 0, 1000).least, 0);
});
