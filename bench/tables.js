'use strict';

// Results of `node bench/run.js --json` as tables of documents. Pure.

const { UNITS } = require('./report.js');

const inOrder = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** A ratio to the first row and its interval, in bold if it differs. */
function against({ ratio, low, high, differs }) {
  const interval = `[${low.toFixed(2)}, ${high.toFixed(2)}]`;
  return differs ? `**${ratio.toFixed(2)} ×** ${interval}` : `≈ ${interval}`;
}

const shown = ({ unit, median }) => (median === null ? '' : UNITS[unit](median));

/** A cell: what the first row took, and of the others how they compare. */
function cellOf(rows, row) {
  if (row === undefined) return '';
  return row.derived || rows.indexOf(row) === row.base ? shown(row) : against(row);
}

const lines = (titles, rows) =>
  [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);

/** A part with a table for each Node: `rowsOf(results)` makes its rows. */
function tables(results, titles, rowsOf) {
  const nodes = [...new Set(results.map(({ node }) => node))].sort(inOrder);
  const [{ machine }] = results;
  const told = nodes.map((node) =>
    lines(
      [`Node ${node}`, ...titles],
      results.filter((one) => one.node === node).flatMap(rowsOf),
    ).join('\n'),
  );
  return [`Measured on: ${machine.replace(/, load .*/, '')}.`, ...told].join('\n\n');
}

/** The columns of servers, and how the names of their rows begin: see servers.js. */
const COLUMNS = {
  'CPU a request': '',
  'peak RSS': 'peak RSS, ',
  'requests/s': 'requests/s, ',
  P99: 'P99, ',
  'major GCs in 10,000': 'major GCs in 10,000, ',
};

/** Servers that `compareServers()` compared: a row for each. */
function serversPart(results) {
  const has =
    (before) =>
    ({ rows }) =>
      rows.some(({ name }) => name.startsWith(before));
  const columns = Object.entries(COLUMNS).filter(([, before]) => results.some(has(before)));
  return tables(
    results,
    columns.map(([title]) => title),
    ({ scenario, rows }) => {
      const names = rows.slice(
        0,
        rows.findIndex(({ name }) => name.startsWith('peak RSS, ')),
      );
      return names.map(({ name }, n) => [
        `${n === 0 ? `**${scenario}**: ` : ''}\`${name}\``,
        ...columns.map(([, before]) =>
          cellOf(
            rows,
            rows.find((row) => row.name === `${before}${name}`),
          ),
        ),
      ]);
    },
  );
}

/** Operations: a row for each rival. */
function operationsPart(results) {
  return tables(results, ['takes', 'against the first'], ({ scenario, rows }) =>
    rows.map((row, n) => [
      `${n === 0 ? `**${scenario}**: ` : ''}\`${row.name}\``,
      shown(row),
      n === row.base ? '' : against(row),
    ]),
  );
}

/** Pairs: a row for each scenario, a column for each Node. */
function pairsPart(results, titleOf) {
  const pairs = results.filter(({ rows }) => rows.length === 2);
  const nodes = [...new Set(pairs.map(({ node }) => node))].sort(inOrder);
  const rows = [...new Set(pairs.map(({ scenario }) => scenario))].map((scenario) => [
    titleOf(scenario),
    ...nodes.map((node) => {
      const result = pairs.find((one) => one.scenario === scenario && one.node === node);
      if (result === undefined) return '';
      const [base, other] = result.rows;
      return `${shown(base)} → ${shown(other)}<br>${against(other)}`;
    }),
  ]);
  return lines(['', ...nodes.map((node) => `Node ${node}`)], rows).join('\n');
}

module.exports = { operationsPart, pairsPart, serversPart };
