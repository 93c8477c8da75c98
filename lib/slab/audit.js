'use strict';

// Compares the lists and counts of a slab in this thread with each other and with those of the
// binary, for tests and debug mode.

const { differ, sumOf } = require('../memory/audit.js');
const { readPools } = require('./stats.js');

function auditSlots(pool, shared, isShared) {
  const { size, maxCount, claimed, stolen, inFlight, operations, top, capacity, limit } = pool;
  const guards = pool.guards.filter((guard) => guard !== undefined);
  const cached = Array.from({ length: top }, (_, i) => pool.slotAt(i));
  const claims = sumOf(guards, (guard) => guard.operations);
  const findings = [
    ...differ('slots in the cache, each once', top, new Set(cached).size),
    ...differ('operations', operations, claims),
    ...differ('most slots that may be cached', capacity, operations === 0 ? limit : 0),
  ];
  const waiting = sumOf(guards, (guard) => guard.waiting);
  // An interrupted free() leaves a Buffer that waits and is still held: the next free() of it
  // continues.
  if (inFlight > waiting) findings.push(`slots in flight: ${inFlight}, and ${waiting} wait`);
  if (cached.some((slot) => !(slot >= 0 && slot < maxCount)))
    findings.push('a slot of no pool is cached');
  if (pool.held < 0) findings.push(`${pool.held} slots are held`);
  if (stolen < 0 || stolen > claimed) findings.push(`${stolen} of ${claimed} slots are stolen`);
  // Not checked in a shared slab, where other threads and processes change these at any time.
  if (!isShared) {
    findings.push(...differ('claimed slots', claimed, shared.claimed));
    findings.push(...differ('all slots', shared.count, shared.claimed + shared.sent + shared.free));
  }
  return findings.map((what) => `${size} B: ${what}`);
}

/** Checks everything in a SlabCore. */
function auditSlab(core) {
  const { isLive, leased, over, unfinished } = core;
  if (!isLive || leased === null || over !== null || unfinished !== null) return [];
  const shared = readPools(leased);
  return core.pools.flatMap((pool, i) => auditSlots(pool, shared[i], core.isShared));
}

module.exports = { auditSlab };
