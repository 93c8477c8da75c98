'use strict';

// The events that a cell of a profile counts (docs/reference/profile-format.md). A number never changes its meaning.

const events = Object.freeze({
  /** Allocated. Its bucket is 0. */
  BORN: 0,
  /** Dead, as reported soon after. Its bucket is the lifetime. */
  DIED: 1,
  /** Dead, as reported only by a major collection. Its bucket is an upper bound of the lifetime. */
  DIED_OLD: 2,
  /** Moved to another thread, or into another ArrayBuffer: alive, and no longer this recorder's. */
  TRANSFERRED: 3,
  /** Dead at the first sufficient collection after the response of its request. */
  WITH_REQUEST: 4,
  /** Alive at that collection. */
  OUTLIVED: 5,
  /** By how much the site's largest estimate of live bytes rose. */
  PEAK: 6,
  /** Bytes of a pool's slab that slices keep alive beyond their own. */
  PINNED: 7,
  /** Alive when the recorder ended. Its bucket is the age. */
  ALIVE: 8,
  /** The variance of the bytes of BORN, in KiB². A sample of n bytes that stands for w allocations adds (1 - 1/w) · (w · n)². Its bucket is 0. */
  VARIANCE: 9,
  /** The bytes that the request had allocated at this site before, times those of the sample, in KiB². Its bucket is 0. */
  BEFORE: 10,
  /** Allocated for a request, in a listener where its context is lost. Its bucket is 0. */
  LISTENED: 11,
});

/** Event → its name. */
const eventNames = Object.freeze(Object.keys(events));

module.exports = { events, eventNames };
