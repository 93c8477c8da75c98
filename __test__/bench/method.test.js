'use strict';
// tier: tools

// What bench/method makes of raw results.

const test = require('ava');
const processors = require('../../bench/method/cpus.js');
const { compare, compareSamples } = require('../../bench/method/compare.js');
const { tableOf, verdict } = require('../../bench/method/report.js');
const { summaryOf } = require('../../bench/method/results.js');
const { order } = require('../../bench/method/schedule.js');
const statistics = require('../../tools/compare/statistics.js');

const row = (name, ...blocks) => ({ name, blocks: { ns: blocks } });
const result = (more) => ({
  ...{ bench: 'a', scenario: 'b', node: '24.1.0' },
  rows: [row('one', [1, 2, 3], [4, 5, 6]), row('other', [2, 4, 6], [8, 10, 12])],
  ...more,
});

test('a summary has medians of blocks, and ratios and differences of neighbours', (t) => {
  const [base, other] = summaryOf(result());
  t.is(base.median.ns, 3.5);
  t.is(other.median.ns, 7);
  t.is(other.ratio.ns.value.toFixed(9), '2.000000000');
  t.is(other.more.ns, 3.5);
  t.is(base.more.ns, 0);
});

test('a ratio is not the quotient of the medians, where the machine was slower in one block', (t) => {
  const [, other] = summaryOf({
    rows: [row('one', [1], [1], [10]), row('other', [0.5], [5], [5])],
  });
  t.is(other.median.ns, 5);
  t.is(other.ratio.ns.value.toFixed(3), Math.cbrt(0.5 * 5 * 0.5).toFixed(3));
});

test('processes of their own have the interval that processes differ by', (t) => {
  const [together, apart] = [false, true].map(
    (isApart) => summaryOf(result({ isApart }))[1].ratio.ns,
  );
  t.is(together.high - together.low < 1e-9, true);
  t.true(apart.low < 1.95 && apart.high > 2.05);
});

test('a table has a row for each, with its ratio to the first', (t) => {
  const lines = tableOf(result()).split('\n');
  t.is(lines.length, 3);
  t.regex(lines[1], /^one +3\.5 ns$/);
  t.regex(lines[2], /^other +7\.0 ns {2}2\.00 × \[2\.00, 2\.00\]$/);
  t.is(verdict({ value: 1.1, low: 0.9, high: 1.3 }), '≈ [0.90, 1.30]');
  t.is(verdict({ value: 1.1, low: -Infinity, high: Infinity }), '1.10 ×', 'of one block');
  t.is(verdict(null), '');
});

test.serial('rivals take turns, and what one of them costs is told', async (t) => {
  const spin = (times) => (n) => {
    let sum = 0;
    for (let i = 0; i < n * times; i++) sum += Math.sqrt(i);
    return sum;
  };
  const rivals = { one: spin(5), hundred: spin(500) };
  const rows = await compare(rivals, { slices: 8, warmUpMs: 20 });
  t.deepEqual(
    rows.map(({ name }) => name),
    ['one', 'hundred'],
  );
  t.true(rows[1].values.ns[0] > 3 * rows[0].values.ns[0], JSON.stringify(rows));
  const counted = [];
  const sampler = (name) => async () => ({ count: counted.push(name) });
  const [a, b] = await compareSamples({ a: sampler('a'), b: sampler('b') }, 8);
  t.is(counted.join(''), 'abba');
  t.deepEqual([a.values.count, b.values.count], [[2.5], [2.5]]);
});

test('the client has the first processor, and the servers those that do not share its core', (t) => {
  t.deepEqual(processors.parse('0,2-3,7\n'), [0, 2, 3, 7]);
  const single = (n) => [n];
  const pairs = (n) => [n & ~1, n | 1];
  t.deepEqual(processors.divide([2, 3, 6], single), { client: '2', servers: '3,6' });
  t.deepEqual(processors.divide([0, 1, 2, 3], pairs), { client: '0', servers: '2,3' });
  t.deepEqual(
    processors.divide([0, 1], pairs),
    { client: '0', servers: '1' },
    'there are no others',
  );
  t.is(processors.divide([0], single), null);
});

const { differs, mean, median, quantile, random, ratio, ratioOfProcesses, spread } = statistics;

/** Normal noise of deviation 1, the same for the same seed (Box and Muller). */
function noise(seed) {
  const next = random(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Blocks of passes of a contender that costs `cost`: each process has its character, each pass its noise. */
function measured({ cost = 1, blocks = 5, passes = 2, character = 0.02, scatter = 0.03 }, next) {
  return Array.from({ length: blocks }, () => {
    const own = cost * Math.exp(character * next());
    return Array.from({ length: passes }, () => own * Math.exp(scatter * next()));
  });
}

/** How often in `trials` `says` says yes of the ratio of a contender of `cost` to one of 1. */
function share(trials, cost, shape, says, ratioBy = ratio) {
  const next = noise(7);
  let count = 0;
  for (let trial = 0; trial < trials; trial++) {
    if (says(ratioBy(measured({ cost, ...shape }, next), measured(shape, next)))) count++;
  }
  return count / trials;
}

test('quantiles interpolate, and a median is one of them', (t) => {
  t.is(quantile([4, 1, 3, 2], 0), 1);
  t.is(quantile([4, 1, 3, 2], 1), 4);
  t.is(quantile([10, 20], 0.25), 12.5);
  t.is(median([9, 1, 5]), 5);
  t.is(median([4, 1, 3, 2]), 2.5);
  t.is(mean([1, 2, 6]), 3);
  t.is(spread([9, 10, 12]), 0.3);
  t.is(spread([0, 0]), 0);
});

test('a ratio is the mean of the medians of the blocks, in logarithms', (t) => {
  const base = [
    [1, 1, 1],
    [1, 1, 1],
  ];
  const { value, low, high } = ratio(
    [
      [2, 2, 1000], // what disturbed one slice does not count
      [8, 0.001, 8],
    ],
    base,
  );
  t.true(Math.abs(value - 4) < 1e-12);
  t.true(low < 2 && high > 8, 'two blocks say little');
});

test('one block, or a value that is not positive, says nothing', (t) => {
  const single = ratio([[2, 2]], [[1, 1]]);
  t.is(single.value, 2);
  t.false(differs(single));
  t.is(ratio([[0], [1]], [[1], [1]]), null);
  t.is(ratio([[-1], [1]], [[1], [1]]), null);
  t.is(ratio([[1], [1]], [[0], [1]]), null);
  t.false(differs(null));
});

test('a planted 10 % is found, and is found to be about that', (t) => {
  const found = share(300, 1.1, {}, (one) => one.low > 1 && one.value > 1.05 && one.value < 1.15);
  t.true(found > 0.95, `${found}`);
});

test('equal contenders show no difference in 95 of 100 comparisons, however their noise is spread', (t) => {
  for (const shape of [
    { character: 0.05, scatter: 0.01 },
    { character: 0.005, scatter: 0.05 },
    { character: 0.03, scatter: 0.03, blocks: 8 },
  ]) {
    const none = share(1000, 1, shape, (one) => !differs(one));
    t.true(none > 0.93 && none < 0.97, `${none}`);
  }
  for (const shape of [
    { character: 0.02, scatter: 0.01 },
    { character: 0.005, scatter: 0.06 },
    { character: 0.02, scatter: 0.04, blocks: 3, passes: 3 },
  ]) {
    const none = share(1000, 1, shape, (one) => !differs(one), ratioOfProcesses);
    t.true(none > 0.94, `${none}`);
  }
});

test('processes whose slices agree by chance have the interval that processes are known to differ by', (t) => {
  const base = [
    [2, 4],
    [6, 8],
  ];
  const { value, low, high } = ratioOfProcesses(
    base.map((block) => block.map((one) => 1.5 * one)),
    base,
  );
  t.true(Math.abs(value - 1.5) < 1e-12);
  t.true(low > 1.35 && low < 1.45 && high > 1.55 && high < 1.65, `${low} ${high}`);
  t.deepEqual(ratioOfProcesses(base, base), { value: 1, low: 1, high: 1 }, 'one is itself');
});

test('a pass is mirrored, and the next one begins with another contender', (t) => {
  t.deepEqual(order(2, 2), [0, 1, 1, 0, 1, 0, 0, 1]);
  t.deepEqual(order(3, 2), [0, 1, 2, 2, 1, 0, 1, 2, 0, 0, 2, 1]);
  t.deepEqual(order(1, 2), [0, 0, 0, 0]);
  t.deepEqual(order(3, 1, 4), order(3, 2).slice(6), 'and so it goes on in the next block');
});
