'use strict';

// Memory of Buffers that are dead waits here, full of poison, before it is V8's again: what writes
// to it meanwhile, which only native code can, has not heard of the end.

const { reportLater } = require('../report.js');
const { FREED_BYTE, areAll, firstOther, over } = require('./bytes.js');

const MOST = 256; // pieces of memory
const MOST_BYTES = 4 * 1024 * 1024;

let waiting = []; // { bytes, start, record }, the oldest first
let first = 0;
let size = 0;

/** Poisons `ab`, which no other code has; the Buffer of `record` began at its byte `start`. */
function add(ab, start, record) {
  const bytes = over(ab);
  bytes.fill(FREED_BYTE);
  waiting.push({ bytes, start, record, isTold: record.isInFlight });
  size += bytes.length;
  while (waiting.length - first > MOST || (size > MOST_BYTES && waiting.length > first)) leave();
}

function leave() {
  const one = waiting[first];
  waiting[first++] = undefined;
  size -= one.bytes.length;
  look(one);
  if (first < MOST) return;
  waiting = waiting.slice(first);
  first = 0;
}

/** Returns 1 if it was written to and that was not reported yet, otherwise 0. */
function look(one) {
  const { bytes, start, record } = one;
  if (one.isTold || areAll(bytes, FREED_BYTE)) return 0;
  const { at, length, found } = firstOther(bytes, 0, bytes.length, FREED_BYTE);
  one.isTold = true;
  const place =
    at < start ? `${start - at} bytes before its begin` : `from its byte ${at - start} on`;
  reportLater('write-after-free', { record, detail: `${length} bytes ${place}, now ${found}` });
  return 1;
}

/** Checks all waiting memory; returns how many pieces were written to. */
function verifyQueue() {
  let count = 0;
  for (const one of waiting.slice(first)) count += look(one);
  return count;
}

/**
 * Drops V8's stacks of waiting Buffers, which may be the last to keep an arena or a slab reachable.
 */
function settleQueue() {
  for (const { record } of waiting.slice(first)) record.allocated.settle();
}

module.exports = { add, settleQueue, verifyQueue };
