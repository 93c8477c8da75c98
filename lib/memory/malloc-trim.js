'use strict';

// Returns memory that glibc's malloc keeps to the operating system, once a load is over: V8's compilers, Node and its libraries have freed it, and a process at
// rest does not ask for it. Once for each rest, on another thread (src/node/malloc.rs). For arenas, slabs and regions see idle.js.

const process = require('node:process');
const time = require('../base/time.js');
const memory = require('./native.js');

const LOOK_MS = 1000;
const MOST_MS = 50; // of CPU between two looks, at rest
const FIRST_MS = 250; // of CPU before the first trim, with what the program took to start: so much is to be done before there is something to give back
const LEAST_MS = 500; // between two
const SHARE = 100; // and so many times what the last one took

let timer = null; // while the process is watched
let seen = 0; // CPU in ms at the last look
let next = FIRST_MS; // CPU in ms from which on there is something to trim
let before = 0; // RSS, while a trim is under way
const trims = { count: 0, bytes: 0 };

function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Once a second until the process rests, and once more for what the trim gave. */
function look() {
  const now = cpu();
  const used = now - seen;
  seen = now;
  if (before > 0) end(now);
  else if (used <= MOST_MS) begin();
}

function begin() {
  before = process.memoryUsage.rss();
  if (memory.trimMalloc?.() === true) return;
  before = 0;
  stop(Number.POSITIVE_INFINITY);
}

function end(now) {
  trims.count++;
  trims.bytes += Math.max(0, before - process.memoryUsage.rss());
  before = 0;
  stop(now + Math.max(LEAST_MS, (SHARE * memory.trimmedMs()) / trims.count));
}

function stop(until) {
  next = until;
  time.clearInterval(timer);
  timer = null;
}

/** To be called when no request is in flight, outside of every AsyncLocalStorage. */
function watch() {
  if (timer !== null) return;
  const now = cpu();
  if (now < next) return;
  seen = now;
  timer = time.setInterval(look, LOOK_MS);
  timer.unref?.();
}

/** Of the process: how often, by how many bytes its RSS was less a second later, and milliseconds. */
const stats = () => ({ ...trims, ms: memory.trimmedMs?.() ?? 0 });

module.exports = { watch, stats };
