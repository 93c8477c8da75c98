'use strict';

// The errors of a region: for a Buffer that it does not free, for what it cannot allocate, and for
// its end.

const { formatBytes } = require('../base/bytes.js');
const { RallocError, refusal } = require('../base/errors.js');
const { GRANULE } = require('./record.js');
const { mayFit } = require('./options.js');

const foreign = (message) => () => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);

function inUseError(held) {
  const are = held === 1 ? 'Buffer of the region is' : 'Buffers of the region are';
  const message = `${held} ${are} in use. Free all Buffers first, or close({ force: true })`;
  return new RallocError('ERR_RALLOC_IN_USE', message, { inUse: held });
}

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
  const parts = [`${formatBytes(used)} in ${blocks} Buffer${blocks === 1 ? '' : 's'}`];
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

module.exports = {
  ofNoRegion: foreign('The Buffer does not belong to a region'),
  ofOtherRegion: foreign('The Buffer belongs to another region'),
  isView: foreign('The Buffer is a view of a region Buffer. Free the Buffer that alloc() returned'),
  wasTransferred: foreign("The Buffer's memory was transferred away"),
  wasFreed: () =>
    new RallocError(
      'ERR_RALLOC_DOUBLE_FREE',
      'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed',
    ),
  inUseError,
  refusedError,
};
