'use strict';

// What bench/publish.js writes into README and docs/explain/benchmarks.md of the demo's runs. Pure.

const { differs } = require('../bench/method/statistics.js');
const { machineLine, times, whole } = require('./figures.js');
const { ABOUT } = require('./screen.js');
const { barsOf, versionOf, WIDTH } = require('./svg.js');

/** What a chart shows, in words. */
function altOf(all) {
  const says = barsOf(all).map(({ mix, bars }) => {
    const each = bars.map(({ node, ralloc }) => {
      const { rps } = ralloc.ratio;
      return `${differs(rps) ? times(rps) : 'no difference'} on Node ${versionOf(node)}`;
    });
    return `${mix}: ${each.join(', ')}`;
  });
  return `Requests per second of ralloc relative to Buffer.allocUnsafe. ${says.join('; ')}.`;
}

function readmePart(all) {
  const [{ machine }] = all;
  const { node, mixes } = all.at(-1);
  const memory = mixes.map(({ mix, ralloc }) => `\`${mix}\` ${times(ralloc.ratio.rss)}`);
  return [
    '<picture>',
    '  <source media="(prefers-color-scheme: dark)" srcset="docs/chart-dark.svg">',
    `  <img src="docs/chart-light.svg" width="${WIDTH}" alt="${altOf(all)}">`,
    '</picture>',
    '',
    `An Express 5 server under load, with its client on one machine (${machineLine(machine)}).`,
    `Peak memory on Node ${versionOf(node)}, relative as well: ${memory.join(', ')}.`,
  ].join('\n');
}

const megabytes = (value) => whole(value / 1e6);
const milliseconds = (value) => value.toFixed(1);
const collections = (value) => (value > 0 && value < 10 ? value.toFixed(1) : whole(value));

const COLUMNS = [
  { title: 'requests/s', field: 'rps', show: whole },
  { title: 'CPU a request, full load', field: 'fullCpuUs', show: whole, unit: ' µs' },
  { title: 'CPU a request, fixed rate', field: 'cpuUs', show: whole, unit: ' µs' },
  { title: 'p99.9, fixed rate', field: 'p999', show: milliseconds, unit: ' ms' },
  { title: 'peak RSS', field: 'rss', show: megabytes, unit: ' MB' },
];

function against(ratio) {
  const interval = `[${ratio.low.toFixed(2)}, ${ratio.high.toFixed(2)}]`;
  return differs(ratio) ? `**${times(ratio)}** ${interval}` : `≈ ${interval}`;
}

function rowOf({ mix, base, ralloc }) {
  const measured = COLUMNS.map(
    ({ field, show, unit = '' }) =>
      `${show(base[field])} → ${show(ralloc[field])}${unit}<br>${against(ralloc.ratio[field])}`,
  );
  const majors = `${collections(base.majorGcs)} → ${collections(ralloc.majorGcs)}`;
  return `| ${[`\`${mix}\`: ${ABOUT[mix]}`, ...measured, majors].join(' | ')} |`;
}

function tableOf({ node, mixes }) {
  const titles = [`Node ${node}`, ...COLUMNS.map(({ title }) => title), 'major GCs in 10,000'];
  return [`| ${titles.join(' | ')} |`, `|${'---|'.repeat(titles.length)}`, ...mixes.map(rowOf)];
}

function benchmarksPart(all) {
  const head = `Measured on: ${machineLine(all[0].machine)}.`;
  return [head, ...all.flatMap((one) => ['', ...tableOf(one)])].join('\n');
}

/** The table of --fallback, as docs/explain/benchmarks.md has it: of each mix the binary's row and the fallback's. */
function backendsTable(groups, machine) {
  const mixes = groups.map(([{ run: base }, { run: ralloc }]) => ({ mix: base.mix, base, ralloc }));
  const node = groups[0][0].run.node.replace(/^v/, '');
  return [`Measured on: ${machineLine(machine)}.`, '', ...tableOf({ node, mixes })];
}

module.exports = { backendsTable, readmePart, benchmarksPart };
