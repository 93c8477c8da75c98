'use strict';

// Gives memory back when nobody asked for it: one unref'd timer for the process, never on a hot path, and in
// slices: a thousand arenas take 200 ms of system calls at once (430 MB, 0.1 µs a page).

const memory = require('./native.js');

const TICK_MS = 1000;
const SLICE_MS = 4;
const PAUSE_MS = 16;
/** A method of arenas: gives a window back that was not used for a whole tick. */
const kIdle = Symbol('ralloc.idle');

const pools = new Set(); // of WeakRefs: the pool of an arena that nobody closed goes with it
let timer = null;
let round = null; // over the pools, as far as it came
let begun = 0;

function arm(ms) {
  timer = setTimeout(tick, ms);
  timer.unref();
}

function tick() {
  const now = performance.now();
  if (round === null) {
    round = pools.values();
    begun = now;
  }
  if (!visit(now + SLICE_MS)) {
    arm(PAUSE_MS);
    return;
  }
  round = null;
  const { chunks } = memory.trimDepot(TICK_MS);
  if (pools.size > 0 || chunks > 0) arm(Math.max(begun + TICK_MS - performance.now(), PAUSE_MS));
  else timer = null;
}

/** Goes on with the round; false when it is not over by `until`. */
function visit(until) {
  for (let next = round.next(); !next.done; next = round.next()) {
    const pool = next.value.deref();
    if (!pool?.tick()) {
      pools.delete(next.value);
      if (pool !== undefined) pool.watched = false;
    }
    if (performance.now() >= until) return false;
  }
  return true;
}

/** Something is on its way to the depot. */
function watchDepot() {
  if (timer === null) arm(TICK_MS);
}

/** Calls the pool's tick() from now on, about once a second, until it returns false. */
function watch(pool) {
  if (pool.watched) return;
  pool.watched = true;
  pools.add(new WeakRef(pool));
  watchDepot();
}

module.exports = { watch, watchDepot, kIdle };
