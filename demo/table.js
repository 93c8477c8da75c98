'use strict';

// The table of --all and --long: a row for every contender, ratios to allocUnsafe with their intervals.

const { FLAG } = require('./contenders.js');
const { verdict } = require('./screen.js');
const { titleOf } = require('./servers/index.js');

const thousands = (value) => Math.round(value).toLocaleString('en-US');
const percent = (share) => (share === null ? '' : `${Math.round(share * 100)} %`);

// Titles; < for what is aligned to the left.
const COLUMNS = [
  ['', '<', ({ run }) => `  ${run.allocator}`],
  ['req/s', '', ({ run }) => thousands(run.rps)],
  ['', '<', (row) => against(row, 'rps')],
  ['CPU µs', '', ({ run }) => thousands(run.fullCpuUs)],
  ['', '<', (row) => against(row, 'fullCpuUs')],
  ['fixed', '', ({ run }) => thousands(run.cpuUs)],
  ['', '<', (row) => against(row, 'cpuUs')],
  ['p99', '', ({ run }) => run.p99.toFixed(2)],
  ['p99.9 ms', '', ({ run }) => run.p999.toFixed(2)],
  ['', '<', (row) => against(row, 'p999')],
  ['RSS MB', '', ({ run }) => thousands(run.rss / 1e6)],
  ['', '<', (row) => against(row, 'rss')],
  ['GC ms', '', ({ run }) => thousands(run.gcMs)],
  ['major', '', ({ run }) => run.majorGcs.toFixed(1)],
  ['saved CPU', '', ({ run }) => percent(run.removed.cpu)],
  ['RSS', '', ({ run }) => percent(run.removed.rss)],
];

function against({ run }, field) {
  const ratio = run.ratio[field];
  if (ratio !== null && ratio.low === ratio.high) return '1'; // the base itself
  return verdict(ratio).replace('no difference', '≈');
}

/** Groups of rows, each of one mix on one server, under their names. */
function table(groups) {
  const lines = [COLUMNS.map(([title]) => title)];
  for (const rows of groups) {
    const { mix, server } = rows[0].run;
    lines.push([`${mix}, ${titleOf(server)}`]);
    lines.push(...rows.map((row) => COLUMNS.map(([, , cell]) => cell(row))));
  }
  const full = lines.filter((line) => line.length > 1);
  const widths = COLUMNS.map((_, n) => Math.max(...full.map((line) => line[n].length)));
  const pad = (cell, n) =>
    COLUMNS[n][1] === '<' ? cell.padEnd(widths[n]) : cell.padStart(widths[n]);
  return lines.map((line) => line.map(pad).join(' ').trimEnd()).join('\n');
}

const READING = `req/s, CPU: a closed loop over 50 kept-alive connections. The rest: the same fixed rate for all, 60 % of
allocUnsafe's req/s, latencies from the intended start. CPU: all threads of the server, a request.
GC ms and major GCs: in 10,000 requests. RSS: the peak of a process. Ratios to allocUnsafe in their
95 % intervals over blocks, sets of fresh processes; ≈: no difference. "saved": of what the pool by
hand saves, which keeps nothing safe. Not measured: a network, and a client on another machine.
flag: ${FLAG};
semi64: --max-semi-space-size=64; newspace8: --scavenger-max-new-space-capacity-mb=8.`;

module.exports = { table, READING };
