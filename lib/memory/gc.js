'use strict';

// Collections on request, for memory that only V8 can prove to be unseen. A collection stops the event loop, so
// none is asked for that may be dear: memory waits for V8's own then, and those who want it go elsewhere.
// - All are timed, those of the young generation too: while V8 marks the old one, `gc({ type: 'minor' })` ends
//   that in one stop (24 and 26; 0.6–1.1 s over 660 MB of small objects, nine times in 15 s).
// - Those that somebody can do without take a twentieth of the time, and after one that was dear there is none for
//   a long while.
// - Over a large heap there is no full one, and none while V8 marks, or may mark.

const v8 = require('node:v8');
const vm = require('node:vm');
const time = require('../base/time.js');
const marking = require('./marking.js');

const EVERY_MS = 100;
const SHARE = 20; // one part of the time in so many, for those who can do without
const DEAR_MS = 50;
const DEAR_SHARE = 1000; // a pause of the machine passes for dear too: not for ever, then
const SMALL_HEAP = 48 * 1024 * 1024; // a full one takes 0.2–0.5 ms a MiB, of nothing but small objects 1.6

let collect = null;
let asked = Number.NEGATIVE_INFINITY; // when somebody asked last, whatever came of it
let isDue = false;
let end = Number.NEGATIVE_INFINITY; // of the last one
let tookMs = 0;

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
 * Asks for a collection in a later turn: of the young generation (0.1 ms on a small heap), which finds external
 * ArrayBuffers that died young; `full`: of all, if that is cheap; `major`: of all or none, for V8's own
 * ArrayBuffers (FinalizationRegistry). `urgent`: whoever asks has nowhere else to go, and asks once for so many bytes;
 * only one that was dear makes that wait. Returns whether there will be one.
 */
function requestGc({ full = false, major = false, urgent = false } = {}) {
  const now = time.now();
  if (isDue || (!urgent && now - asked < EVERY_MS)) return false;
  const rest = tookMs > DEAR_MS ? DEAR_SHARE : urgent ? 0 : SHARE;
  if (now - end < tookMs * rest) return false;
  asked = now;
  if (major && marking.heapBytes() > SMALL_HEAP) return false;
  if (!isCheap()) return false;
  isDue = true;
  time.setImmediate(run, full || major);
  return true;
}

/** Whether a minor one will hardly be dear. */
const isCheap = () => marking.heapBytes() <= SMALL_HEAP || marking.isMarking() === false;

/** Whether a full one is likely to be cheap. */
const isSmall = () => marking.heapBytes() <= SMALL_HEAP && tookMs <= DEAR_MS;

function run(full) {
  isDue = false;
  if (!isCheap()) return; // V8 began to mark since
  collect ??= obtain();
  const isFull = full && marking.heapBytes() <= SMALL_HEAP;
  // Node 20 takes { type: 'major' } for a minor one.
  tookMs = marking.timeOf(isFull ? () => collect() : () => collect({ type: 'minor' }));
  end = time.now();
}

/** Collects all at once, where the heap is no larger than `most` bytes: for the end of a process, which nobody waits for long. */
function collectNow(most) {
  if (marking.heapBytes() > most) return false;
  collect ??= obtain();
  collect();
  return true;
}

module.exports = { requestGc, isSmall, collectNow };
