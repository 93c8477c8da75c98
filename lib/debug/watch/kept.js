'use strict';

// Buffers of requests that are over, and that somebody still has: nobody has tripped over them yet.
// What their request's own objects keep, as Node does of a connection's last request, is none of
// these: it is waited for until they are gone too.

const { MajorCount, SUFFICIENT, collectNow } = require('../../memory/gc.js');
const time = require('../../base/time.js');
const { report } = require('../report.js');

const LOOK_MS = 1000;
/**
 * Most Buffers that a thread looks at at a time, because V8 keeps the target of a WeakRef until a
 * major collection.
 */
const MOST = 256;
/** The largest heap for a full collection, which takes 0.2 to 1.6 ms a MiB. */
const MOST_HEAP = 512 * 1024 * 1024;

const majors = new MajorCount();
let looked = []; // { record, until, arena }
let timer = null;

/** Starts to look for a Buffer of a finished request. Returns false if too many are looked at. */
function look(record) {
  if (looked.length >= MOST) return false;
  const { owner } = record;
  record.allocated.settle(); // otherwise V8's stack keeps the `this` of its functions, and perhaps the Buffer
  const arena = owner?.arena && new WeakRef(owner.arena);
  looked.push({ record, until: undefined, arena });
  timer ??= time.unref(time.setInterval(tick, LOOK_MS));
  return true;
}

function tick() {
  const { count } = majors;
  for (const one of looked) one.until ??= count + SUFFICIENT;
  looked = looked.filter((one) => !isDone(one, count >= one.until));
  if (looked.length > 0) return;
  time.clearInterval(timer);
  timer = null;
}

/** Whether the question is settled. `isCollected`: unreachable Buffers are gone. */
function isDone({ record, arena }, isCollected) {
  if (record.views().length === 0) return true;
  if (!isCollected || arena?.deref() !== undefined) return false;
  report('kept', { record });
  return true;
}

/**
 * Runs a collection, and reports Buffers of finished requests that are still reachable. Returns how
 * many.
 */
function verifyKept() {
  if (looked.length === 0 || !collectNow(MOST_HEAP)) return 0;
  const kept = looked.filter(({ record }) => record.views().length > 0);
  looked = kept.filter((one) => !isDone(one, true));
  return kept.length - looked.length;
}

module.exports = { look, verifyKept };
