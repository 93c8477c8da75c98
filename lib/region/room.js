'use strict';

// What fits under a region's limit, and what could if all that is free went back.

const { wholeClass } = require('./chunk.js');
const { BIN_BYTES, FIRST_RECORDS } = require('./options.js');
const { FREE, GRANULE, MARK, RECORD_BYTES, SIZE } = require('./record.js');

const RECORDS_PART = 64; // of a chunk's bytes that is left for records, at least

const isOurs = (chunk) => chunk !== null && !chunk.isLost;

/** Bytes of chunks that no span has, at their ends. */
const endsOf = (all) =>
  all.reduce((bytes, chunk) => (isOurs(chunk) ? bytes + chunk.span.size - chunk.size : bytes), 0);

/** Whether nothing of a chunk is in use. */
function isFree(table, { first, size, guard }) {
  const isWhole = table[first + SIZE] * GRANULE === size && (table[first + MARK] & FREE) !== 0;
  return isWhole && !(guard?.operations > 0);
}

/** Whether a Buffer of so many bytes fits where there is no other. */
function mayFit({ chunks }, size) {
  const records = Math.max(chunks.metadata, BIN_BYTES + FIRST_RECORDS * RECORD_BYTES);
  return size + records <= chunks.budget.limit;
}

/** Bytes that would be left if all chunks that are free as a whole went back. */
function mostRoom({ chunks, spans: { table } }) {
  let bytes = chunks.budget.limit - chunks.metadata;
  for (const chunk of chunks.all) {
    if (isOurs(chunk) && !isFree(table, chunk)) bytes -= chunk.span.size;
  }
  return bytes;
}

/** Bytes of the chunk to be made for `need` bytes, or for `next`, such that records have their share of what is left. */
function wantedBytes({ budget, bytes, metadata }, need, next) {
  const share = Math.max(metadata / Math.max(bytes, next), 1 / RECORDS_PART);
  const roomy = Math.floor(budget.room / (1 + share));
  return Math.max(need, wholeClass(Math.min(next, roomy)));
}

module.exports = { endsOf, isFree, mayFit, mostRoom, wantedBytes };
