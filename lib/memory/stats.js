'use strict';

// Names the counters of LeasedArena.stats() and depotStats(). Every field is described in
// types/memory.d.ts and types/node.d.ts, as gauge or counter.

const { RallocError } = require('../base/errors.js');
const { backend, depotStats } = require('./native.js');
const { counts } = require('./foreign.js');
const streams = require('./stream-counts.js');

/**
 * Names the registers of LeasedArena.stats(). `inArenas`: bytes of the spans that arenas have.
 * `adopted`: bytes of adopted memory. Every refusal calls this. Indexed reads, because
 * destructuring a Float64Array costs 3 µs more on Node 20.
 */
function memoryStats(numbers, inArenas, adopted) {
  // The backend counts whole chunks. A chunk's tail that no span was cut from yet counts as warm
  // here. A span may be in use in a chunk that the backend counts as held or quarantined, because
  // of another span in it.
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

/**
 * Figures of the depot, which all arenas of the process share (on the fallback, of the thread), and
 * of Node's memory that this thread gave back.
 */
function stats() {
  const numbers = new Float64Array(8);
  depotStats(numbers);
  const [chunks, reserved, committed, hits, misses, unmapped, hitRate, retained] = numbers;
  const calls = { hits, misses, hitRate, unmapped };
  const depot = { chunks, reserved, committed, retained, ...calls };
  return { backend, depot, ...structuredClone({ bodies: counts, ...streams }) };
}

/** It called stats() at intervals, which takes three lines in an application. */
function sampleStats() {
  throw new RallocError(
    'ERR_RALLOC_UNSUPPORTED',
    'sampleStats() was removed. Call stats() at an interval, by setInterval()',
  );
}

module.exports = { memoryStats, sampleStats, stats };
