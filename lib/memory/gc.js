'use strict';

// A collection on request, for memory that only V8 can prove to be unseen. At most one in 100 ms, and full
// ones for at most a twentieth of the time.

const v8 = require('node:v8');
const vm = require('node:vm');
const time = require('../base/time.js');

const EVERY_MS = 100;
const MINORS = 3; // before a full one: who still asks then, waits for what has grown old
const SHARE = 20;
let collect = null;
let last = Number.NEGATIVE_INFINITY;
let minors = 0;
let majorEnd = Number.NEGATIVE_INFINITY;
let majorMs = 0;

/**
 * `gc` without a command-line flag: a new context has it once the flag is set. Bun has its own, of which the
 * quick one runs beside the program; where a runtime has none, it collects when it sees fit.
 */
function obtain() {
  if (typeof globalThis.gc === 'function') return globalThis.gc;
  const ofBun = globalThis.Bun?.gc;
  if (typeof ofBun === 'function') return (options) => ofBun(options === undefined);
  try {
    v8.setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc');
    v8.setFlagsFromString('--no-expose-gc');
    return gc;
  } catch {
    return () => {};
  }
}

/**
 * Asks for a collection of the young generation in a later turn: 0.1 ms on a small heap. External
 * ArrayBuffers that died young are so found; V8's own (`major`: FinalizationRegistry) need a full one.
 */
function requestGc({ major = false } = {}) {
  const now = time.now();
  if (now - last < EVERY_MS) return;
  last = now;
  minors++;
  const full = (major || minors > MINORS) && now - majorEnd >= majorMs * SHARE;
  if (full || !major) time.setImmediate(run, full);
}

function run(full) {
  collect ??= obtain();
  if (!full) {
    collect({ type: 'minor' });
    return;
  }
  const start = time.now();
  collect(); // Node 20 takes { type: 'major' } for a minor one
  majorEnd = time.now();
  majorMs = majorEnd - start;
  minors = 0;
}

module.exports = { requestGc };
