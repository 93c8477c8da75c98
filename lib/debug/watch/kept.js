'use strict';

// Buffers of requests that are over, and that somebody still has: nobody has tripped over them yet. What their request's own objects keep, as Node does of
// a connection's last request, is none of these: it is waited for until they are gone too.

const { MajorCount, SUFFICIENT, collectNow } = require('../../memory/gc.js');
const time = require('../../base/time.js');
const { report } = require('../report.js');

/** The original WeakRef: an application may delete it later. */
const Reference = WeakRef;

const LOOK_MS = 1000;
/** At a time, of a thread: V8 keeps what a WeakRef is of until a major collection. */
const MOST = 256;
/** A full one takes 0.2 to 1.6 ms a MiB. */
const MOST_HEAP = 512 * 1024 * 1024;

const majors = new MajorCount();
let looked = []; // { record, until, arena }
let timer = null;

/** Whether what the request of `record`, which is over, has left is looked at. */
function look(record) {
  if (looked.length >= MOST) return false;
  const { owner } = record;
  record.allocated.settle(); // else V8 keeps what the functions on the stack had, the Buffer perhaps
  const arena = owner?.arena;
  looked.push({
    record,
    until: undefined,
    arena: arena === undefined ? undefined : new Reference(arena),
  });
  if (timer === null) {
    timer = time.setInterval(tick, LOOK_MS);
    timer.unref();
  }
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

/** Whether nothing is left to find out. `isCollected`: unreachable Buffers are gone. */
function isDone({ record, arena }, isCollected) {
  if (record.views().length === 0) return true;
  if (!isCollected || arena?.deref() !== undefined) return false;
  report('kept', { record });
  return true;
}

/** Collects what nobody has, and tells what is kept of requests that are over; how many. */
function verifyKept() {
  if (looked.length === 0 || !collectNow(MOST_HEAP)) return 0;
  let count = 0;
  looked = looked.filter((one) => {
    const isKept = one.record.views().length > 0;
    const done = isDone(one, true);
    if (done && isKept) count++;
    return !done;
  });
  return count;
}

module.exports = { look, verifyKept };
