'use strict';

// Memory of the fallback between two users. What is let go V8 frees, once no operation in flight
// has it any more: see move.js.

const time = require('../../base/time.js');
const { countsTransfers } = require('../../base/runtime.js');

const RETIREMENT_MS = 30_000;
const CAP = (countsTransfers ? 8 : 64) * 1024 * 1024;

const kept = []; // { ab, size, since }, the oldest first; no Buffer is over them
let bytes = 0;
const counts = { hits: 0, misses: 0, unmapped: 0 };

/** Drops the oldest: V8 frees it when it collects. */
function drop() {
  bytes -= kept.shift().size;
  counts.unmapped++;
}

/**
 * Returns a place for an ArrayBuffer, which is kept for its next user for half a minute and then
 * left to V8; beyond the cap the oldest are dropped. The caller assigns the ArrayBuffer, because a
 * call could overflow the stack.
 */
function reserve(size) {
  while (bytes + size > CAP && kept.length > 0) drop();
  const place = { ab: null, size, since: time.now() };
  kept.push(place);
  bytes += size;
  return place;
}

/**
 * Takes the youngest of exactly this size, with the bytes of its last user; undefined if there is
 * none.
 */
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

/** Drops what has waited for half a minute; returns how many are left. */
function trim() {
  const until = time.now() - RETIREMENT_MS;
  while (kept.length > 0 && kept[0].since <= until) drop();
  return kept.length;
}

/** Registers: chunks, bytes reserved, bytes committed, hits, misses, unmapped, hit rate, 0. */
function stats(registers) {
  const { hits, misses, unmapped } = counts;
  const rate = hits === 0 ? 0 : hits / (hits + misses);
  registers.set([kept.length, bytes, bytes, hits, misses, unmapped, rate, 0]);
}

module.exports = { reserve, take, trim, stats };
