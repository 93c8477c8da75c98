'use strict';

// Results as a table for people. `--json` prints the same as one object a line.

const { differs, median, quantile, ratio } = require('./method/statistics.js');

const UNITS = {
  ns: (value) => (value >= 9995 ? `${(value / 1000).toFixed(1)} µs` : `${round(value)} ns`),
  us: (value) => `${round(value)} µs`,
  ms: (value) => `${round(value)} ms`,
  MB: (value) => `${round(value)} MB`,
  '%': (value) => `${value.toFixed(2)} %`,
  GCs: (value) => `${round(value)}`,
  '/s': (value) => `${round(value)}/s`,
};

function round(value) {
  return Math.abs(value) < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** Half the width of the middle 80 % of the values, as a part of their median. */
function scatter(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (quantile(values, 0.9) - quantile(values, 0.1)) / 2 / Math.abs(middle);
}

/** One result of the blocks of a scenario, which are runs of it in processes of their own. */
function merge(blocks) {
  const samplesOf = (index) => blocks.map(({ rows }) => rows[index].samples);
  const rows = blocks[0].rows.map(({ name, unit, derived, walls, base = 0 }, index) => {
    const samples = samplesOf(index).flat();
    const against = derived ? null : ratio(samplesOf(index), samplesOf(base));
    return {
      name,
      unit,
      median: median(samples),
      min: Math.min(...samples),
      wall: walls ? median(blocks.flatMap((block) => block.rows[index].walls)) : null,
      spread: scatter(samples),
      base,
      ratio: against?.value ?? null,
      low: against?.low ?? null,
      high: against?.high ?? null,
      differs: differs(against),
      ...(derived && { derived }),
    };
  });
  return { ...blocks[0], rows };
}

function verdict(row, index) {
  if (row.derived || row.ratio === null) return '';
  if (index === row.base) return 'baseline';
  if (!Number.isFinite(row.high)) return 'one block: no interval';
  const interval = `[${row.low.toFixed(2)}, ${row.high.toFixed(2)}]`;
  return row.differs ? `${row.ratio.toFixed(2)} × ${interval}` : `no difference ${interval}`;
}

function table(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
        )
        .join('  '),
    )
    .join('\n');
}

function printHead({ machine, node, v8, backend }) {
  console.log(`\n# Node ${node} (V8 ${v8}), ralloc on ${backend}; ${machine}`);
}

function printScenario({ bench, scenario, rows }) {
  console.log(`\n## ${bench}: ${scenario}`);
  const lines = rows.map((row, index) => [
    row.name,
    UNITS[row.unit](row.median),
    UNITS[row.unit](row.min),
    row.wall === null ? '' : UNITS[row.unit](row.wall),
    `±${(row.spread * 100).toFixed(0)} %`,
    verdict(row, index),
  ]);
  console.log(table([['', 'median', 'min', 'wall', 'spread', 'against the baseline'], ...lines]));
}

module.exports = { UNITS, merge, printHead, printScenario, table };
