'use strict';
// tier: tools

// From raw results to the charts and the tables of the documents.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { CHARTS } = require('../../bench/charts.js');
const { PARTS } = require('../../bench/documents.js');
const { read, textOf } = require('../../bench/method/results.js');
const { END, PLAN, keep, published } = require('../../bench/publish.js');
const { run } = require('../helpers/child.js');
const { isWellFormed, temporary } = require('../helpers/demo.js');
const { allDocuments } = require('../helpers/snippets.js');

const root = path.join(__dirname, '..', '..');
const program = path.join(root, 'bench', 'publish.js');
const HOURS = 3;

test('the documents are what the command makes of the raw results', (t) => {
  for (const [file, text] of published(root)) {
    const there = fs.readFileSync(path.join(root, file), 'utf8').split('\n');
    const line = text.split('\n').findIndex((one, n) => one !== there[n]);
    t.is(line, -1, `${file}:${line + 1}: run npm run bench:publish`);
  }
});

test('no document has figures that the command does not write, but in what a program prints', (t) => {
  for (const file of allDocuments()) {
    const typed = fs
      .readFileSync(path.join(root, file), 'utf8')
      .replace(/^```[\s\S]*?^```/gm, '')
      .replace(/<!-- figures: (\w+) -->[\s\S]*?<!-- \/figures -->/g, (part, name) =>
        PARTS.some(([of, known]) => of === file && known === name) ? '' : part,
      );
    t.notRegex(typed, /<!-- figures|\d\.\d\d–\d\.\d\d/, file);
  }
});

test('all that documents show is measured in less than three hours', (t) => {
  const benches = new Set([
    ...PARTS.flatMap(([, , bench]) => bench ?? []),
    ...CHARTS.map(([, bench]) => bench),
  ]);
  t.deepEqual([...benches].sort(), [...new Set(PLAN.map(({ bench }) => bench))].sort());
  const seconds = PLAN.reduce((sum, job) => sum + job.seconds * job.nodes.length, 0);
  t.true(seconds < HOURS * 3600, `${(seconds / 3600).toFixed(2)} hours`);
});

test('raw results say what they hold for, and have the values of their blocks', (t) => {
  const files = fs.readdirSync(path.join(root, 'bench', 'figures'));
  t.deepEqual(files.sort(), [...new Set(PLAN.map(({ bench }) => `${bench}.jsonl`))].sort());
  for (const file of files) {
    for (const one of read(path.join(root, 'bench', 'figures', file))) {
      t.is(`${one.bench}.jsonl`, file);
      t.regex(one.node, /^\d+\.\d+\.\d+$/);
      t.regex(
        `${one.date} ${one.commit} ${one.cpu}`,
        /^\d{4}-\d\d-\d\d [0-9a-f]{12}( with changes)? ./,
      );
      for (const { blocks, points } of one.rows) t.truthy(blocks ?? points);
    }
  }
});

const about = {
  ...{ node: '24.1.0', backend: 'native', cpu: 'A & B "<CPU>"', cores: 2 },
  ...{ platform: 'linux', arch: 'x64', commit: '0123456789ab', date: '2026-01-02', isApart: true },
};

/** A row whose every measure costs `factor` times as much as one of 1. */
function rowOf(name, factor, errors = 0) {
  const blocks = (value) => Array.from({ length: 3 }, () => [value, value]);
  return {
    name,
    blocks: {
      ...{ rps: blocks(6000 / factor), fullCpuUs: blocks(200 * factor) },
      ...{ cpuUs: blocks(300 * factor), p999: blocks(11 * factor), rss: blocks(200e6 * factor) },
    },
    totals: { errors, majorGcs: 40 * (factor - 0.5) },
  };
}

const mixOf = (scenario, factor, more) => ({
  ...{ bench: 'demo', scenario, ...about },
  rows: [rowOf('allocUnsafe', 1), rowOf('ralloc', factor), rowOf('pool', 0.4)],
  ...more,
});

/** Two Nodes: `json` is slower, `serve` no different. */
const demo = ['26.2.0', '24.1.0'].flatMap((node) => [
  mixOf('json', 1.25, { node }),
  mixOf('frame', 0.5, { node }),
  mixOf('serve', 1.01, { node }),
]);

/** Publishes results into a folder whose documents have the markers of PARTS: what was printed, and `read(name)`. */
async function publish(t, results, { args = [], documents = {} } = {}) {
  const into = temporary(t);
  const write = (name, text) => {
    fs.mkdirSync(path.dirname(path.join(into, name)), { recursive: true });
    fs.writeFileSync(path.join(into, name), text);
  };
  for (const file of new Set(PARTS.map(([name]) => name))) {
    const parts = PARTS.filter(([name]) => name === file);
    const marked = parts.map(([, name]) => `<!-- figures: ${name} -->\nof before\n${END}\n`);
    write(file, documents[file] ?? `# A document\n\n${marked.join('\n')}\nThe rest.\n`);
  }
  for (const bench of new Set(results.map((one) => one.bench)))
    write(`bench/figures/${bench}.jsonl`, textOf(results.filter((one) => one.bench === bench)));
  const ended = await run('publish', { path: program, args: ['--into', into, ...args] });
  const readIn = (name) => fs.readFileSync(path.join(into, name), 'utf8');
  return { ...ended, into, read: readIn };
}

test('the demo becomes a chart in two colours, and figures in both documents', async (t) => {
  const { code, stdout, stderr, read: written } = await publish(t, demo);
  t.is(code, 0, stderr);
  const names = [
    'README.md',
    'docs/explain/figures.md',
    'docs/chart-light.svg',
    'docs/chart-dark.svg',
  ];
  t.deepEqual(stdout.trim().split('\n'), names);
  const [light, dark] = ['light', 'dark'].map((theme) => written(`docs/chart-${theme}.svg`));
  t.true(isWellFormed(light) && isWellFormed(dark));
  const texts = [...light.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
  for (const text of ['2.00 ×', '0.80 ×', '≈', '6,000 → 12,000', '6,000 → 4,800']) {
    t.is(texts.filter((one) => one === text).length, 2, text); // of two Nodes
  }
  const order = texts.filter((text) => /^(frame|serve|json|Node [\d.]+)$/.test(text));
  t.is(order.join(), ['frame', 'serve', 'json'].map((mix) => `${mix},Node 24.1,Node 26.2`).join());
  // Bars as long as their ratios: 2.00, 0.99 and 0.80 of one.
  const widths = [...light.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  );
  t.is(widths.length, 6);
  t.true(Math.abs(widths[0] / widths[4] - 2.5) < 0.01);
  t.is(new Set([...light.matchAll(/<rect [^>]*fill="(#\w+)"/g)].map(([, fill]) => fill)).size, 3);
  t.not(light, dark);
  t.is(light.replace(/#[0-9a-f]{6}/g, ''), dark.replace(/#[0-9a-f]{6}/g, ''));

  const readme = written('README.md');
  t.regex(readme, /^# A document\n\n<!-- figures: demo -->\n<picture>\n/);
  t.true(readme.endsWith(`${END}\n\nThe rest.\n`));
  t.regex(readme, /alt="[^"]*Node 24\.1, 26\.2\. frame: 2\.00×, 2\.00×; serve: no diff/);
  t.regex(readme, /Peak memory on Node 26\.2: `frame` 0\.50×, `serve` ≈, `json` 1\.25×\./);

  const tables = written('docs/explain/figures.md');
  t.regex(tables, /^\| Node 24\.1\.0 \| requests\/s \|[\s\S]*^\| Node 26\.2\.0 \| requests\/s \|/m);
  t.regex(
    tables,
    /Measured on: A & B "<CPU>", 2 cores, linux x64; commit 0123456789ab, 2026-01-02\.\n/,
  );
  const interval = String.raw`\d\.\d\d–\d\.\d\d`;
  t.regex(tables, new RegExp(`\\| 6,000 → 12,000<br>\\*\\*2\\.00×\\*\\* ${interval} \\|`));
  t.regex(tables, new RegExp(`\\| 11\\.0 → 5\\.5 ms<br>\\*\\*0\\.50×\\*\\* ${interval} \\|`));
  t.regex(tables, /\| 200 → 100 MB<br>\*\*0\.50×\*\* .* \| 20 → 0 \|/);
});

const wrong = mixOf('frame', 0.5, { rows: [rowOf('allocUnsafe', 1), rowOf('ralloc', 0.5, 3)] });

for (const [what, results, options, message] of [
  ['a wrong answer', [wrong], {}, /^demo: frame, ralloc has wrong answers$/],
  [
    'a document without its markers',
    demo,
    { documents: { 'README.md': `# Nothing\n${END}\n` } },
    /^README\.md needs one "<!-- figures: demo -->" and one "<!-- \/figures -->" after it$/,
  ],
  [
    'a job that is none',
    demo,
    { args: ['--measure', 'soup'] },
    /^there is no job "soup"; there are demo, /,
  ],
  [
    'a job without --measure',
    demo,
    { args: ['mount'] },
    /^jobs, --node and --quick are for --measure$/,
  ],
  ['an option that is none', demo, { args: ['--out', 'x'] }, /^Unknown option '--out'/],
]) {
  test(`${what} is told in one line, and nothing is written`, async (t) => {
    const { code, stdout, stderr, read: written } = await publish(t, results, options);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr.trimEnd(), message);
    t.is(stderr.trimEnd().split('\n').length, 1);
    t.true(written('docs/explain/figures.md').includes('of before'));
  });
}

test('--measure keeps the raw results of a job in the place of those of the same Node', async (t) => {
  const [major] = process.versions.node.split('.');
  const before = [major, '18'].map((of) => ({
    ...{ bench: 'mount', scenario: 'an Express server', ...about, node: `${of}.1.0` },
    rows: [rowOf('plain', 1), rowOf('mounted', 1)],
  }));
  const args = ['--measure', 'mount', '--node', 'self', '--quick'];
  const { code, stderr, into, read: written } = await publish(t, before, { args });
  t.is(code, 0, stderr);
  const results = read(path.join(into, 'bench', 'figures', 'mount.jsonl'));
  t.deepEqual(
    results.map(({ node }) => node),
    ['18.1.0', process.versions.node],
  );
  const [{ blocks }] = results[1].rows;
  t.true(blocks.restRss[0][0] > 2 ** 20 && blocks.firstMs[0][0] > 0);
  t.true(written('docs/explain/figures.md').includes(`| Node ${process.versions.node} |`));
});

test('results replace those of the same scenario and Node', (t) => {
  const into = temporary(t);
  const of = (node, scenario, run) => ({ node: `${node}.1.0`, scenario, run });
  const kept = () =>
    read(path.join(into, 'bench', 'figures', 'a.jsonl')).map(
      ({ node, scenario, run: by }) => `${node.slice(0, 2)} ${scenario} ${by}`,
    );
  keep(into, 'a', [of(24, 'x', 1), of(24, 'y', 1), of(26, 'x', 1)]);
  keep(into, 'a', [of(24, 'x', 2)]);
  t.deepEqual(kept(), ['24 y 1', '26 x 1', '24 x 2']);
});
