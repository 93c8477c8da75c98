'use strict';

// Waiting for a condition that no event tells of: the release of a request, or a garbage collection.

const { setTimeout: sleep } = require('node:timers/promises');
const v8 = require('node:v8');
const vm = require('node:vm');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const MOST_MS = 50; // that one look counts for: while the machine stands still nothing can come true

/**
 * Resolves once `condition()` is true; rejects after `seconds` in which this process could run, naming the condition. It looks each `ms`: where the
 * event loop is to be idle, an emulator needs longer pauses than other machines.
 */
async function until(condition, seconds = 60, ms = 1) {
  let left = seconds * 1000;
  for (let before = performance.now(); !condition(); ) {
    if (left < 0) throw new Error(`not within ${seconds} s: ${condition}`);
    await sleep(ms);
    const now = performance.now();
    left -= Math.min(now - before, MOST_MS);
    before = now;
  }
}

/** Resolves once nothing of `owner`, an arena or a middleware, is held: since all is over, and not since it took longer than `holdMs`. */
async function letGo(owner) {
  await until(() => owner.stats().memory.held === 0);
  const { holds, operations } = owner.stats().expired;
  if (holds + operations > 0) throw new Error(`held for holdMs: ${holds}, ${operations}`);
}

// On Node 20 a FinalizationRegistry is never heard of while collections follow each other within 2 ms, as
// when several tests of a file wait for them.
const EVERY_MS = 10; // from the end of one, or as long as that took: those of a large heap would take all of a core
let next = Number.NEGATIVE_INFINITY;
let isDue = false;

function collect() {
  if (isDue || performance.now() < next) return;
  isDue = true;
  // Not in a turn of the timers: there the idle timer may have looked at a slab, which keeps it for that turn.
  setImmediate(() => {
    const before = performance.now();
    gc();
    const now = performance.now();
    next = now + Math.max(EVERY_MS, now - before);
    isDue = false;
  });
}

/** The same, with full collections meanwhile; finalizers run in a turn after one. */
async function untilCollected(condition, seconds = 60) {
  collect();
  await until(() => condition() || collect(), seconds);
}

/**
 * Lets `count` turns of the timers pass, a millisecond or more each: for what may come and need not. What must come is waited for by until().
 */
async function turns(count) {
  for (let i = 0; i < count; i++) await sleep(1);
}

/**
 * A collection after which V8 keeps no pages for later, before RSS is looked at: some 22 MiB of them come and go otherwise. Node 20 has
 * none and knows no such collection.
 */
function gcAndTrim() {
  gc();
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

module.exports = { until, letGo, untilCollected, turns, gc, gcAndTrim };
