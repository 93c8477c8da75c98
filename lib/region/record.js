'use strict';

// The record of a span of a region: eight words. Sizes are in granules of 16 bytes.

const GRANULE = 16; // bytes
const GRANULE_LOG = 4;

// Words of a record. Its number is the index of the first.
const START = 0; // granules into the chunk
const SIZE = 1;
const BEFORE = 2; // the neighbours in the chunk; -1: none
const AFTER = 3;
const PREV = 4; // the previous span in the bin's list; ~bin for the first
const NEXT = 5; // the next span in the bin's list, or the next unused record; -1: none
const CHUNK = 6;
const MARK = 7;
const WORDS = 8;
const RECORD_BYTES = 4 * WORDS;

// Marks. Free spans have one of the lowest two bits set.
const UNUSED = 0; // no span
const CLEAN = 1; // free, and its whole pages take no memory
const DIRTY = 2; // free
const FREE = CLEAN | DIRTY;
const HELD = 4;
const WAITING = 8; // freed, and operations of Node use it
const OWN = 16; // with HELD or WAITING: the block is its whole chunk
const LOST = 32; // its chunk was transferred away

module.exports = {
  GRANULE,
  GRANULE_LOG,
  START,
  SIZE,
  BEFORE,
  AFTER,
  PREV,
  NEXT,
  CHUNK,
  MARK,
  WORDS,
  RECORD_BYTES,
  UNUSED,
  CLEAN,
  DIRTY,
  FREE,
  HELD,
  WAITING,
  OWN,
  LOST,
};
