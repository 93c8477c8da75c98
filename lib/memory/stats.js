'use strict';

// The counters of the memory below by their names. Every field is described in types/memory.d.ts and types/node.d.ts, as gauge or
// counter.

const { RallocError } = require('../base/errors.js');
const { backend, depotStats } = require('./native.js');
const { counts } = require('./foreign.js');
const streams = require('./stream-counts.js');

/**
 * The registers of LeasedArena.stats(). `inArenas`: bytes of the spans that arenas have. `adopted`: of memory that is not below.
 * Each refusal comes here. They are read one by one, since to destructure a Float64Array costs 3 µs more on Node 20.
 */
function memoryStats(numbers, inArenas, adopted) {
  // The memory below counts whole chunks: the tail that no span was cut from yet is as good as warm, and a
  // span can be in use in a chunk that counts as held, or as quarantined, for another span of it.
  const leased = Math.min(inArenas, numbers[3]);
  return {
    limit: numbers[0],
    used: numbers[1],
    peak: numbers[2],
    leased,
    warm: numbers[3] - leased,
    held: numbers[4],
    quarantined: numbers[5],
    stolen: numbers[6],
    limbo: numbers[7],
    adopted,
    reserved: numbers[11],
    committed: numbers[12],
    chunks: numbers[8],
    pins: numbers[9],
    recycled: numbers[13],
    mapped: numbers[14],
  };
}

/** What is shared by all arenas of the process (of the thread, on the fallback), and what of Node's memory went back in this thread. */
function stats() {
  const numbers = new Float64Array(8);
  depotStats(numbers);
  const [chunks, reserved, committed, hits, misses, unmapped, hitRate, retained] = numbers;
  const calls = { hits, misses, hitRate, unmapped };
  const depot = { chunks, reserved, committed, retained, ...calls };
  return { backend, depot, ...structuredClone({ bodies: counts, ...streams }) };
}

/** Took stats() at intervals, which is three lines of an application. */
function sampleStats() {
  throw new RallocError(
    'ERR_RALLOC_UNSUPPORTED',
    'sampleStats() was removed. Call stats() at an interval, by setInterval()',
  );
}

module.exports = { memoryStats, sampleStats, stats };
