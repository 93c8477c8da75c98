'use strict';

// What a profile does not have, and the growth of a process that could not tell it, because it was
// killed, still runs, or ended too early.

const { itemOf } = require('../../lib/base/item-of.js');
const { bytesOf } = require('./text.js');

/**
 * By what a process has grown, from its first slot to its last, by the figures of its slots alone:
 * Node tells V8's heap and ArrayBuffers, and the recorder how many of these are alive.
 */
function growthOf(pid, rows) {
  const [first, last] = [rows[0], rows.at(-1)];
  const by = (name) => last[name] - first[name];
  const buffers = Math.min(by('live'), by('arrayBuffers'));
  return {
    ...{ pid, start: first.rss, peak: Math.max(...rows.map(({ rss }) => rss)), end: last.rss },
    grown: {
      ...{ heap: by('heapUsed'), buffers, garbage: by('arrayBuffers') - buffers },
      native: by('rss') - by('heapUsed') - by('arrayBuffers'),
    },
    ...{ addons: [], isBySlots: true },
  };
}

/**
 * The growths of the processes that have not told it at their end. `process`: slot → rows; `told`:
 * the ids of the others.
 */
function growthsBySlots(process, told) {
  const byPid = new Map();
  for (const [, rows] of [...process].sort(([a], [b]) => a - b)) {
    // A thread has no RSS, and a merged profile no process.
    for (const row of rows.filter(({ pid, rss }) => pid !== undefined && rss > 0))
      itemOf(byPid, row.pid, () => []).push(row);
  }
  return Array.from(byPid)
    .filter(([pid, rows]) => !told.has(pid) && rows.length > 1)
    .map(([pid, rows]) => growthOf(pid, rows));
}

/** V8 collected as often as this, in ms, while it was recorded. */
const OFTEN = 25;

/** What is missing, a sentence each. */
function missingOf(
  { skipped, lost, growths, recorders, collectionMs },
  { memory, processes, samples },
) {
  return [
    samples === 0 &&
      'no sample: no Buffer was made while it was recorded, or too little of them. The load may have come later, or the memory is not of Buffers',
    skipped > 0 &&
      `${bytesOf(skipped)} of the file are of no whole line: it was cut short, or damaged`,
    lost > 0 && `${lost} blocks of recorders, of 2 s each at most`,
    memory === null &&
      'which memory has grown: no process told it, and none ran for two slots of 2 s',
    memory?.isBySlots &&
      `what malloc keeps, what addons have and what waited: process ${memory.pid} was killed, still runs or ended within a second, so its growth is that of its slots of 2 s`,
    memory !== null &&
      !memory.isBySlots &&
      memory.waiting === undefined &&
      'what waited, and the peak: the profile is of an earlier version',
    memory !== null &&
      processes > 1 &&
      `the memory of the others: of ${processes} processes ${memory.pid} grew most${growths.length < processes ? `, and ${processes - growths.length} told nothing at their end` : ''}`,
    collectionMs < OFTEN &&
      recorders.every(({ node }) => /^v20\./.test(node)) &&
      `what it costs without a recorder: V8 collected each ${Math.round(collectionMs)} ms, and on Node 20 the recorder's memory can be why, at up to 1.8 × the CPU time. Measure time without it`,
  ].filter(Boolean);
}

module.exports = { growthsBySlots, missingOf };
