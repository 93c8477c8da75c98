'use strict';

// Gives memory back when nobody asked for it: one unref'd timer for the process, never on a hot path.

const memory = require('./native.js');

const TICK_MS = 1000;
/** A method of arenas: gives a window back that was not used for a whole tick. */
const kIdle = Symbol('ralloc.idle');

const pools = new Set(); // of WeakRefs: the pool of an arena that nobody closed goes with it
let timer = null;

function arm() {
  if (timer !== null) return;
  timer = setInterval(tick, TICK_MS);
  timer.unref();
}

function tick() {
  for (const ref of pools) {
    const pool = ref.deref();
    if (pool?.tick()) continue;
    pools.delete(ref);
    if (pool !== undefined) pool.watched = false;
  }
  const { chunks } = memory.trimDepot(TICK_MS);
  if (pools.size > 0 || chunks > 0) return;
  clearInterval(timer);
  timer = null;
}

/** Calls the pool's tick() from now on, until it returns false. */
function watch(pool) {
  if (pool.watched) return;
  pool.watched = true;
  pools.add(new WeakRef(pool));
  arm();
}

// `watchDepot`: something is on its way there.
module.exports = { watch, watchDepot: arm, kIdle };
