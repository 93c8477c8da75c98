'use strict';

// The memory of a slab, of the binary or the fallback: how it is had, and its errors as ours.

const { slabs } = require('../memory/native.js');
const { RallocError, refusal } = require('../base/errors.js');
const { checkBytes } = require('./options.js');

/** `take` reserves the memory of a LeasedSlab, and returns null or a failure; `bytes`: how many it asks for. */
function lease(needsNative, take, bytes) {
  const { LeasedSlab, backend } = slabs(needsNative);
  const leased = new LeasedSlab();
  const failure = translateErrors(() => take(leased));
  if (failure?.kind === 'limit') checkBytes(failure.used, failure.limit);
  if (failure !== null) throw refusal(failure, 'maxBytes', bytes);
  return { leased, backend };
}

/** Returns the result of `call`; an error of the binary that has one of our codes becomes a RallocError. */
function translateErrors(call) {
  try {
    return call();
  } catch (error) {
    if (!String(error?.code).startsWith('ERR_RALLOC_')) throw error;
    throw new RallocError(error.code, error.message);
  }
}

module.exports = { lease, translateErrors };
