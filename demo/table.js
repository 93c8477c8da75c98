'use strict';

// The table that the demo prints: medians, their spread, and ratios to allocUnsafe.

const { median, overlap, spread } = require('./stats.js');

// Titles; < for what is aligned to the left.
const COLUMNS = [
  '<',
  ...['req/s', '<', ''],
  ...['CPU µs full', '<', ''],
  ...['fixed', '<', ''],
  ...['p50', 'p99', 'p99.9 ms', ''],
  ...['RSS MB', ''],
  ...['GC ms', 'major'],
];

function thousands(value) {
  return Math.round(value).toLocaleString('en-US');
}

function plusMinus(spread) {
  return `±${Math.round(spread * 50)}%`;
}

function ratio(row, base, field) {
  if (row === base) return '1';
  const of = (one) => (one.rounds[field] ? median(one.rounds[field]) : one.run[field]);
  const text = `${(of(row) / of(base)).toFixed(2)}×`;
  const same = row.rounds[field] && overlap(row.rounds[field], base.rounds[field]);
  return same ? `≈${text}` : text;
}

/** Median, spread and ratio of a field that was measured in each round. */
function measured(row, base, field) {
  const values = row.rounds[field];
  return [thousands(median(values)), plusMinus(spread(values)), ratio(row, base, field)];
}

function cells(row, base) {
  const { run } = row;
  return [
    `  ${run.allocator}`,
    ...measured(row, base, 'rps'),
    ...measured(row, base, 'fullCpuUs'),
    ...measured(row, base, 'cpuUs'),
    ...[run.p50, run.p99, run.p999].map((ms) => ms.toFixed(2)),
    ratio(row, base, 'p999'),
    thousands(run.rss / 1e6),
    ratio(row, base, 'rss'),
    run.gcMs < 100 ? run.gcMs.toFixed(1) : thousands(run.gcMs),
    run.majorGcs.toFixed(1),
  ];
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const { mix, server } = row.run;
    const name = `${mix}, ${server === 'express' ? 'Express' : 'bare node:http'}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return groups;
}

/** Rows of one mix and server stand together under its name. */
function table(rows) {
  const lines = [COLUMNS.map((title) => title.replace('<', ''))];
  for (const [name, members] of grouped(rows)) {
    const base = members.find(({ run }) => run.allocator === 'allocUnsafe');
    lines.push([name], ...members.map((row) => cells(row, base)));
  }
  const full = lines.filter((line) => line.length > 1);
  const widths = COLUMNS.map((_, n) => Math.max(...full.map((line) => line[n].length)));
  const pad = (cell, n) => (COLUMNS[n] === '<' ? cell.padEnd(widths[n]) : cell.padStart(widths[n]));
  return lines.map((line) => line.map(pad).join(' ').trimEnd()).join('\n');
}

module.exports = { table };
