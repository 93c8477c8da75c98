'use strict';

// The record of a span of a region: eight words. Sizes are in granules of 16 bytes.

const GRANULE = 16; // bytes
const GRANULE_LOG = 4;

// Words of a record. Its number is the index of the first.
const START = 0; // granules into the chunk
const SIZE = 1;
const BEFORE = 2; // the neighbours in the chunk; -1: none
const AFTER = 3;
const PREV = 4; // in the list of the bin; ~bin: it is the first
const NEXT = 5; // the same, or among unused records; -1: none
const CHUNK = 6;
const MARK = 7;
const WORDS = 8;
const RECORD_BYTES = 4 * WORDS;

// Marks. Those of what is free have one of the lowest two bits.
const UNUSED = 0; // no span
const CLEAN = 1; // free, and its whole pages take no memory
const DIRTY = 2; // free
const FREE = CLEAN | DIRTY;
const HELD = 4;
const WAITING = 8; // freed, and operations of Node use it
const OWN = 16; // beside HELD or WAITING: all of its chunk
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
