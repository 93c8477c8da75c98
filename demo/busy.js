'use strict';

// Whether the machine had other work while the demo measured, so that its rows are not to be believed.

const fs = require('node:fs');
const { attempt } = require('../lib/base/attempt.js');
const { allowed } = require('../bench/method/cpus.js');
const { median, sum } = require('../tools/compare/statistics.js');

const MOST_OTHERS = 0.1; // of the processors
/** By which factor a server may differ from itself, from one pass to the next. */
const MOST = { rps: 1.15, p99: 1.6 };

/** CPU time so far, in ticks, as Linux has it: of this process with its children that have ended, `own`, and of all on its processors. */
function ticks() {
  const stat = fs.readFileSync('/proc/self/stat', 'latin1').replace(/^.*\) /s, '');
  const own = sum(stat.split(' ').slice(11, 15).map(Number));
  const lines = fs.readFileSync('/proc/stat', 'latin1').matchAll(/^cpu(\d+) (.*)$/gm);
  const mine = [...lines].filter(([, n]) => allowed().includes(Number(n)));
  const times = mine.map(([, , line]) => line.split(' ').slice(0, 8).map(Number));
  const idle = sum(times.map(([, , , rest, waits]) => rest + waits));
  const all = sum(times.flat());
  return { own, all, busy: all - idle };
}

/** Returns a function that tells the share of the processors that others have had since; undefined where that is not known. To be called when all children have ended. */
function watchOthers() {
  const before = attempt(ticks);
  return () => {
    const now = before && attempt(ticks);
    const since = (name) => now[name] - before[name];
    return now && Math.max(0, (since('busy') - since('own')) / since('all'));
  };
}

/** By how much the passes of a run differ within a block, as a factor. */
const unrest = ({ blocks }, field) =>
  median(blocks[field].map((passes) => Math.max(...passes) / Math.min(...passes)));

/** Why rows are not to be believed, in a line; none if nothing speaks against them. `bases`: the rows that ratios are to. */
function busyLines(bases, others) {
  const differing = bases.flatMap(({ run }) =>
    Object.keys(MOST)
      .map((field) => [field, unrest(run, field)])
      .filter(([field, factor]) => factor > MOST[field])
      .map(([field, factor]) => `${run.mix} ${field} ${factor.toFixed(2)} ×`),
  );
  const why = [
    ...(others > MOST_OTHERS ? [`others had ${Math.round(100 * others)} % of the processors`] : []),
    ...(differing.length > 0
      ? [`${bases[0].run.allocator} differed from itself (${differing.join(', ')})`]
      : []),
  ];
  if (why.length === 0) return [];
  return [
    `The machine was busy: ${why.join('; ')}. Do not believe these rows: run it again alone.`,
  ];
}

module.exports = { busyLines, watchOthers };
