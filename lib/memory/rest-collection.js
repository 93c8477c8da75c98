'use strict';

// One collection at rest. V8 collects as something is allocated, so a process that only waits keeps the Buffers that its last requests have dropped, and the pages of its heap that
// nobody needs any more.

const process = require('node:process');
const { lazy } = require('../base/lazy.js');
const time = require('../base/time.js');

const MiB = 1024 * 1024;
const EVERY_MS = 60_000;
const DEAD_BUFFERS = 8 * MiB; // more than lived after the last one
const DEAD_RSS = 32 * MiB;

const collector = lazy(() => require('./gc.js'));

let asked = Number.NEGATIVE_INFINITY;
let alive = { arrayBuffers: 0, rss: 64 * MiB }; // after the last one; before the first what a small program has

const memory = () => process.memoryUsage();

/** Milliseconds until one may be asked for, at least a minute after the last; Infinity if too little can be garbage. */
function dueIn() {
  const { arrayBuffers, rss } = memory();
  const isWorth = arrayBuffers - alive.arrayBuffers > DEAD_BUFFERS || rss - alive.rss > DEAD_RSS;
  return isWorth ? Math.max(0, asked + EVERY_MS - time.now()) : Number.POSITIVE_INFINITY;
}

/** Asks for one: at once in a heap where it is short, and gives back all; else V8 is made to mark in steps. Returns whether there will be one. */
function ask() {
  const { HAS_POOL, requestGc, requestReducing } = collector();
  asked = time.now();
  return (!HAS_POOL && requestGc({ major: true, urgent: true })) || requestReducing();
}

/** Notes what was alive: to be called when its garbage has been swept and given back. */
function settle() {
  alive = memory();
}

module.exports = { ask, dueIn, settle };
