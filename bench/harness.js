'use strict';

// Caveats first. These are micro-benchmarks: they say what one operation costs in a hot loop with warm
// caches and a small heap, and nothing of what a service gains; for that there is `npm run demo`. The cost
// is CPU time of the whole process, V8's helper threads with it (parallel marking, freeing): a service
// pays for those too, and the wall clock of a shared machine measures its neighbours. Wall clock is shown
// beside it. All rivals of a scenario share a process and its type feedback.
//
// How: every rival's `run(n)` is warmed up and its n calibrated to a sample of `SAMPLE_MS`; then the
// rivals take turns, one sample each a round, in an order that rotates. A turn begins with half a sample
// that is not timed, in which the last rival's garbage goes and the heap takes its shape; a forced
// collection instead would shrink the young generation and made a request four times as dear (3.9 µs, not 1.0).
// Ratios are taken within rounds.

const { median, ratio, spread } = require('./numbers.js');

const SAMPLE_MS = 40;
const WARM_UP_MS = 150;
const ROUNDS = 15;
const QUICK = { rounds: 3, sampleMs: 5, warmUpMs: 10 };

const quick = process.env.RALLOC_BENCH_QUICK === '1';
const rounds = (wanted = ROUNDS) => (quick ? Math.min(QUICK.rounds, wanted) : wanted);

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
async function calibrate(run) {
  const warmUp = quick ? QUICK.warmUpMs : WARM_UP_MS;
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
 * @returns {Promise<Record<string, number[]>>} a value a round for each
 */
async function takeTurns(samplers, count) {
  const names = Object.keys(samplers);
  const values = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < count; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      values[name].push(await samplers[name]());
    }
  }
  return values;
}

/** The rows of a table: each rival against the first, which is the baseline. */
function rowsOf(values, unit, walls = {}) {
  const [baseline] = Object.values(values);
  return Object.entries(values).map(([name, samples]) => ({
    name,
    unit,
    median: median(samples),
    min: Math.min(...samples),
    wall: walls[name] ? median(walls[name]) : null,
    spread: spread(samples),
    ...ratio(samples, baseline),
  }));
}

/**
 * Compares rivals that live in this process.
 * @param {Record<string, (n: number) => unknown>} rivals the first is the baseline
 * @param {Record<string, (round: Record<string, number>) => number>} [derived] more rows, computed from the
 *   values of each round
 */
async function compare(rivals, derived = {}) {
  const samplers = {};
  const walls = {};
  for (const [name, run] of Object.entries(rivals)) {
    const n = await calibrate(run);
    walls[name] = [];
    samplers[name] = async () => {
      await run(Math.round(n / 128) * 64);
      const { cpu, wall } = await time(run, n);
      walls[name].push((wall * NS) / n);
      return (cpu * NS) / n;
    };
  }
  const values = await takeTurns(samplers, rounds());
  const [first] = Object.values(values);
  for (const [name, derive] of Object.entries(derived)) {
    values[name] = first.map((_, round) =>
      derive(Object.fromEntries(Object.keys(rivals).map((rival) => [rival, values[rival][round]]))),
    );
  }
  return rowsOf(values, 'ns', walls).map((row) =>
    row.name in derived ? { ...row, derived: true } : row,
  );
}

/** Compares by samplers of their own: processes, servers. */
async function compareSamples(samplers, unit, count) {
  return rowsOf(await takeTurns(samplers, rounds(count)), unit);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

module.exports = { compare, compareSamples, rowsOf, keep, turn, quick };
