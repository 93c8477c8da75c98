'use strict';

// Gives memory back when nobody asked for it: one unref'd timer for the process, never on a hot path.

const memory = require('./native.js');

const TICK_MS = 1000;
const pools = new Set();
let timer = null;
let depotBytes = false;

function arm() {
  if (timer !== null) return;
  timer = setInterval(tick, TICK_MS);
  timer.unref();
}

function tick() {
  let busy = false;
  for (const pool of pools) busy = pool.tick() || busy;
  depotBytes = memory.trimDepot(TICK_MS).bytes > 0;
  if (busy || depotBytes) return;
  clearInterval(timer);
  timer = null;
}

module.exports = {
  /** Trims this pool while it has warm spans; called when it may have got some. */
  watch(pool) {
    pools.add(pool);
    arm();
  },
  forget(pool) {
    pools.delete(pool);
  },
  /** Something went on its way to the depot. */
  depot: arm,
};
