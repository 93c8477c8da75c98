'use strict';

// node demo/chart.js [--into FOLDER] FILE...
// Puts runs of the demo (`npm run demo -- --node 24 --json > 24.json`) into the documents: the chart of README and the
// tables of docs/explain/benchmarks.md, a table for each Node, between their markers. FOLDER: the clone, this one by default.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { BadRun, figuresOfAll } = require('./figures.js');
const { readmePart, benchmarksPart, replacePart } = require('./documents.js');
const { chart } = require('./svg.js');

const ROOT = path.join(__dirname, '..');

function write(files, into) {
  const all = figuresOfAll(
    files.map((file) => ({ name: file, text: fs.readFileSync(file, 'utf8') })),
  );
  const at = (name) => path.join(into, name);
  const replaced = [
    ['README.md', readmePart(all)],
    ['docs/explain/benchmarks.md', benchmarksPart(all)],
  ].map(([name, part]) => [name, replacePart(fs.readFileSync(at(name), 'utf8'), part, name)]);
  const charts = ['light', 'dark'].map((theme) => [`docs/chart-${theme}.svg`, chart(all, theme)]);
  for (const [name, text] of [...replaced, ...charts]) fs.writeFileSync(at(name), text);
  return [...replaced, ...charts].map(([name]) => name);
}

function main() {
  const options = { into: { type: 'string', default: ROOT } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals.length === 0)
    throw new BadRun('usage: node demo/chart.js [--into FOLDER] FILE...');
  for (const name of write(positionals, values.into)) console.log(name);
}

try {
  main();
} catch (error) {
  const known = error instanceof BadRun || /^(ERR_PARSE_ARGS|ENOENT)/.test(error.code);
  console.error(known ? error.message : error.stack);
  process.exitCode = 1;
}
