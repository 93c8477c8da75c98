'use strict';

// What an arena tells of itself, and the process. Every field is described in index.d.ts, as gauge or counter.

const { backend, depotStats } = require('../memory/native.js');

function arenaStats(described, owner) {
  const { name, safety } = owner.settings;
  return { name, backend, safety, limit: owner.limit, ...described, memory: owner.pool.stats() };
}

function arenaLine({ live, allocated, spans, scopes, holds }, owner) {
  const { name, safety } = owner.settings;
  const parts = [
    live ? 'live' : 'closed',
    `${bytes(allocated)} of ${bytes(owner.limit)} in ${spans} span${spans === 1 ? '' : 's'}`,
    safety,
    backend,
  ];
  if (scopes > 0) parts.push(`${scopes} scope${scopes === 1 ? '' : 's'}`);
  if (holds > 0) parts.push(`${holds} hold${holds === 1 ? '' : 's'}`);
  return `Arena${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
}

function bytes(count) {
  if (count < 1024) return `${count} B`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), 4);
  return `${Number((count / 1024 ** power).toFixed(1))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

/** The registers of LeasedArena.stats() by their names. `inArenas`: bytes of the spans that arenas have. */
function memoryStats(numbers, inArenas) {
  const [limit, used, peak, chunksLeased, held, quarantined, stolen, limbo, chunks, pins] = numbers;
  const [reserved, committed, resident, recycled, mapped] = numbers.subarray(11);
  // Below whole chunks are counted: the tail that no piece was cut from yet is as good as warm, and a piece
  // can be in use in a chunk that counts as held, or as quarantined, for another piece of it.
  const leased = Math.min(inArenas, chunksLeased);
  const bytes = { limit, used, peak, leased, warm: chunksLeased - leased };
  Object.assign(bytes, { held, quarantined, stolen, limbo, reserved, committed, resident });
  return { ...bytes, chunks, pins, recycled, mapped };
}

/** What is shared by all arenas of the process (of the thread, on the fallback). */
function stats() {
  const numbers = new Float64Array(7);
  depotStats(numbers);
  const [chunks, reserved, committed, hits, misses, unmapped, hitRate] = numbers;
  return { backend, depot: { chunks, reserved, committed, hits, misses, hitRate, unmapped } };
}

module.exports = { arenaStats, arenaLine, memoryStats, stats, bytes };
