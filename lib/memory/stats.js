'use strict';

// The counters of the memory below by their names. Every field is described in index.d.ts, as gauge or
// counter.

const { backend, depotStats } = require('./native.js');

/** The registers of LeasedArena.stats(). `inArenas`: bytes of the spans that arenas have. */
function memoryStats(numbers, inArenas) {
  const [limit, used, peak, chunksLeased, held, quarantined, stolen, limbo, chunks, pins] = numbers;
  const [reserved, committed, resident, recycled, mapped] = numbers.subarray(11);
  // The memory below counts whole chunks: the tail that no span was cut from yet is as good as warm, and a
  // span can be in use in a chunk that counts as held, or as quarantined, for another span of it.
  const leased = Math.min(inArenas, chunksLeased);
  const bytes = { limit, used, peak, leased, warm: chunksLeased - leased };
  Object.assign(bytes, { held, quarantined, stolen, limbo, reserved, committed, resident });
  return { ...bytes, chunks, pins, recycled, mapped };
}

/** What is shared by all arenas of the process (of the thread, on the fallback). */
function stats() {
  const numbers = new Float64Array(8);
  depotStats(numbers);
  const [chunks, reserved, committed, hits, misses, unmapped, hitRate, retained] = numbers;
  const counts = { hits, misses, hitRate, unmapped };
  return { backend, depot: { chunks, reserved, committed, retained, ...counts } };
}

module.exports = { memoryStats, stats };
