'use strict';

// Checks that the records of a region match its chunks, its bins the records, and its counts both,
// for tests and debug mode.

const { auditLeases, differ, sumOf } = require('../memory/audit.js');
const { binOf } = require('./bins.js');
const { leasesOf } = require('./chunks.js');
const { BIN_BYTES } = require('./options.js');
const record = require('./record.js');

const { START, SIZE, BEFORE, AFTER, PREV, NEXT, CHUNK, MARK, WORDS } = record;
const { UNUSED, FREE, HELD, WAITING, LOST, GRANULE, RECORD_BYTES } = record;

/**
 * `chunks`: `{ index, first, size }` of each. Returns what is wrong, in words; nothing if all
 * is right.
 */
function auditRecords(spans, chunks) {
  const { table } = spans;
  const problems = [];
  const wrong = (id, what) => problems.push(`span ${id / WORDS}: ${what}`);
  const visited = new Set();
  const free = new Set();
  const sums = { held: 0, heldGranules: 0, waiting: 0 };
  for (const { index, first, size } of chunks) {
    let [start, before, wasFree] = [0, -1, false];
    for (let id = first; id >= 0; before = id, id = table[id + AFTER]) {
      if (visited.has(id)) return [...problems, `span ${id / WORDS} is twice in a chunk`];
      visited.add(id);
      const mark = table[id + MARK];
      const isFree = (mark & FREE) !== 0;
      if (table[id + START] !== start) wrong(id, `begins at ${table[id + START]}, not ${start}`);
      if (table[id + SIZE] <= 0) wrong(id, `has ${table[id + SIZE]} granules`);
      if (table[id + BEFORE] !== before) wrong(id, `is after ${table[id + BEFORE]}, not ${before}`);
      if (table[id + CHUNK] !== index) wrong(id, `is of chunk ${table[id + CHUNK]}, not ${index}`);
      if (isFree && wasFree) wrong(id, 'is free, as the one before it');
      if (isFree) free.add(id);
      else if (mark !== LOST && (mark & (HELD | WAITING)) === 0) wrong(id, `is marked ${mark}`);
      if (!isFree && mark !== LOST) {
        sums.held++;
        sums.heldGranules += table[id + SIZE];
        if ((mark & WAITING) !== 0) sums.waiting++;
      }
      start += table[id + SIZE];
      wasFree = isFree;
    }
    const granules = size / GRANULE;
    if (start !== granules) problems.push(`chunk ${index}: spans of ${start}, not ${granules}`);
  }
  for (const [name, value] of Object.entries(sums)) {
    if (spans[name] !== value) problems.push(`${name} is ${spans[name]}, not ${value}`);
  }
  problems.push(...problemsOfBins(spans, free), ...problemsOfUnused(spans, visited));
  return problems;
}

function problemsOfBins({ table, heads, columns, rows }, free) {
  const problems = [];
  for (const [bin, head] of heads.entries()) {
    const bit = (columns[bin >>> 5] >>> (bin & 31)) & 1;
    if ((bit === 1) !== head >= 0) problems.push(`bin ${bin}: its bit is ${bit}, its head ${head}`);
    for (let id = head, before = ~bin; id >= 0; before = id, id = table[id + NEXT]) {
      if (!free.delete(id)) return [...problems, `bin ${bin} has ${id / WORDS}, which is not free`];
      if (binOf(table[id + SIZE]) !== bin)
        problems.push(`bin ${bin}: ${table[id + SIZE]} granules`);
      if (table[id + PREV] !== before) problems.push(`bin ${bin}: a link is ${table[id + PREV]}`);
    }
  }
  for (const [row, bits] of columns.entries()) {
    if (((rows >>> row) & 1) !== Number(bits !== 0)) problems.push(`row ${row} has another bit`);
  }
  if (free.size > 0) problems.push(`${free.size} free spans are in no bin`);
  return problems;
}

function problemsOfUnused({ table, unused, records }, visited) {
  let count = 0;
  for (let id = unused; id >= 0; id = table[id + NEXT]) {
    if (visited.has(id) || table[id + MARK] !== UNUSED) return [`${id / WORDS} is not unused`];
    if (++count > records) return ['the unused records are a ring'];
  }
  return count + visited.size === records
    ? []
    : [`${records - count - visited.size} records are lost`];
}

/** Checks everything in a RegionCore. */
function auditRegion(core) {
  const { chunks, spans, isLive, operations, over } = core;
  if (!isLive || chunks.isBusy || spans.isBusy || over !== null) return [];
  const all = chunks.all.filter((chunk) => chunk !== null);
  const leases = leasesOf(chunks);
  const strays = [...leases.spans].filter(({ ab, home }) => ab !== null && !all.includes(home));
  const { records } = spans;
  const metadata = records === 0 ? 0 : records * RECORD_BYTES + BIN_BYTES;
  const bytes = sumOf(all, (one) => (one.isLost ? 0 : one.size));
  const claimed = sumOf(all, ({ guard }) => guard?.operations ?? 0);
  return [
    ...auditRecords(spans, all),
    ...auditLeases(leases, chunks.metadata),
    ...differ('bytes of records', chunks.metadata, metadata),
    ...differ('bytes of blocks', chunks.bytes, bytes),
    ...differ('operations', operations, claimed),
    ...strays.map(({ id }) => `span ${id} is of no chunk`),
  ];
}

module.exports = { auditRegion };
