'use strict';

// Caveats first. Operations in a hot loop with warm caches and a small heap say what one of them
// costs, and nothing of what a service gains: for that there is `npm run demo`. The cost is CPU
// time of the whole process, V8's helper threads with it (parallel marking, freeing): a service
// pays for those too, and the wall clock of a shared machine measures its neighbours. All rivals of
// a scenario share a process and its type feedback.
//
// How: every rival's `run(n)` is warmed up and its n calibrated to a sample of `SAMPLE_MS`; then
// the rivals take turns, in mirrored order (schedule.js). A turn begins with half a sample that is
// not timed, in which the last rival's garbage goes and the heap takes its shape; a forced
// collection instead would shrink the young generation and made a request four times as dear (3.9
// µs, not 1.0). All of it in BLOCKS processes, for a process is fast or slow for its whole life.

const { mean } = require('../../tools/compare/statistics.js');
const { perPass, takeTurns } = require('./schedule.js');

const SAMPLE_MS = 40;
const WARM_UP_MS = 150;
const BLOCKS = 4;
const SLICES = 16; // of each rival, over all blocks
const QUICK = { sampleMs: 5, warmUpMs: 10 };

const quick = process.env.RALLOC_BENCH_QUICK === '1';
const blocks = quick ? 1 : BLOCKS;

const NS = 1e6; // in a millisecond

/** Milliseconds of CPU that all threads of this process have used. */
function cpuNow() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What rivals make is stored here, so that no compiler can prove it unused. */
const kept = [null];

async function time(run, n) {
  const begun = performance.now();
  const cpu = cpuNow();
  kept[0] = await run(n);
  return { cpu: cpuNow() - cpu, wall: performance.now() - begun };
}

/** How often `run` is to repeat its operation for one sample; warms it up on the way. */
async function calibrate(run, warmUpMs) {
  const target = quick ? QUICK.sampleMs : SAMPLE_MS;
  let n = 64;
  let last = (await time(run, n)).wall;
  for (let spent = last; spent < (quick ? QUICK.warmUpMs : warmUpMs); spent += last) {
    if (last < target) n *= 2;
    last = (await time(run, n)).wall;
  }
  return Math.max(64, Math.round((n * target) / last / 64) * 64);
}

/**
 * Lets rivals take turns: the rows of a block.
 * @param {Record<string, () => Promise<Record<string, number>>>} samplers each gives its fields
 * @param {number} slices of each, over all blocks
 */
async function compareSamples(samplers, slices = SLICES) {
  const passes = quick ? 1 : Math.ceil(slices / BLOCKS / 2);
  const names = Object.keys(samplers);
  const taken = await takeTurns(names.length, passes, (index) => samplers[names[index]]());
  return names.map((name, index) => {
    const valuesOf = (field) =>
      perPass(taken[index], (pair) => mean(pair.map((one) => one[field])));
    const fields = Object.keys(taken[index][0]);
    return { name, values: Object.fromEntries(fields.map((field) => [field, valuesOf(field)])) };
  });
}

/**
 * Compares operations that live in this process: `ns` of CPU and `wall` of one.
 * @param {Record<string, (n: number) => unknown>} rivals the first is the base
 */
async function compare(rivals, { slices = SLICES, warmUpMs = WARM_UP_MS } = {}) {
  const samplers = {};
  for (const [name, run] of Object.entries(rivals)) {
    const n = await calibrate(run, warmUpMs);
    samplers[name] = async () => {
      await run(Math.round(n / 128) * 64);
      const { cpu, wall } = await time(run, n);
      return { ns: (cpu * NS) / n, wall: (wall * NS) / n };
    };
  }
  return compareSamples(samplers, slices);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

module.exports = { blocks, compare, compareSamples, quick, turn };
