'use strict';

// Gives memory back when nobody asked for it: one unref'd timer for the process, never on a hot path.

const memory = require('./native.js');

const TICK_MS = 1000;
const pools = new Set();
let timer = null;

function arm() {
  if (timer !== null) return;
  timer = setInterval(tick, TICK_MS);
  timer.unref();
}

function tick() {
  for (const pool of pools) if (!pool.tick()) pools.delete(pool);
  const { bytes } = memory.trimDepot(TICK_MS);
  if (pools.size > 0 || bytes > 0) return;
  clearInterval(timer);
  timer = null;
}

/** Trims this pool's warm spans while it has any leased at all. */
function watch(pool) {
  pools.add(pool);
  arm();
}

const unwatch = (pool) => pools.delete(pool);

// `watchDepot`: something is on its way there.
module.exports = { watch, unwatch, watchDepot: arm };
