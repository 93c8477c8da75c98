'use strict';

// The errors of a region: for a Buffer that it does not free, for what it cannot allocate, and for its end.

const { formatBytes } = require('../base/bytes.js');
const { RallocError, refusal } = require('../base/errors.js');
const { GRANULE } = require('./record.js');

const foreign = (message) => () => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);

function inUseError(held) {
  const are = held === 1 ? 'Buffer of the region is' : 'Buffers of the region are';
  const message = `${held} ${are} in use. Free all Buffers first, or close({ force: true })`;
  return new RallocError('ERR_RALLOC_IN_USE', message, { inUse: held });
}

/** The error of an allocation of `requested` bytes that got a failure. */
function refusedError({ spans, chunks }, failure, requested) {
  const { held, heldGranules } = spans;
  const { bytes, metadata, taken } = chunks;
  const used = heldGranules * GRANULE;
  const parts = [
    `${formatBytes(used)} in ${held} Buffer${held === 1 ? '' : 's'}`,
    `${formatBytes(bytes - used)} free, in pieces that are too small`,
    `${formatBytes(metadata)} of records`,
  ];
  const waiting = taken - bytes - metadata;
  if (waiting > 0) parts.push(`${formatBytes(waiting)} waiting for the garbage collector`);
  return refusal(failure, 'maxBytes', requested, {
    taken: { parts, remedy: 'free Buffers first' },
  });
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
