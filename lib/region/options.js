'use strict';

// The options of a region, checked before anything is made.

const check = require('../base/validate.js');
const { rangeError } = require('../base/errors.js');
const { budgetOption } = require('../budget/option.js');
const { RECORD_BYTES } = require('./record.js');

const KiB = 1024;
const MiB = 1024 * KiB;

const MIN_CHUNK = 16 * KiB;
const MAX_CHUNK = 1024 * MiB; // offsets in a shared chunk have 30 bits
const FIRST_CHUNK = 256 * KiB; // each further chunk is twice as large, up to `chunkSize`
const LARGE = MiB; // blocks of this size and more have their own chunk
const FIRST_RECORDS = 1024;
const BIN_BYTES = 4 * KiB; // what a region has beside its records, and some

const readers = {
  maxBytes: check.number, // its minimum depends on `chunkSize`
  chunkSize: (value, name) => check.integer(value, name, MIN_CHUNK, MAX_CHUNK),
  collectWhenIdle: check.boolean,
  autoFree: check.boolean,
  guard: check.boolean,
  name: check.string,
  budget: budgetOption,
};

const defaults = {
  maxBytes: 64 * MiB,
  chunkSize: 16 * MiB,
  collectWhenIdle: true,
  autoFree: false,
  guard: undefined, // the value of autoFree
  name: '',
  budget: null,
};

function regionSettings(options) {
  const settings = { ...defaults, ...check.options(options, readers) };
  const { chunkSize, maxBytes } = settings;
  const firstChunk = Math.min(FIRST_CHUNK, chunkSize);
  const least = firstChunk + BIN_BYTES + FIRST_RECORDS * RECORD_BYTES;
  if (!Number.isSafeInteger(maxBytes) || maxBytes < least) {
    const range = `an integer >= ${least}, what one chunk takes with its records`;
    throw rangeError('options.maxBytes', range, maxBytes);
  }
  // autoFree needs the guard: some operations of Node keep only their own view of the bytes, so the
  // Buffer itself can be collected.
  const guard = settings.guard ?? settings.autoFree;
  return { ...settings, guard, firstChunk, large: Math.min(LARGE, chunkSize) };
}

/** Whether a Buffer of `size` bytes would fit into an empty region. */
function mayFit({ chunks }, size) {
  const records = Math.max(chunks.metadata, BIN_BYTES + FIRST_RECORDS * RECORD_BYTES);
  return size + records <= chunks.budget.limit;
}

module.exports = { regionSettings, mayFit, FIRST_RECORDS, BIN_BYTES };
