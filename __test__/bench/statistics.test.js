'use strict';
// tier: tools

const test = require('ava');
const { order, perPass, takeTurns } = require('../../bench/method/schedule.js');
const statistics = require('../../bench/method/statistics.js');

const { differs, mean, median, quantile, random, ratio, ratioOfProcesses, removed, spread } =
  statistics;

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

test('the same seed gives the same numbers, which are spread over 0 to 1', (t) => {
  const [one, other, another] = [random(1), random(1), random(2)];
  const numbers = Array.from({ length: 10_000 }, one);
  t.deepEqual(numbers, Array.from({ length: 10_000 }, other));
  t.not(numbers[0], another());
  t.true(numbers.every((number) => number >= 0 && number < 1));
  t.true(Math.abs(mean(numbers) - 0.5) < 0.01);
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

test('blocks that agree have an interval without width', (t) => {
  const { value, low, high } = ratio(
    [
      [3, 6],
      [9, 12],
    ],
    [
      [2, 4],
      [6, 8],
    ],
  );
  for (const one of [value, low, high]) t.true(Math.abs(one - 1.5) < 1e-12);
});

test('an interval is the same each time, and inverse ratios have inverse intervals', (t) => {
  const next = noise(3);
  const [a, b] = [measured({ cost: 2 }, next), measured({}, next)];
  t.deepEqual(ratio(a, b), ratio(a, b));
  t.true(Math.abs(ratio(a, b).value * ratio(b, a).value - 1) < 1e-12);
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

test('a difference is one whose interval does not hold 1', (t) => {
  t.true(differs({ value: 1.1, low: 1.01, high: 1.2 }));
  t.true(differs({ value: 0.9, low: 0.8, high: 0.99 }));
  t.false(differs({ value: 1.1, low: 0.99, high: 1.2 }));
  t.false(differs({ value: 1.1, low: 1, high: 1.2 }));
});

for (const [what, shape] of [
  ['characters of processes', { character: 0.05, scatter: 0.01 }],
  ['noise of slices', { character: 0.005, scatter: 0.05 }],
  ['both, in four blocks', { character: 0.03, scatter: 0.03, blocks: 4 }],
  ['both, in eight blocks', { character: 0.03, scatter: 0.03, blocks: 8 }],
]) {
  test(`equal contenders show no difference in 95 of 100 comparisons: ${what}`, (t) => {
    const none = share(1000, 1, shape, (one) => !differs(one));
    t.true(none > 0.93 && none < 0.97, `${none}`);
  });
}

test('an interval holds the true ratio of unequal contenders as often', (t) => {
  const holds = share(1000, 2, {}, ({ low, high }) => low <= 2 && high >= 2);
  t.true(holds > 0.93 && holds < 0.97, `${holds}`);
});

test('a planted 10 % is found, and is found to be about that', (t) => {
  const found = share(300, 1.1, {}, (one) => one.low > 1 && one.value > 1.05 && one.value < 1.15);
  t.true(found > 0.95, `${found}`);
});

const ofProcesses = (trials, cost, shape, says) =>
  share(trials, cost, shape, says, ratioOfProcesses);

for (const [what, shape] of [
  ['characters', { character: 0.02, scatter: 0.01 }],
  ['noise of slices', { character: 0.005, scatter: 0.06 }],
  ['both, in three blocks', { character: 0.02, scatter: 0.04, blocks: 3 }],
  [
    'both, in three blocks of three passes',
    { character: 0.02, scatter: 0.04, blocks: 3, passes: 3 },
  ],
  ['both, in ten blocks', { character: 0.02, scatter: 0.04, blocks: 10 }],
]) {
  test(`equal processes show no difference in 95 of 100 comparisons: ${what}`, (t) => {
    const none = ofProcesses(1000, 1, shape, (one) => !differs(one));
    t.true(none > 0.94, `${none}`);
  });
}

test('and still in 85 where their characters are twice as far apart as is known', (t) => {
  for (const blocks of [3, 5, 10]) {
    const shape = { character: 0.045, scatter: 0.03, blocks };
    const none = ofProcesses(1000, 1, shape, (one) => !differs(one));
    t.true(none > 0.85, `${blocks} blocks: ${none}`);
  }
});

test('what the slices of three blocks scatter makes their interval a third narrower than blocks alone do', (t) => {
  const shape = { blocks: 3, passes: 3, character: 0.02, scatter: 0.04 };
  const width = (ratioBy) => {
    const next = noise(5);
    const widths = Array.from({ length: 300 }, () => {
      const { low, high } = ratioBy(measured(shape, next), measured(shape, next));
      return Math.log(high / low);
    });
    return mean(widths);
  };
  const widths = [width(ratioOfProcesses), width(ratio)];
  t.true(widths[0] < 0.7 * widths[1], `${widths}`);
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

test('the ratio of two ratios to the same base is as uncertain as both', (t) => {
  const known = { value: 0.5, low: 0.5, high: 0.5 };
  const one = { value: 2, low: 1, high: 4 };
  t.deepEqual(statistics.quotient(one, known), { value: 4, low: 2, high: 8 });
  const { value, low, high } = statistics.quotient(one, one);
  t.is(value, 1);
  t.true(low < 0.5 && high > 2);
  t.true(Math.abs(low * high - 1) < 1e-12);
});

test('processes of which each has one value are compared by their blocks alone, and zeros not at all', (t) => {
  const [own, base] = [
    [[3], [4], [6]],
    [[1], [2], [2]],
  ];
  t.deepEqual(ratioOfProcesses(own, base), ratio(own, base));
  t.is(
    ratioOfProcesses(
      [
        [0, 1],
        [1, 1],
      ],
      [
        [1, 1],
        [1, 1],
      ],
    ),
    null,
  );
});

test('a pass is mirrored, and the next one begins with another contender', (t) => {
  t.deepEqual(order(2, 2), [0, 1, 1, 0, 1, 0, 0, 1]);
  t.deepEqual(order(3, 2), [0, 1, 2, 2, 1, 0, 1, 2, 0, 0, 2, 1]);
  t.deepEqual(order(1, 2), [0, 0, 0, 0]);
  t.deepEqual(order(3, 1, 4), order(3, 2).slice(6), 'and so it goes on in the next block');
});

test('contenders take turns in that order, and each has two slices a pass', async (t) => {
  const taken = [];
  const slices = await takeTurns(3, 2, async (index) => taken.push(index));
  t.deepEqual(taken, order(3, 2));
  t.deepEqual(slices, [
    [1, 6, 9, 10],
    [2, 5, 7, 12],
    [3, 4, 8, 11],
  ]);
  t.deepEqual(
    perPass(slices[0], ([a, b]) => a + b),
    [7, 19],
  );
});

test('a machine that drifts steadily changes no ratio', async (t) => {
  const costs = [1, 1.3, 0.7];
  const blocks = [];
  let clock = 0;
  for (let block = 0; block < 4; block++) {
    const slices = await takeTurns(3, 2, async (index) => costs[index] * (100 + 5 * clock++));
    blocks.push(slices.map((own) => perPass(own, mean)));
  }
  const of = (index) => blocks.map((block) => block[index]);
  for (const [index, cost] of costs.entries()) {
    const { value, low, high } = ratio(of(index), of(0));
    for (const one of [value, low, high]) t.true(Math.abs(one - cost) < 1e-9);
  }
});

test('the share of what can be removed', (t) => {
  t.is(removed({ base: 200, value: 110, floor: 100 }), 0.9);
  t.is(removed({ base: 200, value: 200, floor: 100 }), 0);
  t.is(removed({ base: 200, value: 240, floor: 100 }), -0.4);
  t.is(removed({ base: 200, value: 90, floor: 200 }), null);
  t.is(removed({ base: 200, value: 90, floor: 210 }), null);
});
