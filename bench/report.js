'use strict';

// Results as a table for people. `--json` prints the same as one object a line.

const UNITS = {
  ns: (value) => (value >= 9995 ? `${(value / 1000).toFixed(1)} µs` : `${round(value)} ns`),
  us: (value) => `${round(value)} µs`,
  ms: (value) => `${round(value)} ms`,
  MB: (value) => `${round(value)} MB`,
};

function round(value) {
  return Math.abs(value) < 100 ? value.toFixed(1) : value.toFixed(0);
}

function verdict(row, index) {
  if (row.derived) return '';
  if (index === 0) return 'baseline';
  if (!row.differs) return `no difference (${row.low.toFixed(2)}–${row.high.toFixed(2)})`;
  return `${row.ratio.toFixed(2)} × (${row.low.toFixed(2)}–${row.high.toFixed(2)})`;
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

module.exports = { printHead, printScenario };
