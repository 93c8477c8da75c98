'use strict';

// Reserves the memory of a slab, from the binary or the fallback, and translates its errors.

const { slabs, warnOfFallback } = require('../memory/native.js');
const { RallocError, failureReason, refusal } = require('../base/errors.js');
const { leastBytes } = require('../memory/slab-layout.js');
const { checkBytes, limitOf, poolNumbers, reasonNotToShare } = require('./options.js');

warnOfFallback();

/**
 * `take` reserves the memory of a LeasedSlab and returns null, or a failure, from which `refuse`
 * makes an error.
 */
function lease(needsNative, take, refuse) {
  const { LeasedSlab, backend } = slabs(needsNative);
  const leased = new LeasedSlab();
  const failure = translateErrors(() => take(leased));
  if (failure?.kind === 'limit') checkBytes(failure.used, failure.limit);
  if (failure !== null) throw refuse(failure);
  return { leased, backend };
}

function checkRoom(share, bytes, leased) {
  if (bytes <= share.room || share.makeRoom(bytes)) return;
  leased?.close();
  const error = share.refusal(bytes);
  share.release();
  throw error;
}

/**
 * Returns the memory of a new slab, and why other threads cannot share it (undefined if they can).
 * `share`: the share of the option `budget`, in which the slab must fit; or null.
 */
function openMemory(settings, share) {
  const { pools, maxBytes, memory } = settings;
  if (share !== null) checkRoom(share, leastBytes(pools));
  const numbers = poolNumbers(pools);
  const bytes = pools.reduce((sum, pool) => sum + pool.size * pool.maxCount, 0); // reserved
  let unshareable = reasonNotToShare(settings);
  const needsNative = unshareable === undefined || memory !== undefined;
  const take = (leased) => {
    if (unshareable === undefined) {
      const failure = leased.open(numbers, maxBytes, true, memory);
      if (failure === null || failure.kind === 'limit') return failure;
      // Memory that cannot be shared may still be available, and most slabs are never shared.
      unshareable = failureReason(failure);
    }
    return leased.open(numbers, maxBytes, false, memory);
  };
  const refuse = (failure) => refusal(failure, limitOf(settings), bytes, { asked: memory });
  const { leased, backend } = lease(needsNative, take, refuse);
  if (share !== null) checkRoom(share, leased.committed(), leased); // again, because shareable memory has whole pages
  return { leased, backend, unshareable };
}

const texts = {
  ERR_RALLOC_STALE_TOKEN:
    'The token was received or revoked before, its sender died too long ago, or it is of another slab. A token is received once, by one thread, and revoked by its sender alone',
};

/** The arguments of SlabCore.over() to attach a slab of another thread. */
const attaching = ({ id, nonce }) => ({
  take: (leased) => leased.attach(id, nonce),
  refuse: (failure) => refusal(failure, limitOf({ name: '' }), 0),
});

/**
 * Returns the result of `call`; an error of the binary that has one of our codes becomes a
 * RallocError.
 */
function translateErrors(call) {
  try {
    return call();
  } catch (error) {
    if (!String(error?.code).startsWith('ERR_RALLOC_')) throw error;
    throw new RallocError(error.code, texts[error.code] ?? error.message);
  }
}

module.exports = { attaching, lease, openMemory, translateErrors };
