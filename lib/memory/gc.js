'use strict';

// Collections on request, for memory that only V8 can prove to be unseen. A collection stops the event loop, so
// none is asked for that may be dear: memory waits for V8's own then, and those who want it go elsewhere.
// - All are timed, those of the young generation too: while V8 marks the old one, `gc({ type: 'minor' })` ends
//   that in one stop (24 and 26; 0.6–1.1 s over 660 MB of small objects, nine times in 15 s).
// - Those that somebody can do without take a twentieth of the time, and after one that was dear there is none for
//   a long while.
// - Over a large heap there is no full one, and none while V8 marks, or may mark.

const { PerformanceObserver, constants } = require('node:perf_hooks');
const process = require('node:process');
const v8 = require('node:v8');
const vm = require('node:vm');
const time = require('../base/time.js');

const { NODE_PERFORMANCE_GC_INCREMENTAL: START, NODE_PERFORMANCE_GC_MAJOR: END } = constants;

/** As it is before an application's tests replace it. */
const { cpuUsage } = process;

const EVERY_MS = 100;
const SHARE = 20; // one part of the time in so many, for those who can do without
const DEAR_MS = 50;
const DEAR_SHARE = 1000; // a pause of the machine passes for dear too: not for ever, then
const SMALL_HEAP = 48 * 1024 * 1024; // a full one takes 0.2–0.5 ms a MiB, of nothing but small objects 1.6

const HINT_BYTES = 72 * 1024 * 1024; // an ArrayBuffer from which on V8 begins to mark
const MAJOR_SHARE = 4; // after a major one that did not help, pause for so many times its duration
const MOST_MS = 10_000; // that one is waited for: V8 may not have taken the hint

/** The first collection may have started before the object died; wait for two. */
const SUFFICIENT = 2;

let observer = null;
let known = null; // whether V8 marks
let ended = Number.NEGATIVE_INFINITY; // the last major collection that is known

let collect = null;
let asked = Number.NEGATIVE_INFINITY; // when somebody asked last, whatever came of it
let isDue = false;
let end = Number.NEGATIVE_INFINITY; // of the last one
let tookMs = 0;
let majorAsked = Number.NEGATIVE_INFINITY; // when requestMajor() asked last

function learn(entries) {
  for (const { detail } of entries) {
    if (detail.kind === START) known = true;
    else if (detail.kind === END) {
      known = false;
      ended = time.now();
    }
  }
}

/**
 * Whether V8 marks the old generation, which it does in steps between a start and one stop of the world; null before the first
 * sign. It is observed from the first call on: some microseconds a collection.
 */
function isMarking() {
  if (observer === null) {
    observer = new PerformanceObserver((list) => learn(list.getEntries()));
    observer.observe({ entryTypes: ['gc'] });
  }
  learn(observer.takeRecords()); // what the callback has not been told yet
  return known;
}

/** Bytes of V8's heap in use, garbage included (some 2 µs). */
const heapBytes = () => v8.getHeapStatistics().used_heap_size;

/** Milliseconds of a synchronous `act` that the machine gave this process: others may have had the processor. */
function timeOf(act) {
  const start = time.now();
  const cpu = cpuUsage();
  act();
  const { user, system } = cpuUsage(cpu); // of all threads
  return Math.min(time.now() - start, (user + system) / 1000);
}

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
  if (major && heapBytes() > SMALL_HEAP) return false;
  if (!isCheap()) return false;
  isDue = true;
  time.setImmediate(run, full || major);
  return true;
}

/** Whether a minor one will hardly be dear. */
const isCheap = () => heapBytes() <= SMALL_HEAP || isMarking() === false;

/** Whether a full one is likely to be cheap. */
const isSmall = () => heapBytes() <= SMALL_HEAP && tookMs <= DEAR_MS;

function run(full) {
  isDue = false;
  if (!isCheap()) return; // V8 began to mark since
  collect ??= obtain();
  const isFull = full && heapBytes() <= SMALL_HEAP;
  // Node 20 takes { type: 'major' } for a minor one.
  tookMs = timeOf(isFull ? () => collect() : () => collect({ type: 'minor' }));
  end = time.now();
}

/** Collects all at once, where the heap is no larger than `most` bytes: for the end of a process, which nobody waits for long. */
function collectNow(most) {
  if (heapBytes() > most) return false;
  collect ??= obtain();
  collect();
  return true;
}

/** When the next major one may be asked for. */
function due(helped) {
  if (majorAsked === Number.NEGATIVE_INFINITY) return majorAsked;
  if (ended < majorAsked) return majorAsked + MOST_MS;
  return ended + (ended - majorAsked) * (helped ? 1 : MAJOR_SHARE);
}

/**
 * Asks for a major collection in a later turn, unless one is under way, or the last one was too recent (`helped`: whether it helped). For
 * callers that cannot go on otherwise, such as a region at its limit, whose dropped Buffers only V8 knows. A small heap is collected at
 * once. Over a large one that would stop the event loop for long (560–860 ms over 300 MB of small objects), so V8 is made to begin one in
 * steps, beside the program (stops of 10–50 ms, 0.5–0.8 s in all). V8 has no function for that, but does it when 64 MiB outside
 * of its heap were added since the last one: an ArrayBuffer that nobody writes to counts there, and takes no memory.
 */
function requestMajor(helped) {
  const now = time.now();
  const marks = isMarking(); // learns of ends too
  if (now < due(helped)) return false;
  if (isSmall()) {
    if (!requestGc({ major: true, urgent: true })) return false;
  } else {
    if (marks === true) return false;
    time.setImmediate(hint);
  }
  majorAsked = now;
  return true;
}

function hint() {
  try {
    void new ArrayBuffer(HINT_BYTES);
  } catch {
    // There is no room for it, even of addresses: V8 has just collected all it could.
  }
}

/** Counts V8's major collections: after SUFFICIENT of them, whatever was unreachable is gone. */
class MajorCount {
  #count = 0;
  #ended = Number.NEGATIVE_INFINITY; // the last of which is known

  /** Those that have ended while somebody asked: several since the last call count as one. */
  get count() {
    isMarking(); // learns of them
    if (ended > this.#ended) this.#count++;
    this.#ended = ended;
    return this.#count;
  }
}

module.exports = { requestGc, requestMajor, collectNow, MajorCount, SUFFICIENT };
