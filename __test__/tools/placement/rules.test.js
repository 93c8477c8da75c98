'use strict';
// tier: tools

// The rules of docs/guide/placement.md: each at its bounds, and what the core says of the same
// evidence.

const test = require('ava');
const { CERTAINTIES, REASONS, STRATEGIES } = require('../../../lib/site/decisions.js');
const { decide } = require('../../../tools/placement/rules.js');
const { coreTest } = require('../../helpers/loads.js');
const { random } = require('../../helpers/random.js');

/** Of a site whose Buffers all die with their requests. */
function bound(samples, changes) {
  const bytes = samples * 65536;
  const none = {
    outlived: 0,
    outlivedSamples: 0,
    moved: 0,
    alive: 0,
    long: 0,
    alike: 0,
    repeats: 0,
  };
  const all = { bytes, samples, withRequest: bytes, withRequestSamples: samples, ended: bytes };
  return { ...none, ...all, ...changes };
}

/** Of a thousand samples so many outlive their requests. */
const outliving = (samples) => {
  const outlived = samples * 65536;
  const withRequest = 1000 * 65536 - outlived;
  return bound(1000, { withRequest, outlived, outlivedSamples: samples });
};

const cache = (changes) =>
  bound(1000, {
    bytes: 1e9,
    ...{ withRequest: 1e8, withRequestSamples: 100, outlived: 9e8, outlivedSamples: 900 },
    ...{ ended: 8e8, alive: 2e8, long: 5e8, alike: 0.5 },
    ...changes,
  });

for (const [what, evidence, expected] of [
  ['no samples', bound(0), 'leave few-samples'],
  ['29 samples', bound(29), 'leave few-samples'],
  ['30 samples', bound(30), 'request with-request'],
  ['a thousandth that moves', cache({ moved: 1e6 }), 'region long'],
  ['more that moves', cache({ moved: 1.1e6 }), 'leave moves'],
  ['a tenth outside of requests', bound(1000, { withRequest: 58_982_400 }), 'request with-request'],
  ['more', bound(1000, { withRequest: 58_900_000 }), 'region medium-mixed'],
  ['a tenth that ended', cache({ ended: 1e8, alive: 9e8 }), 'region long'],
  ['less that ended', cache({ ended: 9e7, alive: 9.1e8 }), 'leave never-ends'],
  ['one in a thousand that outlives', outliving(1), 'request with-request'],
  ['two in a thousand', outliving(2), 'region medium-mixed'],
  ['two Buffers before it', bound(1000, { repeats: 2 }), 'request with-request'],
  ['more before it', bound(1000, { repeats: 2.1 }), 'leave repeats'],
  ['more before what outlives', cache({ repeats: 9 }), 'region long'],
  ['half that lived long', cache(), 'region long'],
  ['less of many sizes', cache({ long: 4.9e8 }), 'region medium-mixed'],
  ['less of two sizes', cache({ long: 4.9e8, alike: 0.9 }), 'slab medium-alike'],
]) {
  test(`${what}: ${expected}`, (t) => {
    const { strategy, reason } = decide(evidence);
    t.is(`${strategy} ${reason}`, expected);
  });
}

test('3,000 samples without an exception prove that bytes die with their request', (t) => {
  t.is(decide(bound(2999)).certainty, 'suggested');
  t.is(decide(bound(3000)).certainty, 'proved');
  t.is(decide(bound(9000, { outlived: 1, outlivedSamples: 1 })).certainty, 'suggested');
});

coreTest('the core says the same', 'decideForTest', (t, decideForTest) => {
  const below = random(3);
  const shares = [0, 0.0009, 0.001, 0.0011, 0.1, 0.5, 0.8999, 0.9, 0.999, 0.9995, 1];
  const share = () => shares[below(shares.length)];
  const samples = () => [0, 1, 29, 30, 2999, 3000, 5000][below(7)];
  for (let round = 0; round < 5000; round++) {
    const bytes = below(2 ** 30);
    const withRequest = share() * bytes;
    const evidence = {
      ...{ bytes, samples: samples(), withRequest, withRequestSamples: samples() },
      ...{ outlived: share() * (bytes - withRequest), outlivedSamples: below(2) },
      ...{ moved: share() * share() * bytes, ended: share() * bytes, alive: share() * bytes },
      ...{ long: share() * bytes, alike: share(), repeats: below(40) / 10 },
    };
    const { strategy, certainty, reason } = decide(evidence);
    t.deepEqual(
      [STRATEGIES.indexOf(strategy), CERTAINTIES.indexOf(certainty), REASONS.indexOf(reason)],
      decideForTest(Object.values(evidence)),
    );
  }
});
