'use strict';

// The record of a span of a region: eight words. Sizes are in granules of 16 bytes.

module.exports = {
  GRANULE: 16, // bytes
  GRANULE_LOG: 4,

  // Words of a record. Its number is the index of the first.
  START: 0, // granules into the chunk
  SIZE: 1,
  BEFORE: 2, // the neighbours in the chunk; -1: none
  AFTER: 3,
  PREV: 4, // the previous span in the bin's list; ~bin for the first
  NEXT: 5, // the next span in the bin's list, or the next unused record; -1: none
  CHUNK: 6,
  MARK: 7,
  WORDS: 8,
  RECORD_BYTES: 4 * 8,

  // Marks. Free spans have one of the lowest two bits set.
  UNUSED: 0, // no span
  CLEAN: 1, // free, and its whole pages take no memory
  DIRTY: 2, // free
  FREE: 1 | 2, // as a mask
  HELD: 4,
  WAITING: 8, // freed, and operations of Node use it
  OWN: 16, // with HELD or WAITING: the block is its whole chunk
  LOST: 32, // its chunk was transferred away
};
