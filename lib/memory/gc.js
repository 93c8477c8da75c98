'use strict';

// Requests garbage collections, for memory that only V8 can prove unreachable. A collection stops
// the event loop, so a request that may take long is refused: the memory then waits for V8's own
// collections, and callers allocate elsewhere.
// - All collections are timed, minor ones too: while V8 marks the old generation, `gc({ type:
//   'minor' })` ends the marking in one pause (24 and 26; 0.6-1.1 s over 660 MB of small objects,
//   nine times in 15 s).
// - Collections that are not urgent take at most a twentieth of the time. After a long one there is
//   none for a long while.
// - Over a large heap there is no full collection, and none at all while V8 marks, or may mark.

const { PerformanceObserver, constants } = require('node:perf_hooks');
const process = require('node:process');
const v8 = require('node:v8');
const vm = require('node:vm');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');

const { NODE_PERFORMANCE_GC_INCREMENTAL: START, NODE_PERFORMANCE_GC_MAJOR: END } = constants;

/** The original: an application's tests may replace it. */
const { cpuUsage } = process;
const EVERY_MS = 100;
const SHARE = 20; // collections that are not urgent take at most 1/20 of the time
const DEAR_MS = 50;
const DEAR_SHARE = 1000; // after a long one they take at most 1/1000; not 0, because a pause of the machine looks the same
const SMALL_HEAP = 48 * 1024 * 1024; // a full collection takes 0.2-0.5 ms a MiB, 1.6 if all objects are small

const HINT_BYTES = 72 * 1024 * 1024; // an ArrayBuffer of this size makes V8 begin to mark
const MAJOR_SHARE = 4; // after a major collection that did not help, pause for 4 times its duration
const MOST_MS = 10_000; // longest wait for a requested one: V8 may have ignored the request

/** The first collection may have started before the object died; wait for two. */
const SUFFICIENT = 2;

let observer = null;
let known = null; // whether V8 marks
let ended = Number.NEGATIVE_INFINITY; // when the last known major collection ended
let pausedMs = 0; // how long it stopped the program at its end

/**
 * Weak: the context that gc() comes from is 170 KB of heap, which each major collection would mark;
 * making another takes half a ms.
 */
let collector;
let asked = Number.NEGATIVE_INFINITY; // the last call of requestGc(), whatever its result
let isDue = false;
let end = Number.NEGATIVE_INFINITY; // when the last one ended
let tookMs = 0;
let majorAsked = Number.NEGATIVE_INFINITY; // when requestMajor() asked last

function learn(entries) {
  for (const { detail, duration = 0 } of entries) {
    if (detail.kind === START) known = true;
    else if (detail.kind === END) {
      known = false;
      ended = time.now();
      pausedMs = duration;
    }
  }
}

/**
 * Whether V8 is marking the old generation, which it does in steps that end in one pause; null as
 * long as that is unknown. Observes collections from the first call on, which costs some
 * microseconds for each.
 */
function isMarking() {
  if (observer === null) {
    observer = new PerformanceObserver((list) => learn(list.getEntries()));
    observer.observe({ entryTypes: ['gc'] });
  }
  learn(observer.takeRecords()); // entries that the callback has not got yet
  return known;
}

/** Bytes of V8's heap in use, garbage included (some 2 µs). */
const heapBytes = () => v8.getHeapStatistics().used_heap_size;

/**
 * How long a synchronous `act` took, in ms, without the time when other processes had the
 * processor.
 */
function timeOf(act) {
  const start = time.now();
  const cpu = cpuUsage();
  act();
  const { user, system } = cpuUsage(cpu); // of all threads
  return Math.min(time.now() - start, (user + system) / 1000);
}

/**
 * Returns `gc` without a command-line flag: a new context has it once the flag is set. Bun has its
 * own, whose quick collection runs concurrently. Without any, the runtime collects when it sees
 * fit.
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

function obtained() {
  const existing = collector?.deref();
  if (existing !== undefined) return existing;
  const collect = obtain();
  collector = new WeakRef(collect);
  return collect;
}

/**
 * Requests a collection in a later turn. By default a minor one (0.1 ms on a small heap), which
 * finds external ArrayBuffers that died young; `full`: a full one if that is cheap; `major`: a full
 * one or none, for V8's own ArrayBuffers (FinalizationRegistry); `urgent`: the caller cannot
 * allocate elsewhere and asks rarely, so only an earlier collection that took long delays it.
 * Returns whether there will be a collection.
 */
function requestGc({ full = false, major = false, urgent = false } = {}) {
  const now = time.now();
  if (isDue || (!urgent && now - asked < EVERY_MS)) return false;
  const rest = tookMs > DEAR_MS ? DEAR_SHARE : urgent ? 0 : SHARE;
  if (now - end < tookMs * rest) return false;
  asked = now;
  if (major && heapBytes() > SMALL_HEAP) return false;
  if (!isCheap()) return false;
  time.nextTurn(run, full || major);
  isDue = true;
  return true;
}

/** Whether a minor collection is likely to be short. */
const isCheap = () => heapBytes() <= SMALL_HEAP || isMarking() === false;

/** Whether a full collection is likely to be short. */
const isSmall = () => heapBytes() <= SMALL_HEAP && tookMs <= DEAR_MS;

function run(full) {
  isDue = false;
  if (!isCheap()) return; // V8 has begun to mark since
  const collect = obtained();
  const isFull = full && heapBytes() <= SMALL_HEAP;
  // On Node 20 { type: 'major' } runs a minor collection.
  tookMs = timeOf(isFull ? () => collect() : () => collect({ type: 'minor' }));
  end = time.now();
}

/**
 * From V8 12 on, pages of its heap that are empty stay in a pool, which no figure of V8's has. Only
 * collections that shall reduce memory give them back.
 */
const HAS_POOL = Number.parseInt(process.versions.v8, 10) >= 12;
const REDUCING = { type: 'major', execution: 'sync', flavor: 'last-resort' };

/**
 * Runs a full collection now if the heap has at most `most` bytes: at the end of a process, which
 * must not take long. `isReducing`: it takes several, and gives back V8's empty pages too.
 */
function collectNow(most, isReducing = false) {
  if (heapBytes() > most) return false;
  if (isReducing && HAS_POOL) obtained()(REDUCING);
  else obtained()();
  return true;
}

/**
 * Lets go of the targets of WeakRefs that were looked at in this turn, which V8 keeps until the
 * turn is over. Only for the end of a process: whoever has looked at one relies on it till then.
 */
function letGo() {
  attempt(() => vm.runInNewContext('0', {}, { microtaskMode: 'afterEvaluate' }));
}

/** The time from which the next major collection may be requested. */
function due(helped) {
  if (majorAsked === Number.NEGATIVE_INFINITY) return majorAsked;
  if (ended < majorAsked) return majorAsked + MOST_MS;
  return ended + (ended - majorAsked) * (helped ? 1 : MAJOR_SHARE);
}

/**
 * Requests a major collection in a later turn, unless one is under way or the last one was too
 * recent (`helped`: whether it helped). For callers that cannot go on otherwise, such as a region
 * at its limit: only V8 knows which of its Buffers were dropped. A small heap is collected at once.
 * Over a large heap that would stop the event loop for long (560-860 ms over 300 MB of small
 * objects), so V8 is made to mark in steps (pauses of 10-50 ms, 0.5-0.8 s in all). V8 has no
 * function for that, but starts to mark when its external memory has grown by 64 MiB since the last
 * collection: an ArrayBuffer that is never written to counts there and takes no memory.
 */
function requestMajor(helped) {
  const now = time.now();
  const marks = isMarking(); // learns of ends too
  if (now < due(helped)) return false;
  if (isSmall()) {
    if (!requestGc({ major: true, urgent: true })) return false;
  } else {
    if (marks === true) return false;
    time.nextTurn(hint);
  }
  majorAsked = now;
  return true;
}

/** Whether the user has chosen a flag that is set here for a moment. */
const isSet = (flag) =>
  [...process.execArgv, process.env.NODE_OPTIONS].some((text) => flag.test(text));

/**
 * Requests a major collection in steps that also gives back pages which V8 keeps free: some MiB
 * after a load, hundreds in its pool. They make its last pause longer, so only if `likelyMs` is
 * short, by default that of the last one. Returns whether there will be a collection.
 */
function requestReducing(likelyMs = pausedMs) {
  if (isMarking() === true) return false;
  time.nextTurn(hint, likelyMs < DEAR_MS && !isSet(/optimize[-_]for[-_]size/));
  majorAsked = time.now();
  return true;
}

/** The flag is read as V8 begins to mark. */
function hint(isReducing = false) {
  try {
    if (isReducing) v8.setFlagsFromString('--optimize-for-size');
    void new ArrayBuffer(HINT_BYTES);
  } catch {
    // Not even the addresses for it are left: V8 has just collected all it could.
  } finally {
    if (isReducing) v8.setFlagsFromString('--no-optimize-for-size');
  }
}

/**
 * Bytes that V8's young generation may have; those that it never used are not resident. 0 where the
 * runtime does not tell.
 */
const youngBytes = () =>
  attempt(
    () =>
      v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size,
    0,
  );

const MOST_SURVIVORS = 8 * 1024 * 1024;
const ROUND = 1000; // objects of some 48 bytes

/**
 * Has the young generation grow to some `bytes` again, and returns whether it has. V8 lets it grow
 * as objects survive, by a factor, which is a flag that it reads each time: so many survive here
 * as it has room for, once, in 5 to 12 ms.
 */
function growYoung(bytes) {
  const factor = Math.round(bytes / youngBytes() / 2);
  if (!(factor > 1) || isSet(/semi[-_]space[-_]growth/)) return false;
  try {
    v8.setFlagsFromString(`--semi-space-growth-factor=${factor}`);
    let survivors = null;
    for (let made = 0; made < MOST_SURVIVORS && youngBytes() < bytes / 2; made += 48 * ROUND) {
      for (let i = 0; i < ROUND; i++) survivors = { survivors, a: i, b: i, c: i };
    }
  } finally {
    v8.setFlagsFromString('--semi-space-growth-factor=2');
  }
  return youngBytes() >= bytes / 2;
}

/**
 * Counts V8's major collections. After SUFFICIENT of them, everything that was unreachable at the
 * start is gone.
 */
class MajorCount {
  #count = 0;
  #ended = Number.NEGATIVE_INFINITY; // when the last counted one ended

  /** The count. Several collections between two calls count as one. */
  get count() {
    isMarking(); // reads the entries of new collections
    if (ended > this.#ended) this.#count++;
    this.#ended = ended;
    return this.#count;
  }
}

module.exports = {
  HAS_POOL,
  MajorCount,
  SUFFICIENT,
  collectNow,
  growYoung,
  letGo,
  lastMajor: () => ({ ended, pausedMs }),
  requestGc,
  requestMajor,
  requestReducing,
  timeOf,
  youngBytes,
};
