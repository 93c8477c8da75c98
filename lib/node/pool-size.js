'use strict';

// Lowers Buffer.poolSize where small Buffers that are kept pin Node's pool. Node cuts small Buffers
// from blocks of 64 KiB (before 24.18 and 26.3: 8 KiB), and one that is kept keeps its whole block.
// A small pool makes Buffers of some KiB two or three times as dear, so it needs evidence: some ten
// times a second the block of now is noted, and after two major collections the share of blocks
// that live says how many are pinned. Where nothing is kept, nothing changes.
//
// What was pinned before stays until it is dropped. The blocks are malloc's then, which keeps what
// lies between others, so one trim gives it back.
//
// A finalizer tells which blocks are dead, and counts V8's major collections. WeakRef.deref() would
// keep what it returns alive while V8 marks, and a PerformanceObserver takes some microseconds for
// each minor collection.

const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { isDisabled, isOff, warnOfValue } = require('../base/environment.js');
const { lazy } = require('../base/lazy.js');
const { isKnownNode, isMainThread } = require('../base/runtime.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { pool } = require('../memory/stream-counts.js');

/** The originals: an application may replace them later. */
const { allocUnsafe } = Buffer;
const Registry = FinalizationRegistry;
const Weak = WeakSet;

const KiB = 1024;
const STEPS = [16 * KiB, 8 * KiB, 4 * KiB];
const SPARSE = 1 / 16; // a size at which so few of the blocks would be pinned is small enough

const LOOK_MS = 100;
const MOST_MS = 25_600; // between two looks at a pool that nobody uses
const QUIET_MS = 1600; // if no block is new for so long, a collection disturbs nobody

const MOST_NOTES = 64;
const LEAST_NOTES = 8;
const LEAST_MS = 1000; // since a block was let go: what waits for a database is not kept
const SUFFICIENT = 2; // the first major collection may have begun before a block was let go
const PINNED = 0.15; // lowered if this share of the blocks is sure to be pinned
const SIGMAS = 2; // so sure: one case in forty
const LEAST_BYTES = 16 * KiB * KiB; // of ArrayBuffers; with less there is not much to gain

const [major, minor] = process.versions.node.split('.').map(Number);

/** What Buffer.poolSize is if nobody has set it. */
const OF_NODE =
  major > 26 || (major === 26 && minor >= 3) || (major === 24 && minor >= 18) ? 64 * KiB : 8 * KiB;

const SWEPT_MS = 1000; // after a collection: V8 frees its ArrayBuffers on other threads

const BEAT = {};

let size = 0; // of the pool as Node or this module has set it; 0 if nothing is watched
let majors = 0;
let notes = []; // of blocks that the pool had before: { at: majors when the next block was seen, since: when that was, isDead }
let current = null; // the note of the block that the pool has now
let seen = new Weak(); // that block alone
let wait = LOOK_MS;
let isAsked = false; // for a collection at rest
let high = 0; // bytes of ArrayBuffers when the size was lowered, until half of them are gone

const registry = new Registry((note) => {
  if (note === BEAT) beat();
  else note.isDead = true;
});

/**
 * Objects that die one after another. One that has been through a major collection is in the old
 * generation, where another one finds it dead; on Node 26 minor ones find young objects dead.
 */
const objects = [{}, {}, {}];

/** Waits for the next major collection. */
function expect() {
  registry.register(objects.shift(), BEAT);
  objects.push({});
}

function beat() {
  majors++;
  if (size > 0 || high > 0) expect();
  if (high > 0) time.outside(() => time.unref(time.setTimeout(giveBack, SWEPT_MS)));
}

const memory = lazy(() => require('../memory/native.js'));

/** Once, as the blocks of a larger size have died. */
function giveBack() {
  if (high === 0 || process.memoryUsage().arrayBuffers > high / 2) return;
  high = 0;
  memory().trimMalloc?.();
}

/**
 * Why Buffer.poolSize must stay as it is; undefined if it may be lowered from `due`. One that is no
 * size is told of.
 */
function refusal(due) {
  const { value, writable } = Object.getOwnPropertyDescriptor(Buffer, 'poolSize') ?? {};
  if (writable && value === due) return undefined;
  const told = value === undefined ? 'an accessor' : writable ? String(value) : 'frozen';
  const why = 'ralloc leaves it, and lowers only a size that Node has set';
  if (!(writable && Number.isSafeInteger(value))) warnOfValue('Buffer.poolSize', told, why);
  return `Buffer.poolSize is ${told}`;
}

function forget(note) {
  if (note !== null && !note.isDead) registry.unregister(note);
}

function forgetAll() {
  for (const one of [...notes, current]) forget(one);
  notes = [];
  current = null;
}

/**
 * Makes room for one more: of those that were judged the oldest goes, and otherwise every second
 * one, so that the notes of an hour without a collection are of all of it.
 */
function makeRoom() {
  const isOut = isOld(notes[0]) ? (_, index) => index === 0 : (_, index) => index % 2 === 1;
  for (const note of notes.filter(isOut)) forget(note);
  notes = notes.filter((note, index) => !isOut(note, index));
}

const isOld = ({ at, since }) => majors - at >= SUFFICIENT && time.now() - since >= LEAST_MS;

/**
 * Notes `block` if the pool has it since the last look. The block of now is alive in any case: it
 * is judged only once another has taken its place. Returns whether it is new.
 */
function note(block) {
  if (seen.has(block)) return false;
  seen = new Weak([block]);
  if (current !== null) {
    Object.assign(current, { at: majors, since: time.now() });
    if (notes.length >= MOST_NOTES) makeRoom();
    notes.push(current);
    current = null;
  }
  // Another is the last one of a larger size, or what somebody's own allocUnsafe() has made.
  if (block.byteLength >= size && block.byteLength < 2 * size) {
    current = { at: 0, since: 0, isDead: false };
    registry.register(block, current, current);
  }
  return true;
}

/** The least share that `alive` of `asked` prove (Wilson's interval). */
function least(alive, asked) {
  const share = alive / asked;
  const z = SIGMAS ** 2 / asked;
  const spread = SIGMAS * Math.sqrt((share * (1 - share)) / asked + z / (4 * asked));
  return (share + z / 2 - spread) / (1 + z);
}

/** Asks which blocks live, and lowers the size if too many do. */
function judge() {
  const old = notes.filter(isOld);
  if (old.length < LEAST_NOTES) return;
  const alive = old.filter(({ isDead }) => !isDead).length;
  // Buffers that are kept come at random, say: then a block has none of them with a chance of e^-n,
  // where n is how many a block has.
  const kept = -Math.log(1 - Math.min(alive, old.length - 0.5) / old.length);
  Object.assign(pool, { asked: old.length, alive, pinned: alive / old.length });
  pool.perBuffer = alive === 0 ? 0 : Math.round((size * alive) / old.length / kept);
  if (least(alive, old.length) < PINNED) return;
  const { arrayBuffers } = process.memoryUsage();
  if (arrayBuffers < LEAST_BYTES) return;
  const isSparse = (step) => 1 - Math.exp((-kept * step) / size) <= SPARSE;
  if (!isOff('RALLOC_TRIM')) high = Math.max(high, arrayBuffers);
  lower(STEPS.find((step) => step < size && isSparse(step)) ?? STEPS.at(-1));
}

function lower(to) {
  if (!Reflect.set(Buffer, 'poolSize', to)) return;
  const from = size;
  forgetAll();
  size = to;
  Object.assign(pool, { size, since: time.wall() });
  warnOnce('RALLOC_POOL_PINNED', { ...pool, from, to });
}

const collections = lazy(() => require('../memory/rest-collection.js'));

/** Where V8 has no reason to collect, a server that grows slowly would not be judged for hours. */
function collectAtRest() {
  const collection = collections();
  if (isAsked) collection.settle();
  isAsked =
    notes.filter((one) => !(one.isDead || isOld(one))).length >= LEAST_NOTES &&
    collection.dueIn() === 0 &&
    collection.ask();
}

/** Returns whether to go on. */
function look() {
  if (refusal(size) !== undefined) {
    pool.size = 0; // it is the application's from now on
    return false;
  }
  const isNew = note(allocUnsafe(1).buffer);
  if (majors >= SUFFICIENT) judge();
  if (size === STEPS.at(-1)) return false;
  wait = isNew ? LOOK_MS : Math.min(2 * wait, MOST_MS);
  if (wait >= QUIET_MS && isMainThread && !isOff('RALLOC_TRIM')) collectAtRest();
  return true;
}

function tick() {
  // What throws is tried again: memoryUsage() opens a file.
  if (attempt(look, true)) time.unref(time.setTimeout(tick, wait));
  else {
    forgetAll();
    size = 0;
  }
}

/** Begins to watch the pool in this thread. Returns true, or why not. */
function begin() {
  if (pool.from > 0) return pool.size > 0 || 'Buffer.poolSize was set';
  if (!isKnownNode) return `Node ${process.version} is not known`;
  const why = refusal(OF_NODE);
  if (why !== undefined) return why;
  if (allocUnsafe(1).buffer.byteLength < OF_NODE) return 'Buffer.allocUnsafe changed';
  size = OF_NODE;
  Object.assign(pool, { from: size, size });
  expect();
  time.outside(tick);
  return true;
}

/** The exported function. */
const adaptPoolSize = () => !isDisabled() && begin() === true;

module.exports = { adaptPoolSize, begin };
