'use strict';

// npm run bench:publish                           writes documents and charts from figures/
// npm run bench:publish -- --measure [JOB ...]    measures first: all of PLAN, or some of its jobs,
//                                                 which replace the results of the same Node
//
// --node NODE ... other Nodes than the plan's: `self`, a path or a major version. --into FOLDER:
// another clone. --quick: whether all of it runs, no figures, so only --into another folder.
//
// It is for a release, on a quiet machine: all of PLAN takes less than three hours.
// `__test__/bench/publish.test.js` compares the documents with what this makes.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { choose } = require('../demo/nodes.js');
const { planOf } = require('../demo/plan.js');
const { APPLICATIONS } = require('./apps/applications.js');
const { secondsOf } = require('./apps/plan.js');
const { CHARTS } = require('./charts.js');
const { PARTS } = require('./documents.js');
const { about, parse, read, textOf } = require('./method/results.js');
const { duration } = require('./method/servers.js');

const ROOT = path.join(__dirname, '..');
const FIGURES = 'bench/figures';
const END = '<!-- /figures -->';
const BLOCKS = 9;
const APPS_BLOCKS = 5;

/** What publishing cannot do, in words. */
class Refused extends Error {}

const demo = (bench, nodes, { mixes, contenders, args = [] }) => ({
  ...{ bench, nodes, program: 'demo/run.js', read: ofDemo },
  args: [...args, '--blocks', `${BLOCKS}`],
  quick: ['--blocks', '2', '--seconds', '0.05'],
  seconds: mixes * duration(planOf({ blocks: BLOCKS }), contenders),
});

/** `seconds`: about what it takes on each Node, where nothing else runs. */
const operations = (bench, nodes, seconds, scenarios = []) => ({
  ...{ bench, nodes, seconds, program: 'bench/run.js' },
  args: [bench, ...scenarios.flatMap((text) => ['--scenario', text])],
  quick: ['--quick'],
});

const applications = (nodes, names, variants) => ({
  ...{ bench: 'applications', nodes, program: 'bench/apps/run.js' },
  args: [
    ...[...names, '--blocks', `${APPS_BLOCKS}`],
    ...variants.flatMap((name) => ['--variant', name]),
  ],
  quick: ['--quick', '--blocks', '1'],
  seconds: secondsOf(names, 1 + variants.length, { blocks: APPS_BLOCKS }),
});

/**
 * Applications whose memory ralloc/auto may change, and two where it may not; those that have no
 * other variant are measured anyway.
 */
const BY_AUTO = [
  ...['json', 'post', 'body-64k', 'proxy-64k', 'proxy-1m', 'tcp-1m', 'raw-100k', 'raw-1m'],
  ...['fastify-1m', 'https-1m', 'multer', 'interceptor'],
];
const OTHERS = Object.keys(APPLICATIONS).filter((name) => !BY_AUTO.includes(name));
const ON_ALL = ['json', 'raw-1m', 'static-1m'];

const PLAN = [
  demo('demo', ['24', '26'], { mixes: 4, contenders: 4 }),
  demo('fallback', ['24'], { mixes: 3, contenders: 2, args: ['--fallback'] }),
  {
    ...{ bench: 'memory', nodes: ['24'], program: 'bench/apps/run.js', seconds: 75 },
    args: ['raw-1m', '--over-time', '--variant', 'ralloc'],
    quick: ['--quick'],
  },
  operations('mount', ['20', '22', '24', '26'], 120),
  operations('middleware', ['24', '26'], 180, ['on ']),
  operations('buffers', ['24', '26'], 40, ['a pair of', '16 B to']),
  operations('cache', ['24', '26'], 40),
  operations('pool', ['24'], 100, ['pins']),
  {
    ...{ bench: 'floods', nodes: ['24'], program: 'scripts/floods.js', seconds: 60 },
    ...{ args: ['multer'], quick: [], read: ofFloods },
  },
  operations('messages', ['24'], 50),
  applications(['24'], BY_AUTO, ['plain + flag', 'auto', 'ralloc']),
  applications(['24'], OTHERS, ['plain + flag', 'ralloc']),
  applications(['26'], ON_ALL, ['plain + flag', 'auto', 'ralloc']),
  applications(['20', '22'], ON_ALL, ['ralloc']),
];

/** The raw results of what the demo prints: one of each mix on Express, on the Node that led. */
function ofDemo(text, bench) {
  const { backend, headline, runs } = JSON.parse(text);
  const own = runs.filter(({ node, server }) => node === headline && server === 'express');
  return [...new Set(own.map(({ mix }) => mix))].map((scenario) => ({
    ...{ bench, scenario, node: headline.replace(/^v/, ''), backend, ...about(ROOT) },
    isApart: true,
    rows: own
      .filter(({ mix }) => mix === scenario)
      .map(({ allocator: name, blocks, requests, errors, verified, majorGcs }) => ({
        ...{ name, blocks, totals: { requests, errors, verified, majorGcs } },
      })),
  }));
}

/** The raw results of a flood: once on a plain server, and once on one with a limit. */
function ofFloods(text, bench, { version, backend }) {
  const found = parse(text);
  const [{ name: scenario }] = found;
  const node = version.replace(/^v/, '');
  const rows = found.map(({ isLimited, served, honest, wrong: errors, state, peak }) => ({
    name: isLimited ? 'limit' : 'plain',
    blocks: { served: [[served]], rss: [[peak]] },
    totals: { honest, errors, state },
  }));
  return [{ ...{ bench, scenario, node, backend, ...about(ROOT) }, rows }];
}

/** Runs a job on a Node, as choose() tells it: its raw results. Throws if it fails. */
function resultsOf({ bench, program, args, quick, read: readOf = parse }, node, isQuick) {
  const all = [path.join(ROOT, program), ...args, ...(isQuick ? quick : [])];
  const { status, signal, stdout } = spawnSync(
    process.execPath,
    [...all, '--node', node.path, '--json'],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (status !== 0) throw new Refused(`${program} ended with ${signal ?? status}`);
  const results = readOf(stdout, bench, node);
  if (results.length === 0) throw new Refused(`${program} printed no results`);
  return results;
}

const majorOf = ({ node }) => node.split('.')[0];
const fileOf = (into, bench) => path.join(into, FIGURES, `${bench}.jsonl`);

const keyOf = (one) => `${majorOf(one)} ${one.scenario}`;

/** Puts the results of a job in the place of those of the same scenarios and Node. */
function keep(into, bench, results) {
  const keys = results.map(keyOf);
  const others = read(fileOf(into, bench)).filter((one) => !keys.includes(keyOf(one)));
  const all = [...others, ...results];
  fs.mkdirSync(path.join(into, FIGURES), { recursive: true });
  fs.writeFileSync(fileOf(into, bench), textOf(all));
}

const minutes = (seconds) => `${Math.ceil(seconds / 60)} minutes`;

/** The runs of the jobs that are asked for: `[{ job, node }]`. */
function runsOf(names, nodes) {
  const unknown = names.find((name) => !PLAN.some(({ bench }) => bench === name));
  if (unknown !== undefined) {
    const known = [...new Set(PLAN.map(({ bench }) => bench))].join(', ');
    throw new Refused(`there is no job "${unknown}"; there are ${known}`);
  }
  return PLAN.filter(({ bench }) => names.length === 0 || names.includes(bench)).flatMap((job) =>
    (nodes ?? job.nodes).map((node) => ({ job, node })),
  );
}

async function measure(into, names, { node: nodes, quick }) {
  const runs = runsOf(names, nodes);
  // what tests have left is compiled for them
  if (!quick)
    execFileSync(process.execPath, [path.join(ROOT, 'scripts', 'build.js')], { stdio: 'inherit' });
  const sum = runs.reduce((all, { job }) => all + job.seconds, 0);
  console.error(`about ${minutes(sum)}; the load of this machine is ${os.loadavg()[0].toFixed(1)}`);
  for (const [n, { job, node }] of runs.entries()) {
    console.error(`${n + 1} of ${runs.length}: ${job.bench} on Node ${node}`);
    try {
      const { lead } = await choose({ node, env: {} });
      keep(into, job.bench, resultsOf(job, lead, quick));
    } catch (error) {
      process.exitCode = 1;
      console.error(`${job.bench} on Node ${node}: ${error.message}`);
    }
  }
}

/** `text` with `part` between the markers of `name`. */
function withPart(text, name, part, file) {
  const begin = `<!-- figures: ${name} -->`;
  const [before, rest, ...more] = text.split(begin);
  const end = rest?.indexOf(END) ?? -1;
  if (end < 0 || more.length > 0)
    throw new Refused(`${file} needs one "${begin}" and one "${END}" after it`);
  return `${before}${begin}\n${part}\n${rest.slice(end)}`;
}

function resultsIn(into, bench) {
  const results = read(fileOf(into, bench));
  for (const { scenario, rows } of results) {
    const wrong = rows.find(({ totals }) => totals?.errors > 0);
    if (wrong) throw new Refused(`${bench}: ${scenario}, ${wrong.name} has wrong answers`);
  }
  return results;
}

/** Every file that has figures, with its text: `[[file, text]]`. */
function published(into) {
  const files = new Map();
  const benchesOf = (file) =>
    new Set(PARTS.flatMap(([of, , bench]) => (of === file && bench) || []));
  for (const [file, name, bench, partOf] of PARTS) {
    const benches = bench === null ? [...benchesOf(file)] : [bench].flat();
    const results = benches.map((one) => resultsIn(into, one)).filter((of) => of.length > 0);
    if (results.length < (bench === null ? 1 : benches.length)) continue;
    const text = files.get(file) ?? fs.readFileSync(path.join(into, file), 'utf8');
    files.set(file, withPart(text, name, partOf(results.flat()), file));
  }
  for (const [file, bench, chartOf] of CHARTS) {
    const results = resultsIn(into, bench);
    if (results.length === 0) continue;
    for (const theme of ['light', 'dark'])
      files.set(`${file}-${theme}.svg`, chartOf(results, theme));
  }
  return [...files];
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      measure: { type: 'boolean', default: false },
      node: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      into: { type: 'string', default: ROOT },
    },
  });
  const { into } = values;
  if (!values.measure && (positionals.length > 0 || values.node || values.quick))
    throw new Refused('jobs, --node and --quick are for --measure');
  if (values.quick && path.resolve(into) === path.resolve(ROOT))
    throw new Refused('--quick measures nothing to publish: give it a folder by --into');
  if (values.measure) await measure(into, positionals, values);
  for (const [file, text] of published(into)) {
    fs.mkdirSync(path.dirname(path.join(into, file)), { recursive: true });
    fs.writeFileSync(path.join(into, file), text);
    console.log(file);
  }
}

module.exports = { END, PLAN, keep, published };

if (require.main === module)
  main().catch((error) => {
    const isKnown = error instanceof Refused || /^(ERR_PARSE_ARGS|ENOENT)/.test(error.code);
    console.error(isKnown ? error.message : error.stack);
    process.exitCode = 1;
  });
