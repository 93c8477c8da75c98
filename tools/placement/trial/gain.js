'use strict';

// The gain of a trial under a load. A block is a run of two fresh processes, one with the code as it is and one with its lines changed. Some properties of a process
// stay for its life (how code was compiled, where its heap lies), so each block gives one value, and the interval is computed over blocks.

const { formatBytes } = require('../../../lib/base/bytes.js');

/** Student's t, 97.5 %, by degrees of freedom from 1 on. */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093,
];
const MOST_BLOCKS = STUDENT.length + 1;

/** This first part of a load's time is not measured: V8 compiles code and grows the heap. */
const WARM_UP = 1 / 3;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The cost of a load, `{ cpu, rss, majors, requests }`, in microseconds, bytes, and counts. `processes`: the rows of each, `[at, cpu, rss, majors, requests]`; `from`, `to`: begin and end, in ms. Undefined if a process has no two rows to compare. */
function costOf(processes, from, to) {
  const begin = from + (to - from) * WARM_UP;
  const cost = { cpu: 0, rss: 0, majors: 0, requests: 0 };
  for (const rows of processes) {
    const first = rows.findLast(([at]) => at <= begin) ?? rows[0];
    const last = rows.at(-1);
    if (first === last) return undefined;
    cost.cpu += last[1] - first[1];
    cost.rss += Math.max(...rows.filter((row) => row[0] >= first[0]).map((row) => row[2]));
    cost.majors += last[3] - first[3];
    cost.requests += last[4] - first[4];
  }
  return cost;
}

const figure = (value) => Number(value.toPrecision(value >= 100 ? 3 : 2)).toLocaleString('en-US');

/** The line of a figure: its change by the mean of blocks, with the bounds in 19 of 20 cases. `isRatio`: else by difference, for figures that may be 0. None if there is no ratio. */
function lineOf(blocks, { name, of, show, isRatio = true }) {
  const values = blocks.map(({ plain, changed }) =>
    isRatio ? Math.log(of(changed) / of(plain)) : of(changed) - of(plain),
  );
  if (!values.every(Number.isFinite)) return [];
  const value = mean(values);
  const variance = values.reduce((sum, one) => sum + (one - value) ** 2, 0) / (values.length - 1);
  const half = STUDENT[values.length - 2] * Math.sqrt(variance / values.length);
  const shown = (change) => (isRatio ? Math.exp(change).toFixed(2) : figure(change));
  const isNone = Math.abs(value) <= half;
  const told = isNone ? 'no difference' : `${shown(value)}${isRatio ? ' ×' : ''}`;
  const [plain, changed] = ['plain', 'changed'].map((arm) =>
    show(mean(blocks.map((block) => of(block[arm])))),
  );
  return `${name}: ${told} [${shown(value - half)}, ${shown(value + half)}], ${plain} → ${changed}`;
}

/** Lines of text about blocks, each `{ plain, changed }` from costOf(). If the interval of a figure includes no change, the text says that there is no difference. */
function gainLines(blocks) {
  const isServing = blocks.every(({ plain: a, changed: b }) => a.requests > 0 && b.requests > 0);
  const per = (name, count) => (cost) =>
    isServing ? (cost[name] / cost.requests) * count : cost[name];
  const time = (us) => (isServing ? `${figure(us)} µs` : `${figure(us / 1e6)} s`);
  const size = (bytes) => formatBytes(Math.round(bytes));
  const figures = [
    { name: `CPU${isServing ? ' a request' : ''}`, of: per('cpu', 1), show: time },
    { name: 'peak RSS', of: ({ rss }) => rss, show: size },
    {
      name: `major collections${isServing ? ' in 1,000 requests' : ''}`,
      ...{ of: per('majors', 1000), show: figure, isRatio: false },
    },
  ];
  return figures.flatMap((one) => lineOf(blocks, one));
}

module.exports = { MOST_BLOCKS, costOf, gainLines };
