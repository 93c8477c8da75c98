'use strict';

// A result as a table for people.

const { summaryOf } = require('./results.js');
const { differs } = require('../../tools/compare/statistics.js');

const short = (value) => (Math.abs(value) < 100 ? value.toFixed(1) : value.toFixed(0));
const whole = (value) => Math.round(value).toLocaleString('en-US');
const nanoseconds = (value) => (value >= 9995 ? `${short(value / 1000)} µs` : `${short(value)} ns`);

const milliseconds = (value) => `${short(value)} ms`;
const megabytes = (value) => `${whole(value / 1e6)} MB`;

/** Each field: its title, how a value is shown, and whether its ratio says something. */
const FIELDS = {
  ns: { title: 'CPU', show: nanoseconds, isCompared: true },
  wall: { title: 'wall', show: nanoseconds },
  fullCpuUs: { title: 'CPU', show: (value) => `${whole(value)} µs`, isCompared: true },
  rps: { title: 'requests/s', show: whole, isCompared: true },
  cpuUs: { title: 'CPU, fixed rate', show: (value) => `${whole(value)} µs`, isCompared: true },
  p99: { title: 'p99', show: (value) => `${value.toFixed(2)} ms`, isCompared: true },
  rss: { title: 'peak RSS', show: megabytes, isCompared: true },
  heldRss: { title: 'RSS', show: megabytes, isCompared: true },
  p99Ns: { title: 'p99', show: nanoseconds, isCompared: true },
  p999: { title: 'p99.9', show: (value) => `${value.toFixed(1)} ms` },
  loadMs: { title: 'load, CPU', show: milliseconds, isCompared: true },
  restRss: { title: 'at rest', show: megabytes, isCompared: true },
  firstMs: { title: 'first requests, CPU', show: milliseconds, isCompared: true },
  firstRss: { title: 'after them', show: megabytes, isCompared: true },
  laterRss: { title: 'later', show: megabytes, isCompared: true },
  cpuMs: { title: 'CPU', show: milliseconds, isCompared: true },
  lastRss: { title: 'RSS at the end', show: megabytes, isCompared: true },
  gained: { title: 'of it in the second half', show: megabytes, isCompared: true },
  poolSize: { title: 'Buffer.poolSize', show: (value) => `${value / 1024} KiB` },
  nextMs: { title: 'next requests, CPU', show: milliseconds, isCompared: true },
};

const fieldOf = (name) =>
  FIELDS[name] ?? { title: name, show: (value) => short(value), isCompared: true };

/**
 * "0.45 × [0.41, 0.49]", "≈ [0.96, 1.03]", or the ratio alone of one block, which has no interval.
 */
function verdict(ratio) {
  if (ratio === null) return '';
  if (!Number.isFinite(ratio.high)) return `${ratio.value.toFixed(2)} ×`;
  const interval = `[${ratio.low.toFixed(2)}, ${ratio.high.toFixed(2)}]`;
  return differs(ratio) ? `${ratio.value.toFixed(2)} × ${interval}` : `≈ ${interval}`;
}

/** Lines of cells, aligned: the first column to the left. */
function table(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell, column) =>
    column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** A row for each contender; of `fields`, those that were measured. */
function tableOf(result, fields = Object.keys(result.rows[0].blocks)) {
  const rows = summaryOf(result);
  const shown = fields.filter((name) => name in rows[0].median && rows[0].median[name] !== null);
  const columns = shown.flatMap((name) => {
    const { title, show, isCompared } = fieldOf(name);
    const value = [title, (row) => show(row.median[name])];
    const ratio = ['', (row) => (row === rows[0] ? '' : verdict(row.ratio[name]))];
    return isCompared ? [value, ratio] : [value];
  });
  return table([
    ['', ...columns.map(([title]) => title)],
    ...rows.map((row) => [row.name, ...columns.map(([, cell]) => cell(row))]),
  ]);
}

module.exports = { fieldOf, table, tableOf, verdict };
