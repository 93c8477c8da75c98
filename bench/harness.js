'use strict';

// Caveats first. These are micro-benchmarks: they say what one operation costs in a hot loop with warm
// caches and a small heap, and nothing of what a service gains; for that there is `npm run demo`. The cost
// is CPU time of the whole process, V8's helper threads with it (parallel marking, freeing): a service
// pays for those too, and the wall clock of a shared machine measures its neighbours. Wall clock is shown
// beside it. All rivals of a scenario share a process and its type feedback.
//
// How: every rival's `run(n)` is warmed up and its n calibrated to a sample of `SAMPLE_MS`; then the
// rivals take turns, in mirrored order (method/schedule.js). A turn begins with half a sample
// that is not timed, in which the last rival's garbage goes and the heap takes its shape; a forced
// collection instead would shrink the young generation and made a request four times as dear (3.9 µs, not 1.0).
// All of it in BLOCKS processes, started by run.js, for a process is fast or slow for its whole life.

const { mean } = require('./method/statistics.js');
const { perPass, takeTurns } = require('./method/schedule.js');

const SAMPLE_MS = 40;
const WARM_UP_MS = 150;
const BLOCKS = 4;
const SLICES = 16; // of each rival, over all blocks
const QUICK = { sampleMs: 5, warmUpMs: 10 };

const quick = process.env.RALLOC_BENCH_QUICK === '1';
const blocks = quick ? 1 : BLOCKS;

const NS = 1e6;

function now() {
  return Number(process.hrtime.bigint()) / NS;
}

/** Milliseconds of CPU that all threads of this process have used. */
function cpuNow() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What the benchmarks make goes through here, so that no compiler can prove it unused. */
const kept = new Array(64).fill(null);
function keep(value) {
  kept[0] = value;
  return value;
}

async function time(run, n) {
  const begun = now();
  const cpu = cpuNow();
  keep(await run(n));
  return { cpu: cpuNow() - cpu, wall: now() - begun };
}

/** How often `run` is to repeat its operation for one sample; warms it up on the way. */
async function calibrate(run, warmUpMs) {
  const warmUp = quick ? QUICK.warmUpMs : warmUpMs;
  const target = quick ? QUICK.sampleMs : SAMPLE_MS;
  let n = 64;
  let last = (await time(run, n)).wall;
  for (let spent = last; spent < warmUp; spent += last) {
    if (last < target) n *= 2;
    last = (await time(run, n)).wall;
  }
  return Math.max(64, Math.round((n * target) / last / 64) * 64);
}

/**
 * Lets the rivals take turns.
 * @param {Record<string, () => Promise<number> | number>} samplers each gives the cost of one operation
 * @param {number} slices of each, over all blocks
 * @returns {Promise<Record<string, number[]>>} a value a pass for each
 */
async function takeSlices(samplers, slices) {
  const passes = quick ? 1 : Math.ceil(slices / BLOCKS / 2);
  const names = Object.keys(samplers);
  const taken = await takeTurns(names.length, passes, (index) => samplers[names[index]]());
  return Object.fromEntries(names.map((name, index) => [name, perPass(taken[index], mean)]));
}

/** The rows of one block; the first is the baseline of the others. */
function rowsOf(values, unit, walls = {}) {
  return Object.entries(values).map(([name, samples]) => ({
    name,
    unit,
    samples,
    walls: walls[name] ?? null,
  }));
}

/**
 * Compares rivals that live in this process.
 * @param {Record<string, (n: number) => unknown>} rivals the first is the baseline
 * @param {Record<string, Derive | { unit: string, of: Derive }>} [derived] more rows, computed from the
 *   values of each pass; Derive: (pass: Record<string, number>) => number
 */
async function compare(rivals, derived = {}, { slices = SLICES, warmUpMs = WARM_UP_MS } = {}) {
  const samplers = {};
  const walls = {};
  for (const [name, run] of Object.entries(rivals)) {
    const n = await calibrate(run, warmUpMs);
    walls[name] = [];
    samplers[name] = async () => {
      await run(Math.round(n / 128) * 64);
      const { cpu, wall } = await time(run, n);
      walls[name].push((wall * NS) / n);
      return (cpu * NS) / n;
    };
  }
  const values = await takeSlices(samplers, slices);
  const [first] = Object.values(values);
  for (const [name, how] of Object.entries(derived)) {
    const of = how.of ?? how;
    values[name] = first.map((_, pass) =>
      of(Object.fromEntries(Object.keys(rivals).map((rival) => [rival, values[rival][pass]]))),
    );
  }
  return rowsOf(values, 'ns', walls).map((row) =>
    row.name in derived ? { ...row, derived: true, unit: derived[row.name].unit ?? row.unit } : row,
  );
}

/** Compares by samplers of their own: processes, servers. `slices` of each, over all blocks. */
async function compareSamples(samplers, unit, slices) {
  return rowsOf(await takeSlices(samplers, slices), unit);
}

/**
 * Compares what other processes do, which tell what it cost them.
 * @param {Record<string, () => Promise<{ cpu: number, wall: number }>>} runs ns of one operation
 */
async function compareElsewhere(runs, slices = SLICES) {
  const walls = {};
  const samplers = {};
  for (const [name, run] of Object.entries(runs)) {
    walls[name] = [];
    samplers[name] = async () => {
      const { cpu, wall } = await run();
      walls[name].push(wall);
      return cpu;
    };
  }
  return rowsOf(await takeSlices(samplers, slices), 'ns', walls);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

module.exports = {
  SAMPLE_MS,
  blocks,
  compare,
  compareElsewhere,
  compareSamples,
  keep,
  quick,
  rowsOf,
  takeSlices,
  turn,
};
