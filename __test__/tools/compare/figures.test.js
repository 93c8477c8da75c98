'use strict';
// tier: tools

// What runs say: costs of rows, ratios with their intervals, the table and the advice. Of runs that
// were recorded, and of made-up ones with a known answer.

const test = require('ava');
const { adviceOf, ranked } = require('../../../tools/compare/advice.js');
const { bucketOf, quantileOf } = require('../../../tools/compare/buckets.js');
const { costOf, doneIn, restOf } = require('../../../tools/compare/cost.js');
const { figuresOf } = require('../../../tools/compare/figures.js');
const { linesOf } = require('../../../tools/compare/table.js');
const { random } = require('../../helpers/random.js');
const RECORDED = require('../../fixtures/tools/compare/plain.json');

/**
 * Runs of plain, in blocks of two, and of other variants: `costs[name](block)`; `rests`: blocks
 * whose rest was measured.
 */
function runsOf(blocks, costs, idle = 1) {
  return Array.from({ length: blocks }, (_, block) =>
    ['plain', ...Object.keys(costs).filter((name) => name !== 'plain'), 'plain'].map(
      (name, at) => ({ block, name, idle, cost: costs[name](block, at) }),
    ),
  ).flat();
}

/** Costs that scatter by 2 %, differently in each run. */
const made =
  ({ cpu = 100, rate = 1000, peak = 1e8, rest = 9e7, p50 = 1, p99 = 5 }, seed) =>
  (block, at) => {
    const factor = (n) => 1 + 0.02 * Math.sin(1 + 7 * block + 3 * at + 5 * n + seed);
    const paced = rate === 1000 ? {} : { p50: p50 * factor(4), p99: p99 * factor(5) };
    return {
      ...{ cpu: cpu * factor(0), rate: rate === 1000 ? rate * factor(1) : rate },
      ...{ peak: peak * factor(2), rest: rest * factor(3), ...paced },
    };
  };

const PLAIN = made({}, 0);
const variants = (...names) => names.map((name) => ({ name, start: `start ${name}` }));

for (const [application, samples] of Object.entries(RECORDED)) {
  test(`plain beside plain shows no difference in 95 % of 40 sessions, recorded: ${application}`, (t) => {
    const next = random(7);
    let [all, differing] = [0, 0];
    for (let n = 0; n < 40; n++) {
      // Neighbours of one recording, as in a session, from a place and in an order by chance.
      const first = next(samples.length - 8);
      const own = samples.slice(first, first + 9).sort(() => next(3) - 1);
      const runs = own.map((cost, at) => ({
        ...{ block: Math.floor(at / 3), name: at % 3 === 1 ? 'other' : 'plain', cost },
      }));
      for (const { ratios, isStable } of Object.values(figuresOf(runs).figures)) {
        all++;
        if (isStable && ratios.other.differs) differing++;
      }
    }
    t.true(differing <= 0.05 * all, `${differing} of ${all}`);
  });
}

for (const [what, scatter, most] of [
  ['as on a quiet machine', 0.03, 0.05],
  ['half as much again', 0.045, 0.08],
]) {
  test(`equal variants, whose runs scatter ${what}, differ in ${100 * most} % at most`, (t) => {
    const next = random(11);
    const normal = () =>
      Array.from({ length: 12 }, () => next(1e6) / 1e6).reduce((a, b) => a + b) - 6;
    const equal = () => ({ cpu: 100 * Math.exp(scatter * normal()) });
    const names = { plain: equal, a: equal, b: equal };
    let count = 0;
    for (let n = 0; n < 500; n++) {
      const { ratios } = figuresOf(runsOf(1 + (n % 4), names)).figures.cpu;
      count += [ratios.a, ratios.b].filter(({ differs }) => differs).length;
    }
    t.true(count <= most * 1000, `${count} of 1000`);
  });
}

test('of nine equal variants none is advised, in 95 % of sessions', (t) => {
  const next = random(3);
  const noise = () => Array.from({ length: 12 }, () => next(1e6) / 1e6).reduce((a, b) => a + b) - 6;
  const equal = () =>
    Object.fromEntries(
      Object.entries({ cpu: 0.03, rate: 0.03, peak: 0.04, rest: 0.05 }).map(([name, scatter]) => [
        ...[name, 100 * Math.exp(scatter * noise())],
      ]),
    );
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  let advised = 0;
  for (let n = 0; n < 100; n++) {
    const first = runsOf(1, Object.fromEntries(['plain', ...names].map((name) => [name, equal])));
    const best = ranked(names, figuresOf(first).figures).slice(0, 3);
    const more = runsOf(2, Object.fromEntries(['plain', ...best].map((name) => [name, equal])));
    const runs = [...first, ...more.map((run) => ({ ...run, block: run.block + 1 }))];
    const { use = 'plain' } = adviceOf(variants('plain', ...names), figuresOf(runs).figures);
    if (use !== 'plain') advised++;
  }
  t.true(advised <= 5, `${advised}`);
});

test('a fifth less CPU and half of the memory at rest are seen, with two blocks', (t) => {
  const run = made({ cpu: 80, rest: 4.5e7 }, 2);
  const { figures, isQuiet } = figuresOf(runsOf(2, { plain: PLAIN, run }));
  t.true(isQuiet);
  t.deepEqual(Object.keys(figures), ['cpu', 'rate', 'peak', 'rest']);
  t.true(Math.abs(figures.cpu.ratios.run.value - 0.8) < 0.03);
  t.true(figures.cpu.ratios.run.differs && figures.rest.ratios.run.differs);
  t.false(figures.rate.ratios.run.differs || figures.peak.ratios.run.differs);
  t.deepEqual(adviceOf(variants('plain', 'run'), figures), {
    use: 'run',
    sentences: [
      `Use run: CPU ${figures.cpu.ratios.run.value.toFixed(2)} × and RSS at rest ${figures.rest.ratios.run.value.toFixed(2)} ×.`,
      'Start it with: start run',
      'No figure became worse.',
    ],
  });
});

test('what it costs is said, and a gain that costs as much is none', (t) => {
  const flag = made({ cpu: 60, peak: 1.2e8 }, 2);
  const trade = made({ cpu: 90, peak: 1.15e8 }, 3);
  const { figures } = figuresOf(runsOf(3, { plain: PLAIN, flag, trade }));
  t.deepEqual(ranked(['trade', 'flag'], figures), ['flag', 'trade']);
  const { use, sentences } = adviceOf(variants('plain', 'flag', 'trade'), figures);
  t.is(use, 'flag');
  t.regex(sentences[2], /^It costs: peak RSS 1\.(18|19|2\d) ×\.$/);
  t.is(adviceOf(variants('plain', 'trade'), figures).use, 'plain');
});

test('of two that gain almost as much the one is named that changes less', (t) => {
  const ways = { run: made({ cpu: 60 }, 2), 'memory-limit': made({ cpu: 58 }, 3) };
  const { figures } = figuresOf(runsOf(3, { plain: PLAIN, ...ways }));
  t.is(adviceOf(variants('plain', 'run', 'memory-limit'), figures).use, 'run');
  const clear = figuresOf(
    runsOf(3, { plain: PLAIN, ...ways, 'memory-limit': made({ cpu: 40 }, 3) }),
  );
  t.is(adviceOf(variants('plain', 'run', 'memory-limit'), clear.figures).use, 'memory-limit');
});

test('if nothing helps, that is said', (t) => {
  const { figures } = figuresOf(runsOf(2, { plain: PLAIN, run: made({}, 4) }));
  t.deepEqual(adviceOf(variants('plain', 'run'), figures).sentences, [
    'Nothing that was measured helps this application under this load: start it as you do.',
  ]);
});

for (const [what, plain, idle] of [
  [
    'plain differs from plain',
    (block, at) => ({ ...PLAIN(block, at), cpu: at === 0 ? 100 : 140 }),
    1,
  ],
  [
    'runs scatter too much',
    (block, at) => ({ ...PLAIN(block, at), cpu: 100 + 40 * Math.sin(9 * block + 4 * at) }),
    1,
  ],
  ['other programs use the processors', PLAIN, 0.5],
]) {
  test(`not stable: ${what}`, (t) => {
    const { figures, isQuiet } = figuresOf(runsOf(3, { plain, run: made({ cpu: 50 }, 2) }, idle));
    t.is(isQuiet, idle === 1);
    t.false(figures.cpu.isStable);
    const lines = linesOf(variants('plain', 'run'), { figures, counts: { run: 3 } });
    t.regex(lines[3], /^run {10,}not stable /);
    t.is(lines.at(-1), 'not stable: run longer, or on a quieter machine');
  });
}

test('at a fixed rate latencies are compared; 80 columns are enough', (t) => {
  const slow = made({ rate: 200, p50: 2 }, 5);
  const { figures } = figuresOf(runsOf(2, { plain: made({ rate: 200 }, 0), 'memory-limit': slow }));
  t.deepEqual(Object.keys(figures), ['cpu', 'p50', 'p99', 'peak', 'rest']);
  t.true(figures.p50.ratios['memory-limit'].value > 1.8);
  const shown = [
    { name: 'plain' },
    { name: 'memory-limit', label: 'mem-limit' },
    { name: 'run', ended: 'x' },
  ];
  const lines = linesOf(shown, { figures, counts: { 'memory-limit': 2 } });
  t.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  t.regex(lines[0], /^ +CPU\/request +p50 +p99 +RSS peak +RSS at rest$/);
  t.regex(lines[3], /^mem-limit +no difference +(1\.9\d|2\.\d\d) ±0\.\d\d +no difference/);
  t.regex(lines[4], /^run +ended, see below$/);
});

test('a server without requests is compared by its CPU a second', (t) => {
  const { figures } = figuresOf(runsOf(2, { plain: made({ rate: 0 }, 0) }));
  t.regex(linesOf([], { figures, isHttp: false })[0], /^ +CPU\/second +RSS peak +RSS at rest$/);
});

/** A row of a process, as measure.js writes it. */
const row = (at, cpu, requests, more) => ({
  ...{ at, cpu, requests, connections: 1, rss: 5, peak: 7, times: {}, statuses: {}, ...more },
});

test('a cost is that of all processes, without the first third of the load', (t) => {
  const seen = { times: { [bucketOf(2)]: 9, [bucketOf(40)]: 1 }, statuses: { 200: 10 } };
  const rows = [row(0, 500, 0), row(900, 900, 1)];
  for (let n = 0; n <= 9; n++) rows.push(row(1000 + 100 * n, 1000 + 100 * n, 10 + 10 * n, seen));
  rows.push(row(2500, 1950, 100, { rss: 3 }));
  const other = [row(950, 5, 0), row(2400, 6, 0)];
  const cost = costOf([rows, other], 950, 2450);
  t.true(Math.abs(cost.cpu - 10) < 0.1);
  t.is(cost.rate, 100);
  t.is(cost.peak, 14);
  t.deepEqual(cost.statuses, { 200: 100 });
  t.true(Math.abs(cost.p50 - 2) < 0.05 && Math.abs(cost.p99 - 40) < 1);
  t.is(doneIn([rows, other], 950, 2450), 99);
  t.is(restOf([rows, other]), 8);
});

test('a load that was too short, or did nothing, has no cost', (t) => {
  t.is(costOf([[row(0, 1, 0), row(100, 2, 5), row(200, 3, 9)]], 0, 300), undefined);
  t.is(costOf([[row(0, 1, 3), row(100, 2, 3), row(900, 3, 3)]], 0, 900), undefined);
  t.is(quantileOf({}, 0.5), undefined);
});
