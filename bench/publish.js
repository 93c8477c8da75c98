'use strict';

// npm run bench:publish -- [--into FOLDER] [FILE...]
// Puts figures into documents and charts, all of them from bench/figures/, one file for each bench, a line for each result. FILEs are what `npm run demo -- --json`,
// `npm run bench:apps -- --json` and `node bench/run.js --json` printed: their results take the place of those of the same Node. FOLDER: the clone, this one
// by default. scripts/lint/figures.js compares the documents with what this makes.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const demo = require('../demo/documents.js');
const { BadRun, comparesBackends, figuresOfAll } = require('../demo/figures.js');
const { chart } = require('../demo/svg.js');
const apps = require('./apps/document.js');
const { memoryChart, picture } = require('./memory-chart.js');
const { operationsPart, pairsPart, serversPart } = require('./tables.js');

const ROOT = path.join(__dirname, '..');
const FIGURES = 'bench/figures';
const END = '<!-- /figures -->';

const MOUNT = {
  'a mount, CPU':
    "loading, CPU: `require('express')` → `require('ralloc')` and a mount, which a server has beside it",
  'an Express server at rest, RSS': 'before any request, RSS: plain → mounted',
  '2,000 requests of JSON, CPU': 'the first 2,000 requests, CPU: plain → mounted',
  '4,000 requests of JSON after those, CPU': 'the 4,000 requests after those, CPU: plain → mounted',
  'after 2,000 requests of JSON, RSS': 'after the first 2,000, RSS: plain → mounted',
  'at rest after 2,000 requests of JSON, RSS': '4.5 s later, RSS: plain → mounted',
};

const figuresOf = (results) =>
  figuresOfAll(
    results.map((one) => ({ name: `${FIGURES}/demo.jsonl`, text: JSON.stringify(one) })),
  );

const RESULTS = 'bench/RESULTS.md';

/** Each part: its document, the bench whose figures it shows, and what makes it of their results. */
const PARTS = [
  ['README.md', 'demo', (results) => demo.readmePart(figuresOf(results))],
  ['README.md', 'applications', apps.readmePart],
  ['docs/explain/benchmarks.md', 'demo', (results) => demo.benchmarksPart(figuresOf(results))],
  [
    'docs/explain/benchmarks.md',
    'require',
    (results) => pairsPart(results, (scenario) => MOUNT[scenario] ?? scenario),
  ],
  ['docs/explain/benchmarks.md', 'fallback', (results) => demo.benchmarksPart(figuresOf(results))],
  ['docs/explain/benchmarks.md', 'memory', picture],
  ['docs/explain/applications.md', 'applications', apps.applicationsPart],
  ['docs/guide/zero-lines.md', 'applications', apps.autoPart],
  [RESULTS, 'messages', operationsPart],
  [RESULTS, 'region', operationsPart],
  [RESULTS, 'lifetimes', serversPart],
  [RESULTS, 'body', serversPart],
  [RESULTS, 'pump', serversPart],
];

const CHARTS = ['light', 'dark'].flatMap((theme) => [
  [`docs/chart-${theme}.svg`, 'demo', (results) => chart(figuresOf(results), theme)],
  [`docs/memory-${theme}.svg`, 'memory', (results) => memoryChart(results, theme)],
]);

/** The name of the bench that printed a result, and what is one with it: a later one takes its place. */
function keyOf(result, file) {
  const major = String(result.node).replace(/^v?(\d+).*/, '$1');
  if (result.application) return ['applications', [major, result.application, result.allocator]];
  if (result.bench) return [result.bench, [major, result.scenario]];
  const [{ node }] = figuresOfAll([{ name: file, text: JSON.stringify(result) }]);
  const mixes = new Set(result.runs.map(({ mix }) => mix));
  return [comparesBackends(result) ? 'fallback' : 'demo', [node.split('.')[0], ...mixes]];
}

/** The objects of what was printed: one over many lines, or one a line. npm's own lines may come before. */
function resultsOf(text, file) {
  const at = Math.max(0, text.search(/^\{/m));
  try {
    return [JSON.parse(text.slice(at))];
  } catch (error) {
    const lines = text.split('\n').filter((line) => line.startsWith('{"'));
    if (lines.length === 0) throw new BadRun(`${file} is not the JSON of a run: ${error.message}`);
    return lines.map((line) => JSON.parse(line));
  }
}

const known = new Set([...PARTS, ...CHARTS].map(([, name]) => name));
const textOf = (results) => results.map((one) => `${JSON.stringify(one)}\n`).join('');

/** The committed results, by the name of their bench. */
function readAll(root) {
  const folder = path.join(root, FIGURES);
  const files = fs.existsSync(folder) ? fs.readdirSync(folder).sort() : [];
  return Object.fromEntries(
    files.map((file) => [
      path.basename(file, '.jsonl'),
      resultsOf(fs.readFileSync(path.join(folder, file), 'utf8'), `${FIGURES}/${file}`),
    ]),
  );
}

/** `data` with the results of `files`, `[{ name, text }]`, in the place of earlier ones. */
function withFiles(data, files) {
  const all = { ...data };
  for (const { name: file, text } of files) {
    for (const result of resultsOf(text, file)) {
      const [name, key] = keyOf(result, file);
      if (!known.has(name)) throw new BadRun(`${file} is of ${name}, which no document shows`);
      const results = [...(all[name] ?? [])];
      const same = results.findIndex((one) => String(keyOf(one, file)[1]) === String(key));
      results.splice(same < 0 ? results.length : same, 1, result);
      all[name] = results;
    }
  }
  return all;
}

/** `text` with `part` between the markers of `name`, of which the first has the hash of its data. */
function withPart(text, name, hash, part, file) {
  const begin = new RegExp(`<!-- figures: ${name}(?: \\w+)? -->`);
  const [before, rest, ...more] = text.split(begin);
  const end = rest?.indexOf(END) ?? -1;
  if (end < 0 || more.length > 0)
    throw new BadRun(`${file} needs one "<!-- figures: ${name} -->" and one "${END}" after it`);
  return `${before}<!-- figures: ${name} ${hash} -->\n${part}\n${rest.slice(end)}`;
}

/** Every file that has figures of `data`, with its text: `[[file, text]]`. */
function published(root, data) {
  const files = new Map();
  const hashOf = (name) =>
    createHash('sha256').update(textOf(data[name])).digest('hex').slice(0, 12);
  for (const [file, name, partOf] of PARTS) {
    if (data[name] === undefined) continue;
    const text = files.get(file) ?? fs.readFileSync(path.join(root, file), 'utf8');
    files.set(file, withPart(text, name, hashOf(name), partOf(data[name]), file));
  }
  for (const [file, name, chartOf] of CHARTS) {
    if (data[name] === undefined) continue;
    const marked = `<metadata>figures: ${name} ${hashOf(name)}</metadata>\n</svg>`;
    files.set(
      file,
      chartOf(data[name]).replace('</svg>', () => marked),
    );
  }
  return [...files];
}

function main() {
  const options = { into: { type: 'string', default: ROOT } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const { into } = values;
  const files = positionals.map((name) => ({ name, text: fs.readFileSync(name, 'utf8') }));
  const before = readAll(into);
  const data = withFiles(before, files);
  const changed = Object.entries(data)
    .filter(([name, results]) => results !== before[name])
    .map(([name, results]) => [`${FIGURES}/${name}.jsonl`, textOf(results)]);
  for (const [file, text] of [...changed, ...published(into, data)]) {
    fs.mkdirSync(path.dirname(path.join(into, file)), { recursive: true });
    fs.writeFileSync(path.join(into, file), text);
    console.log(file);
  }
}

if (require.main === module) {
  try {
    main();
  } catch (error) {
    const isKnown = error instanceof BadRun || /^(ERR_PARSE_ARGS|ENOENT)/.test(error.code);
    console.error(isKnown ? error.message : error.stack);
    process.exitCode = 1;
  }
}

module.exports = { END, published, readAll };
