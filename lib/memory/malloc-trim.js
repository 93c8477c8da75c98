'use strict';

// What a process gives back once a load is over: it asks for nothing then, so nobody else would.
// Once for each rest, memory that glibc's malloc keeps and that V8's compilers, Node and its
// libraries have freed, on another thread (src/node/malloc.rs). If V8 may have much garbage, and
// there is no request for some seconds, one collection (rest-collection.js), and what that has
// freed. For arenas, slabs and regions see idle.js.

const process = require('node:process');
const { instances } = require('../base/instances.js');
const time = require('../base/time.js');
const memory = require('./native.js');
const collection = require('./rest-collection.js');

// What malloc keeps free. After a trim it still counts what that gave back, which is not resident.

let trimmed = 0;

const free = () => memory.mallocKept?.() ?? undefined;

/** Called when a trim is over. */
function noteTrim() {
  trimmed = free() ?? 0;
}

/** Bytes that malloc keeps free and that may be resident; undefined where it does not tell. */
function keptNow() {
  const bytes = free();
  return bytes === undefined ? undefined : Math.max(0, bytes - trimmed);
}

const LOOK_MS = 1000;
const MOST_MS = 50; // of CPU between two looks, at rest
const FIRST_MS = 250; // of CPU before the first trim, with what the program took to start: so much is to be done before there is something to give back
const LEAST_MS = 500; // between two
const SHARE = 100; // and so many times what the last one took
const QUIET = 3; // looks between which no request has begun, before a collection: the next one could come in it
const MOST_LOOKS = 60; // for such a pause

let timer = null; // while the process is watched
let later = null; // a timer, while a collection would be too soon after the last
let seen = 0; // CPU in ms at the last look
let next = 0; // CPU in ms from which on there is something to trim
let before = 0; // RSS, while a trim is under way
let isTrimmed = false; // in this rest
let begun = 0; // requests at the last look
let quiet = 0; // looks since one began
let looks = 0; // since the trim
let collectedAt; // the number of requests that had begun before the collection of this rest
let countOther = () => 0; // requests that no mount sees
const trims = { count: 0, bytes: 0, collections: 0 };

function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** How many requests have begun so far. */
function requests() {
  let sum = countOther();
  for (const { begun: count } of instances.mounts.living()) sum += count;
  return sum;
}

/** Once a second until the process rests, and what is worth a collection has had it. */
function look() {
  collection.regrow();
  const now = cpu();
  const used = now - seen;
  seen = now;
  const sum = requests();
  quiet = sum === begun ? quiet + 1 : 0;
  begun = sum;
  if (before > 0) end();
  else if (used > MOST_MS) isTrimmed = false;
  else if (!isTrimmed) begin();
  if (before === 0 && isTrimmed) collect();
}

function begin() {
  isTrimmed = true;
  looks = 0;
  before = process.memoryUsage.rss();
  if (memory.trimMalloc?.() !== true) before = 0;
}

function end() {
  trims.count++;
  trims.bytes += Math.max(0, before - process.memoryUsage.rss());
  noteTrim();
  before = 0;
}

/** Once the trim is over: waits for a pause, collects, and has the rest trimmed again; or stops. */
function collect() {
  const ms = collection.dueIn();
  if (ms > 0) return stop(ms);
  if (looks++ === MOST_LOOKS) return stop();
  if (quiet < QUIET) return undefined;
  if (!collection.ask()) return stop();
  trims.collections++;
  collectedAt = begun;
  isTrimmed = false;
  return undefined;
}

/** `dueMs`: when a collection may be due, in this rest or a later one. */
function stop(dueMs = Number.POSITIVE_INFINITY) {
  const ms = memory.trimmedMs?.() ?? 0;
  next = seen + Math.max(LEAST_MS, trims.count === 0 ? 0 : (SHARE * ms) / trims.count);
  isTrimmed = false;
  // What has come since the collection may be garbage.
  watchIn(collectedAt === begun ? collection.settle() : dueMs);
  collectedAt = undefined;
  time.clearInterval(timer);
  timer = null;
}

function watchIn(ms) {
  if (later !== null || !Number.isFinite(ms)) return;
  later = time.setTimeout(() => {
    later = null;
    watch();
  }, ms);
  later.unref?.();
}

/**
 * To be called when no request is in flight, outside of every AsyncLocalStorage. `count()`: how
 * many requests have begun so far that no mount sees.
 */
function watch(count = countOther) {
  countOther = count;
  if (timer !== null) return undefined;
  const now = cpu();
  if (now < FIRST_MS) return undefined;
  if (now < next) {
    if (later !== null) return undefined;
    const ms = collection.dueIn();
    if (ms > 0) return watchIn(ms);
  }
  seen = now;
  begun = requests();
  quiet = 0;
  timer = time.setInterval(look, LOOK_MS);
  timer.unref?.();
  return undefined;
}

/**
 * Of the process: how often, by how many bytes its RSS was less a second later, collections, and
 * milliseconds.
 */
const stats = () => ({ ...trims, ms: memory.trimmedMs?.() ?? 0 });

module.exports = { watch, stats, keptNow, noteTrim };
