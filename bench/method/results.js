'use strict';

// Results as lines of JSON, each of one scenario on one Node, raw: whoever reads them can compute
// all figures anew.
//
// { bench, scenario, node, backend, cpu, cores, platform, arch, commit, date, isApart, rows: [{
// name, blocks, totals }] }
//
// `rows`: who takes part; ratios are to the first. `blocks`: of each field an array for each block,
// whose values are neighbours of those at the same place of the other rows. `totals`: what is only
// counted. `isApart`: each row has processes of its own.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const { median, ratio, ratioOfProcesses, spread } = require('../../tools/compare/statistics.js');

const PRODUCT = ['lib', 'tools', 'src', 'addon'];

/**
 * The commit that is measured, and whether the product was changed since; null outside of a clone.
 */
function commitOf(root) {
  const git = (...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  try {
    const changed = git('status', '--porcelain', '--', ...PRODUCT) === '' ? '' : ' with changes';
    return `${git('rev-parse', '--short=12', 'HEAD').trim()}${changed}`;
  } catch {
    return null;
  }
}

/** What figures that are measured now hold for. */
function about(root) {
  const cpu = (os.cpus()[0]?.model ?? 'unknown processor').trim();
  const { platform, arch } = process;
  const date = new Date().toISOString().slice(0, 10);
  return { cpu, cores: os.availableParallelism(), platform, arch, commit: commitOf(root), date };
}

const mapFields = (fields, how) =>
  Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, how(value, field)]));

/**
 * One result of the results of single blocks, whose rows have `values`, the neighbours of each
 * field.
 */
function merge(blocks) {
  const rows = blocks[0].rows.map(({ name, values }, row) => ({
    name,
    blocks: mapFields(values, (_, field) => blocks.map(({ rows }) => rows[row].values[field])),
  }));
  return { ...blocks[0], rows };
}

/** What a row takes more than another one: the median of the differences between neighbours. */
const difference = (values, others) =>
  median(values.flatMap((block, b) => block.map((value, n) => value - others[b][n])));

/**
 * The rows of a result, each `{ name, median, spread, ratio, more, totals }`: of each field, the
 * latter two against the first row's.
 */
function summaryOf({ rows, isApart = false }) {
  const compare = isApart ? ratioOfProcesses : ratio;
  const [base] = rows;
  return rows.map(({ blocks, ...row }) =>
    blocks === undefined
      ? row
      : {
          ...row,
          median: mapFields(blocks, (values) => median(values.map(median))),
          spread: mapFields(blocks, (values) => spread(values.map(median))),
          ratio: mapFields(blocks, (values, field) => compare(values, base.blocks[field])),
          more: mapFields(blocks, (values, field) => difference(values, base.blocks[field])),
        },
  );
}

const parse = (text) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

const textOf = (results) => results.map((one) => `${JSON.stringify(one)}\n`).join('');

const read = (file) => (fs.existsSync(file) ? parse(fs.readFileSync(file, 'utf8')) : []);

module.exports = { about, merge, parse, read, summaryOf, textOf };
