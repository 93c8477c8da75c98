'use strict';

// One collection at rest. V8 collects as something is allocated, so a process that only waits keeps
// the Buffers that its last requests have dropped, and the pages of its heap that nobody needs any
// more.

const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const time = require('../base/time.js');

const MiB = 1024 * 1024;
const EVERY_MS = 60_000;
const AGAIN_MS = 30_000;
// What it must be worth, more than lived after the last one. V8 drops with it what was compiled for
// objects that are dead (157 functions of a JSON server): code is slower by a quarter for some
// 15,000 requests then. Of the RSS, twice the young generation is no garbage.
const DEAD_BUFFERS = 32 * MiB;
const DEAD_RSS = 64 * MiB;
const LARGE_HEAP = 40 * MiB; // of which much can die at rest
const MOST_MS = 50; // that another one may stop the program
const SHRUNK = 4; // times, from which on the young generation is given its size again

const collector = lazy(() => require('./gc.js'));

let asked = Number.NEGATIVE_INFINITY;
let alive = { arrayBuffers: 0, rss: 64 * MiB }; // after the last one; before the first what a small program has
let before = 0; // bytes of V8's heap when the last one was asked for
let likelyMs; // for which another one will stop the program; undefined while none is due
let wasAnother = false; // whether the last one was
let young = 0; // bytes of V8's young generation before the last one; 0: it is left as it is

const memory = () => process.memoryUsage();

/**
 * Milliseconds until one may be asked for, a minute after the last, or half of one; Infinity if too
 * little can be garbage.
 */
function dueIn() {
  const { arrayBuffers, rss } = memory();
  const everyMs = likelyMs === undefined ? EVERY_MS : AGAIN_MS;
  const isWorth =
    likelyMs !== undefined ||
    arrayBuffers - alive.arrayBuffers > DEAD_BUFFERS ||
    rss - alive.rss > DEAD_RSS;
  return isWorth ? Math.max(0, asked + everyMs - time.now()) : Number.POSITIVE_INFINITY;
}

/**
 * Asks for one: at once in a heap where it is short, and gives back all; else V8 is made to mark in
 * steps. Returns whether there will be one.
 */
function ask() {
  const { HAS_POOL, requestGc, requestReducing, youngBytes } = collector();
  asked = time.now();
  young = youngBytes();
  before = memory().heapUsed;
  wasAnother = likelyMs !== undefined;
  const ms = likelyMs;
  likelyMs = undefined;
  if (!HAS_POOL && requestGc({ major: true, urgent: true })) return true;
  return requestReducing(ms);
}

/**
 * Gives the young generation the size that it had before the collection, once that is over. V8
 * takes it back to the first one then, and again in later rests, and lets it grow only as objects
 * survive: a server whose objects die young had four times as many minor collections from then on
 * (JSON: 1.3 times the CPU).
 */
function regrow() {
  if (young === 0) return;
  const { growYoung, lastMajor, youngBytes } = collector();
  if (lastMajor().ended < asked || SHRUNK * youngBytes() > young) return;
  if (!attempt(() => growYoung(young), false)) young = 0;
}

/**
 * Notes what was alive: to be called when its garbage has been swept and given back. Of a large
 * heap much may die later, since pools and caches drop what nobody asks for (pg: 10 s; 80 MB). So
 * another one is due soon, if it is likely to be short, by how long the last one took for how much
 * more. Returns as dueIn().
 */
function settle() {
  alive = memory();
  const { ended, pausedMs } = collector().lastMajor();
  const ms = (pausedMs * alive.heapUsed) / before;
  if (!wasAnother && ended > asked && alive.heapUsed > LARGE_HEAP && ms < MOST_MS) likelyMs = ms;
  return dueIn();
}

module.exports = { ask, dueIn, regrow, settle };
