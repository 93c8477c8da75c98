'use strict';

// The error of a region for what it cannot allocate.

const { formatBytes, many } = require('../base/bytes.js');
const { refusal } = require('../base/errors.js');
const { GRANULE } = require('./record.js');
const { mayFit } = require('./options.js');

/** How to make room; undefined if nothing would. */
function remedyOf(held, inFlight, waiting) {
  if (held > 0) return 'free Buffers first';
  if (inFlight > 0) return 'wait for the operations';
  return waiting > 0 ? 'let the event loop turn, for a garbage collection' : undefined;
}

/** The error for an allocation of `requested` bytes that failed. */
function refusedError(core, failure, requested) {
  if (failure.share !== undefined) return failure.share.refusal(failure.need);
  const { spans, chunks } = core;
  const { heldGranules, waiting: inFlight } = spans;
  const { budget, bytes, besides } = chunks;
  const blocks = spans.held;
  const used = heldGranules * GRANULE;
  const parts = [`${formatBytes(used)} in ${many(blocks, 'Buffer')}`];
  if (inFlight > 0) parts.push(`${inFlight} of them freed, and used by operations of Node`);
  if (bytes > used) parts.push(`${formatBytes(bytes - used)} free, in pieces that are too small`);
  parts.push(`${formatBytes(besides)} of records`);
  const waiting = budget.used - bytes - besides;
  if (waiting > 0) parts.push(`${formatBytes(waiting)} waiting for the garbage collector`);
  const remedy = mayFit(core, requested)
    ? remedyOf(blocks - inFlight, inFlight, waiting)
    : undefined;
  return refusal(failure, budget.about, requested, { usage: { parts, remedy } });
}

module.exports = { refusedError };
