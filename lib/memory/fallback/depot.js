'use strict';

// Memory of the fallback between two users. What is let go V8 frees, once no operation in flight has it any
// more: see move.js.

const time = require('../../base/time.js');
const { countsTransfers } = require('../../base/runtime.js');

const RETIREMENT_MS = 30_000;
const CAP = (countsTransfers ? 8 : 64) * 1024 * 1024;

const kept = []; // { ab, size, since }, the oldest first; nobody has a Buffer over them
let bytes = 0;
const counts = { hits: 0, misses: 0, unmapped: 0 };

/** The oldest goes: V8 frees it when it collects. */
function drop() {
  bytes -= kept.shift().size;
  counts.unmapped++;
}

/**
 * A place for an ArrayBuffer that is kept for its next user, or for V8 to free half a minute later; beyond the cap
 * the oldest goes. The caller puts it in, by an assignment: no call, which could throw at the stack's end.
 */
function reserve(size) {
  while (bytes + size > CAP && kept.length > 0) drop();
  const place = { ab: null, size, since: time.now() };
  kept.push(place);
  bytes += size;
  return place;
}

/** The youngest of exactly this size, its bytes as its last user left them; undefined when there is none. */
function take(size) {
  for (let i = kept.length - 1; i >= 0; i--) {
    if (kept[i].ab === null || kept[i].size !== size) continue;
    const { ab } = kept[i];
    kept.splice(i, 1);
    bytes -= size;
    counts.hits++;
    return ab;
  }
  counts.misses++;
  return undefined;
}

/** Lets go what has waited long enough; returns what is left. */
function trim() {
  const until = time.now() - RETIREMENT_MS;
  while (kept.length > 0 && kept[0].since <= until) drop();
  return { bytes, chunks: kept.length };
}

/** Registers: chunks, bytes reserved, bytes committed, hits, misses, unmapped, hit rate, 0. */
function stats(registers) {
  const { hits, misses, unmapped } = counts;
  const rate = hits === 0 ? 0 : hits / (hits + misses);
  registers.set([kept.length, bytes, bytes, hits, misses, unmapped, rate, 0]);
}

module.exports = { reserve, take, trim, stats };
