'use strict';
// tier: tools

// From the JSON of the demo, the applications and the benches to the charts and the tables of the documents.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { END } = require('../../bench/publish.js');
const { run } = require('../helpers/child.js');
const { isWellFormed, temporary } = require('../helpers/demo.js');

const root = path.join(__dirname, '..', '..');
const program = path.join(root, 'bench', 'publish.js');
const document = `# A document\n\n<!-- figures: demo -->\nfigures of before\n${END}\n\nThe rest.\n`;
const benchmarks = `${document}<!-- figures: fallback -->\n${END}\n`;

const interval = (value, width = 0.05) => ({ value, low: value - width, high: value + width });

/** A run of one contender, whose every measure costs `factor` times allocUnsafe's. */
function runOf(mix, allocator, factor, more = {}) {
  const ratio = Object.fromEntries(
    ['fullCpuUs', 'cpuUs', 'p999', 'rss'].map((field) => [field, interval(factor)]),
  );
  return {
    ...{ mix, server: 'express', allocator, node: 'v24.21.0', errors: 0 },
    ...{ rps: 6000 / factor, fullCpuUs: 200 * factor, cpuUs: 300 * factor },
    ...{ p999: 11 * factor, rss: 200e6 * factor, majorGcs: 40 * (factor - 0.5) },
    ratio: { ...ratio, rps: interval(1 / factor), majorGcs: null },
    ...more,
  };
}

const pair = (mix, factor, more) => [
  runOf(mix, 'allocUnsafe', 1, more),
  runOf(mix, 'ralloc', factor, more),
  runOf(mix, 'pool', 0.4, more),
];

/** What the demo prints: `json` is slower, `serve` no different. */
function outcome(headline = 'v24.21.0', more = {}) {
  const node = { node: headline };
  const runs = [
    ...pair('json', 1.25, node),
    ...pair('frame', 0.5, node),
    ...pair('serve', 1.01, node),
    ...pair('frame', 0.1, { ...node, server: 'http' }),
    ...pair('frame', 0.1, { node: 'v20.20.2' }), // this machine's own
  ];
  const machine = { cpu: 'A & B "<CPU>"', cores: 2, platform: 'linux', arch: 'x64' };
  return { node: headline, headline, backend: 'native', machine, runs, ...more };
}

/** Runs the program over the outcomes: what it printed, and `read(name)` of what it wrote. */
async function draw(t, outcomes) {
  const into = temporary(t);
  fs.mkdirSync(path.join(into, 'docs', 'explain'), { recursive: true });
  fs.writeFileSync(path.join(into, 'README.md'), document);
  fs.writeFileSync(path.join(into, 'docs', 'explain', 'benchmarks.md'), benchmarks);
  const files = outcomes.map((one, n) => {
    const file = path.join(into, `${n}.json`);
    fs.writeFileSync(file, typeof one === 'string' ? one : JSON.stringify(one, null, 2));
    return file;
  });
  const ended = await run('publish', { path: program, args: ['--into', into, ...files] });
  return { ...ended, into, read: (name) => fs.readFileSync(path.join(into, name), 'utf8') };
}

test('two runs become a chart in two colours, and figures in both documents', async (t) => {
  const { code, stdout, stderr, read } = await draw(t, [outcome('v26.1.0'), outcome('v24.21.0')]);
  t.is(code, 0, stderr);
  const names = [
    'bench/figures/demo.jsonl',
    'README.md',
    'docs/explain/benchmarks.md',
    'docs/chart-light.svg',
    'docs/chart-dark.svg',
  ];
  t.deepEqual(stdout.trim().split('\n'), names);

  const [light, dark] = ['light', 'dark'].map((theme) => read(`docs/chart-${theme}.svg`));
  for (const svg of [light, dark]) {
    t.true(isWellFormed(svg));
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
    for (const text of ['2.00 ×', '0.80 ×', '≈', '6,000 → 12,000', '6,000 → 4,800']) {
      t.is(texts.filter((one) => one === text).length, 2, text); // of two Nodes
    }
    const order = texts.filter((text) => /^(frame|serve|json|Node [\d.]+)$/.test(text));
    t.is(
      order.join(),
      ['frame', 'serve', 'json'].map((mix) => `${mix},Node 24.21,Node 26.1`).join(),
    );
    // Bars as long as their ratios: 2.00, 0.99 and 0.80 of one.
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    t.is(widths.length, 6);
    t.true(Math.abs(widths[0] / widths[4] - 2.5) < 0.01);
    t.is(new Set([...svg.matchAll(/<rect [^>]*fill="(#\w+)"/g)].map(([, fill]) => fill)).size, 3);
  }
  const withoutColours = (svg) => svg.replace(/#[0-9a-f]{6}/g, '');
  t.not(light, dark);
  t.is(withoutColours(light), withoutColours(dark));

  const readme = read('README.md');
  t.regex(readme, /^# A document\n\n<!-- figures: demo [0-9a-f]{12} -->\n<picture>\n/);
  t.true(readme.endsWith(`\n${END}\n\nThe rest.\n`));
  t.regex(readme, /<source media="\(prefers-color-scheme: dark\)" srcset="docs\/chart-dark\.svg">/);
  t.regex(readme, /alt="[^"]*frame: 2\.00 × on Node 24\.21, 2\.00 × on Node 26\.1; serve: no diff/);
  t.regex(
    readme,
    /Peak memory on Node 26\.1, relative as well: `frame` 0\.50 ×, `serve` ≈, `json` 1\.25 ×\./,
  );

  const tables = read('docs/explain/benchmarks.md');
  t.regex(
    tables,
    /^\| Node 24\.21\.0 \| requests\/s \|[\s\S]*^\| Node 26\.1\.0 \| requests\/s \|/m,
  );
  t.true(tables.includes('| 6,000 → 12,000<br>**2.00 ×** [1.95, 2.05] |'));
  t.true(tables.includes('| 200 → 100 µs<br>**0.50 ×** [0.45, 0.55] |'));
  t.true(tables.includes('| 300 → 303 µs<br>≈ [0.96, 1.06] |'));
  t.true(tables.includes('| 11.0 → 5.5 ms<br>**0.50 ×** [0.45, 0.55] |'));
  t.true(tables.includes('| 200 → 100 MB<br>**0.50 ×** [0.45, 0.55] | 20 → 0 |'));
  const columns = tables.split('\n').filter((line) => line.startsWith('|'));
  t.deepEqual([...new Set(columns.map((line) => line.split('|').length))], [9]);
  t.is(columns.length, 2 * (2 + 3));
  t.false(`${readme}${tables}`.includes('figures of before'));
});

test('the binary and the fallback have a table of their own, beside that of the demo', async (t) => {
  const node = { node: 'v24.21.0' };
  const runs = [runOf('frame', 'ralloc', 1, node), runOf('frame', 'ralloc-js', 1.25, node)];
  const { code, stderr, read } = await draw(t, [outcome(), outcome('v24.21.0', { runs })]);
  t.is(code, 0, stderr);
  const [before, after] = read('docs/explain/benchmarks.md').split('<!-- figures: fallback');
  t.true(before.includes('| 200 → 100 µs<br>**0.50 ×** [0.45, 0.55] |'));
  t.true(after.includes('| 200 → 250 µs<br>**1.25 ×** [1.20, 1.30] |'));
  t.true(after.includes('| 200 → 250 MB<br>**1.25 ×** [1.20, 1.30] |'));
});

test('the same runs give the same files, and what npm prints before the JSON is passed over', async (t) => {
  const json = JSON.stringify(outcome(), null, 2);
  const first = await draw(t, [json]);
  const second = await draw(t, [`\n> ralloc@0.1.0 demo\n> node demo/run.js --json\n\n${json}`]);
  t.is(second.code, 0, second.stderr);
  for (const name of ['README.md', 'docs/explain/benchmarks.md', 'docs/chart-dark.svg']) {
    t.is(first.read(name), second.read(name));
  }
});

test('a mix that was run for itself stands among the others of its Node', async (t) => {
  const digest = outcome('v24.21.0', { runs: pair('digest', 0.8) });
  const { code, read, stderr } = await draw(t, [digest, outcome('v26.1.0'), outcome()]);
  t.is(code, 0, stderr);
  const rows = [...read('docs/explain/benchmarks.md').matchAll(/^\| (?:Node )?`?([\w.]+)/gm)];
  t.is(
    rows.map(([, name]) => name).join(),
    '24.21.0,frame,digest,serve,json,26.1.0,frame,serve,json',
  );
  const nodes = [...read('docs/chart-dark.svg').matchAll(/>(Node [\d.]+|\w+)<\/text>/g)];
  t.regex(
    nodes.map(([, text]) => text).join(),
    /frame,Node 24\.21,Node 26\.1,digest,Node 24\.21,serve/,
  );
});

test('an interval without an end is cut off at the edge of the chart', async (t) => {
  const wide = outcome();
  wide.runs[1].ratio.rps = { value: 1.1, low: 0.01, high: 1e9 };
  const { code, read, stderr } = await draw(t, [wide]);
  t.is(code, 0, stderr);
  const svg = read('docs/chart-light.svg');
  const width = Number(/viewBox="0 0 (\d+)/.exec(svg)[1]);
  const ends = [...svg.matchAll(/ (?:x|x1|x2)="([\d.]+)"/g)].map(([, x]) => Number(x));
  t.true(ends.every((x) => x >= 0 && x <= width));
});

const without = (change) => {
  const one = outcome();
  change(one);
  return one;
};

for (const [what, outcomes, message] of [
  ['a file that is no JSON', ['{ "runs": '], /0\.json is not the JSON of a run: /],
  ['a file that is empty', [''], /0\.json is not the JSON of a run: /],
  ['JSON of something else', [{ runs: [] }], /0\.json has no "headline"/],
  ['the fallback', [outcome('v24.1.0', { backend: 'js' })], /made with the backend "js"/],
  ['nothing on Express', [outcome('v24.1.0', { runs: [] })], /0\.json has no run on Express/],
  [
    'a contender that is missing',
    [without(({ runs }) => runs.splice(1, 1))],
    /json ralloc is missing/,
  ],
  [
    'a wrong answer',
    [
      without(({ runs }) => {
        runs[4].errors = 3;
      }),
    ],
    /frame ralloc has 3 errors/,
  ],
  [
    'a measure that is missing',
    [
      without(({ runs }) => {
        runs[4].rss = null;
      }),
    ],
    /frame ralloc has no "rss"/,
  ],
  [
    'no ratio',
    [
      without(({ runs }) => {
        runs[4].ratio.p999 = null;
      }),
    ],
    /frame ralloc has no ratio of "p999"/,
  ],
  [
    'a mix that is in two files with others',
    [outcome(), outcome('v24.21.0', { runs: pair('frame', 0.5) })],
    /^frame on Node\.js 24\.21\.0 is in two files/,
  ],
  [
    'a bench of which no document shows anything',
    ['{"bench":"alloc","scenario":"a","node":"24.1.0","rows":[]}'],
    /0\.json is of alloc, which no document shows/,
  ],
  [
    'two machines',
    [outcome(), outcome('v26.1.0', { machine: { cpu: 'another' } })],
    /^The runs are of two machines: A & B "<CPU>", another/,
  ],
]) {
  test(`${what} is told in one line, and nothing is written`, async (t) => {
    const { code, stdout, stderr, read } = await draw(t, outcomes);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
    t.is(read('README.md'), document);
    t.is(read('docs/explain/benchmarks.md'), benchmarks);
  });
}

test('a file that is not there, and an option that is none, are told in one line', async (t) => {
  for (const [args, message] of [
    [['none.json'], /^ENOENT: .*none\.json/],
    [['--out', 'x'], /^Unknown option '--out'/],
  ]) {
    const { code, stderr } = await run('publish', { path: program, args });
    t.is(code, 1);
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
  }
});

test('documents without their markers, or with two, are left alone', async (t) => {
  for (const text of [
    '# Nothing\n',
    `${END}\n<!-- figures: demo -->\n`,
    `${document}${document}`,
  ]) {
    const { into } = await draw(t, [outcome()]);
    fs.writeFileSync(path.join(into, 'docs', 'explain', 'benchmarks.md'), text);
    fs.writeFileSync(path.join(into, 'README.md'), document);
    const args = ['--into', into, path.join(into, '0.json')];
    const { code, stderr } = await run('publish', { path: program, args });
    t.is(code, 1);
    t.regex(stderr, /^docs\/explain\/benchmarks\.md needs one "<!-- figures/);
    t.is(fs.readFileSync(path.join(into, 'README.md'), 'utf8'), document);
  }
});

test('results take the place of those of the same Node and scenario, others stay', async (t) => {
  const result = (node, scenario, median) => ({
    ...{ bench: 'pump', scenario, node, machine: 'two cores, load 0.1' },
    rows: [
      { name: 'pipeline', unit: 'ns', median: 20_000, base: 0 },
      { name: 'pump', unit: 'ns', base: 0, ratio: median, low: 0.5, high: 0.7, differs: true },
      { name: 'peak RSS, pipeline', unit: 'MB', median: 100, base: 2 },
      { name: 'peak RSS, pump', unit: 'MB', base: 2, ratio: 1, low: 0.9, high: 1.1 },
    ],
  });
  const into = temporary(t);
  fs.mkdirSync(path.join(into, 'bench'));
  const file = path.join(into, 'bench', 'RESULTS.md');
  fs.writeFileSync(file, `<!-- figures: pump -->\n${END}\n`);
  const put = async (...results) => {
    const given = path.join(into, 'given.jsonl');
    fs.writeFileSync(given, results.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const { code, stderr } = await run('publish', {
      path: program,
      args: ['--into', into, given],
    });
    t.is(code, 0, stderr);
    return fs.readFileSync(file, 'utf8');
  };
  const first = await put(result('26.1.0', 'down', 0.6), result('24.1.0', 'down', 0.6));
  t.is(first.split('\n').filter((line) => line.startsWith('| **down**')).length, 2);
  t.true(first.indexOf('| Node 24.1.0 |') < first.indexOf('| Node 26.1.0 |'));
  t.true(first.includes('| `pump` | **0.60 ×** [0.50, 0.70] | ≈ [0.90, 1.10] |'));
  t.true(first.includes('Measured on: two cores.'));
  const second = await put(result('24.2.0', 'down', 0.55), result('24.2.0', 'up', 0.65));
  t.deepEqual(
    [...second.matchAll(/^\| Node ([\d.]+)|\*\*(0[\d.]+) ×/gm)].map(
      ([, node, ratio]) => node ?? ratio,
    ),
    ['24.2.0', '0.55', '0.65', '26.1.0', '0.60'],
  );
  t.not(/pump (\w+) -->/.exec(first)[1], /pump (\w+) -->/.exec(second)[1], 'another hash');
});

test('memory over time is drawn in two colours, and told in words', async (t) => {
  const into = temporary(t);
  fs.mkdirSync(path.join(into, 'docs', 'explain'), { recursive: true });
  const page = path.join(into, 'docs', 'explain', 'benchmarks.md');
  fs.writeFileSync(page, `<!-- figures: memory -->\n${END}\n`);
  const points = (...all) => all.map((megabytes, n) => [n, megabytes]);
  const given = path.join(into, 'given.jsonl');
  const rows = [
    { name: 'a & b', points: points(80, 190.2, 140.4) },
    { name: 'c', points: points(80, 100) },
  ];
  const load = { size: 2 ** 20, rate: 40, seconds: 1 };
  const result = { bench: 'memory', scenario: '1 MiB', node: '24.1.0', load, rows };
  fs.writeFileSync(given, JSON.stringify(result));
  const { code, stderr } = await run('publish', { path: program, args: ['--into', into, given] });
  t.is(code, 0, stderr);
  t.regex(fs.readFileSync(page, 'utf8'), /a & b up to 190 MB, 140 MB at the end; c up to 100 MB/);
  for (const theme of ['light', 'dark']) {
    const svg = fs.readFileSync(path.join(into, 'docs', `memory-${theme}.svg`), 'utf8');
    t.true(isWellFormed(svg));
    t.is([...svg.matchAll(/<polyline /g)].length, 2);
  }
});

for (const name of ['chart', 'memory'].flatMap((one) => [`${one}-light`, `${one}-dark`])) {
  test(`docs/${name}.svg is well-formed`, (t) => {
    t.true(isWellFormed(fs.readFileSync(path.join(root, 'docs', `${name}.svg`), 'utf8')));
  });
}
