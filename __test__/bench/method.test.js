'use strict';
// tier: tools

// What bench/method makes of raw results.

const test = require('ava');
const processors = require('../../bench/method/cpus.js');
const { compare, compareSamples } = require('../../bench/method/compare.js');
const { tableOf, verdict } = require('../../bench/method/report.js');
const { summaryOf } = require('../../bench/method/results.js');

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

test('results of which only medians and ratios were kept are shown as they are', (t) => {
  const kept = { name: 'one', median: { ns: 1 }, ratio: { ns: null } };
  t.deepEqual(summaryOf({ rows: [kept] }), [kept]);
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
  const rows = await compare({ one: spin(50), ten: spin(500) }, { slices: 8, warmUpMs: 20 });
  t.deepEqual(
    rows.map(({ name }) => name),
    ['one', 'ten'],
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
