'use strict';
// tier: tools

// What the demo shows of what it measured.

const test = require('ava');
const { hasColour } = require('../../demo/colour.js');
const { Progress } = require('../../demo/progress.js');
const { rowsOf } = require('../../demo/rows.js');
const { screen } = require('../../demo/screen.js');
const { table } = require('../../demo/table.js');

const interval = (value, width = 0.04) => ({ value, low: value - width, high: value + width });

function row(mix, allocator, factor, more = {}) {
  const ratio = Object.fromEntries(
    ['fullCpuUs', 'p99', 'rss', 'majorGcs'].map((field) => [field, interval(factor)]),
  );
  return {
    run: {
      ...{ mix, server: 'express', allocator, node: 'v26.0.0' },
      ...{ rps: 6086.4 / factor, fullCpuUs: 199 * factor, p99: 11.1 * factor },
      ...{ rss: 207e6 * factor, majorGcs: 43 * factor },
      ratio: { ...ratio, rps: interval(1 / factor) },
      removed: { cpu: 0.9, rss: 0.88 },
      ...more,
    },
  };
}

const rows = (mix, factor) => [
  row(mix, 'allocUnsafe', 1),
  row(mix, 'allocUnsafe + flag', 0.8),
  row(mix, 'ralloc', factor),
  row(mix, 'pool', 0.4),
];

function drawn(options = {}) {
  const mixes = ['frame', 'ingest', 'serve', 'json'].map((mix) => rows(mix, 0.45));
  const lines = {
    head: ['Head'],
    tail: ['Tail one', 'Tail two'],
    mixes,
    columns: 80,
    colour: false,
  };
  return screen({ ...lines, ...options });
}

test('four mixes fit a screen of 80 columns and 40 rows', (t) => {
  const lines = drawn().split('\n');
  t.true(lines.length <= 40 - 8, `${lines.length}: room for what stands around it`);
  t.true(lines.every((line) => line.length <= 80));
  t.true(lines.every((line) => line === line.trimEnd()));
});

test('each bar has its figures and its ratio', (t) => {
  const line = drawn()
    .split('\n')
    .find((one) => one.includes('CPU   '));
  t.is(line, ' CPU        ████▌░░░░░ 199 → 90 µs        0.45 × [0.41, 0.49]         0.80  0.40');
});

test("V8's flag is a rival where Node has it, and the legend says which it is", (t) => {
  const [flag, titles] = drawn().split('\n').slice(1);
  t.is(flag, 'flag: allocUnsafe with --external-memory-accounted-in-global-limit');
  t.regex(titles, / ralloc ÷ allocUnsafe, 95 % {2}flag {2}pool$/);
  const without = rows('frame', 0.45).filter(({ run }) => !run.allocator.includes('flag'));
  const text = drawn({ mixes: [without] });
  t.notRegex(text, /flag/);
  t.regex(text, / ralloc ÷ allocUnsafe, 95 % {2}pool$/m);
  t.regex(text, /^ CPU .+ 0\.45 × \[0\.41, 0\.49\] +0\.40$/m);
});

test('where one of two has no collection there is no ratio', (t) => {
  const [base, flag, ralloc, pool] = rows('frame', 0.45);
  flag.run.ratio.majorGcs = null;
  const text = drawn({ mixes: [[base, flag, ralloc, pool]] });
  t.regex(text, /^ major GCs .+ 0\.45 × \[0\.41, 0\.49\] {15}0\.40$/m);
  pool.run.ratio.majorGcs = null;
  t.regex(drawn({ mixes: [[base, flag, ralloc, pool]] }), /^ major GCs .+ 0\.49\]$/m);
});

test('the share of what can be saved stands beside the name of a mix', (t) => {
  t.regex(drawn(), /^frame: 16 pieces into a batch +of what can be saved: 90 % CPU, 88 % RSS$/m);
  const none = { removed: { cpu: null, rss: null } };
  const mixes = [[row('json', 'allocUnsafe', 1), row('json', 'ralloc', 1, none)]];
  t.regex(drawn({ mixes }), /^json: no Buffers at all$/m);
});

test('what is worse is red, what is better green, and no difference neither', (t) => {
  const text = drawn({ mixes: [rows('frame', 1.5)], colour: true });
  t.true(text.includes('\x1b[31m1.50 × [1.46, 1.54]\x1b[0m'));
  t.true(text.includes('\x1b[31m0.67 × [0.63, 0.71]\x1b[0m'));
  t.true(drawn({ colour: true }).includes('\x1b[32m0.45 × [0.41, 0.49]\x1b[0m'));
  t.true(drawn({ mixes: [rows('json', 1)], colour: true }).includes('\x1b[2mno difference'));
});

test('a terminal of fewer columns has ratios without bars', (t) => {
  for (const columns of [40, 60, 79]) {
    const mixes = [rows('ingest', 1)];
    const lines = drawn({ columns, mixes, tail: ['words '.repeat(30).trim()] }).split('\n');
    t.true(lines.every((line) => line.length <= columns));
    t.true(lines.includes('  requests/s no difference [0.96, 1.04]'));
  }
});

test('colour is for terminals, and not where NO_COLOR is set', (t) => {
  t.true(hasColour({ isTTY: true }, {}));
  t.true(hasColour({ isTTY: true }, { NO_COLOR: '' }));
  t.false(hasColour({ isTTY: true }, { NO_COLOR: '1' }));
  t.false(hasColour({ isTTY: true }, { TERM: 'dumb' }));
  t.false(hasColour({ isTTY: false }, {}));
  t.false(hasColour({}, {}));
});

/** A stream that keeps what is written, and a clock to set. */
function fake(isTTY, columns) {
  const clock = { seconds: 0 };
  const written = [];
  const stream = { isTTY, columns, write: (text) => written.push(text) };
  return { clock, written, options: { stream, now: () => clock.seconds } };
}

test('progress says how much time is left, by how fast it went so far', (t) => {
  const { clock, written, options } = fake(true, 80);
  const progress = new Progress(100, options);
  progress.step('frame ralloc', 1);
  t.is(written[0], `\r\x1b[K${'░'.repeat(24)} 1 %, 1:39 left  frame ralloc`);
  clock.seconds = 50;
  progress.step('frame pool', 24);
  t.regex(written[1], /█{6}░{18} 25 %, 2:30 left/);
  progress.end();
  t.is(written.at(-1), '\r\x1b[K');
});

test('progress in a pipe is a line at each tenth, without escapes', (t) => {
  const { written, options } = fake(false);
  const progress = new Progress(100, options);
  for (let n = 0; n < 100; n++) progress.step('frame', 1);
  progress.end();
  t.is(written.length, 10);
  t.true(written.every((line) => /^[█░]{24} \d+0 %, \d+:\d\d left {2}frame\n$/.test(line)));
});

test('--fallback: a table of the binary and the fallback, whose ratios are to the binary', (t) => {
  const all = rowsOf([{ name: 'ralloc' }, { name: 'ralloc-js' }], [blocks(1), blocks(1.25)], about);
  const lines = table([all]).split('\n');
  t.is(lines[1], 'frame, Express 5');
  t.regex(lines[2], /^ {2}ralloc +1,000 1 +200 1 /);
  t.regex(lines[3], /^ {2}ralloc-js +800 0\.80 × \[\S+ \S+\] +250 1\.25 × \[/);
});

const slice = (more) => ({
  ...{ rps: 1000, busy: 0.5, latencies: [] },
  ...{ served: 100, cpuUs: 20_000, gcMs: 1, majorGcs: 2, rss: 100e6, heapFallbacks: 0 },
  ...{ requests: 100, errors: 0, verified: 1, firstFault: null },
  ...more,
});

/** Blocks of a contender whose every slice costs `factor` times allocUnsafe's. */
function blocks(factor, count = 3) {
  const closed = () => slice({ rps: 1000 / factor, cpuUs: 20_000 * factor });
  const latencies = Float64Array.from({ length: 1000 }, (_, n) => (n + 1) * factor);
  const fixed = () => slice({ cpuUs: 30_000 * factor, latencies, rss: 100e6 * factor });
  return Array.from({ length: count }, () => ({
    warm: [slice({ cpuUs: 1e9, errors: 0 })],
    closed: [closed(), closed(), closed(), closed()],
    fixed: [fixed(), fixed()],
  }));
}

const contenders = ['allocUnsafe', 'ralloc', 'pool'].map((name) => ({ name }));
const about = { mix: 'frame', server: 'express', node: 'v26.0.0' };

test('a wrong answer and heap Buffers are not lost, wherever they were', (t) => {
  const wrong = blocks(0.6);
  wrong[1].warm[0].firstFault = 'frame request 97: 3 bytes instead of 4';
  wrong[1].warm[0].errors = 1;
  wrong[2].closed[0].heapFallbacks = 7;
  const [, row] = rowsOf(contenders.slice(0, 2), [blocks(1), wrong], about);
  t.is(row.firstFault, 'frame request 97: 3 bytes instead of 4');
  t.is(row.run.errors, 1);
  t.is(row.heapFallbacks, 7);
});
