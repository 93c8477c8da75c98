'use strict';

// A profile: the sum of its blocks, in any order. Many files are merged one after another, so that
// only their sum is in memory.

const { itemOf } = require('../../lib/base/item-of.js');
const { SUMS, sumTexts } = require('./lines.js');
const { Recording, readFile } = require('./recording.js');
const { writeFile } = require('./write-file.js');

/**
 * Adds exactly: sums above 2^53 are BigInts. The bytes of a thousand processes exceed that in a
 * day.
 */
function plus(a, b) {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return BigInt(a) + BigInt(b);
}

const byId = ({ id: a }, { id: b }) => (a < b ? -1 : 1);

class Profile extends Recording {
  #cells = new Map(); // id of a site -> the three numbers that identify a cell, in one -> its row
  #series = new Map(); // slot -> its process data

  /**
   * `{ slot, recorders, rss, arrayBuffers, external, heapUsed, live }`, summed over the recorders,
   * by slot.
   */
  get series() {
    return [...this.#series.values()].sort((a, b) => a.slot - b.slot);
  }

  /** `{ id, source, route, frames }`, by id. */
  get sites() {
    return Array.from(this.definitions, ([id, definition]) => ({ id, ...definition })).sort(byId);
  }

  /** The rows of a site (see lines.js), always in the same order. */
  rowsOf(id) {
    const cells = this.#cells.get(id) ?? new Map();
    return Array.from(Uint16Array.from(cells.keys()).sort(), (key) => cells.get(key));
  }

  /**
   * Writes a file of sums, whole or not at all. Equal profiles give equal bytes. Throws
   * ERR_RALLOC_PROFILE_UNWRITABLE.
   */
  write(file) {
    writeFile(file, sumTexts(this), 'profile');
  }

  addProcess(row) {
    const known = this.#series.get(row.slot);
    if (known === undefined) this.#series.set(row.slot, row);
    else for (const key of SUMS) known[key] += row[key];
  }

  /** The hot path of merging. */
  addCells(id, rows) {
    const cells = itemOf(this.#cells, id, () => new Map());
    for (const row of rows) {
      const key = (row[0] << 10) | (row[1] << 6) | row[2];
      const sums = cells.get(key);
      if (sums === undefined) cells.set(key, row);
      else for (let i = 3; i < row.length; i++) sums[i] = plus(sums[i], row[i]);
    }
  }
}

/**
 * Returns `{ profile, told, repeated }`: the sum of `files`; `{ file, skipped, nonsense }` of each,
 * its skipped bytes and the number of its invalid lines; and the files with a recorder that an
 * earlier file has too. Throws what Profile.read() throws.
 */
function mergeFiles(files) {
  const profile = new Profile();
  const told = files.map((file) => ({ file, ...profile.addFile(file) }));
  const known = new Set();
  const isRepeated = ({ recorders }) => {
    const before = known.size;
    for (const id of recorders) known.add(id);
    return known.size - before < recorders.length;
  };
  return { profile, told, repeated: told.filter(isRepeated).map(({ file }) => file) };
}

/**
 * Removes all blocks after the peak, the slot in which ArrayBuffers took the most, from these
 * files. Returns the bytes at the peak; undefined, and removes nothing, if no block has any.
 */
function keepPeak(files) {
  const slots = new Map();
  const add = ({ slot, process }) => {
    if (process !== undefined) slots.set(slot, (slots.get(slot) ?? 0) + process.arrayBuffers);
  };
  for (const file of files) readFile(file, add);
  if (slots.size === 0) return undefined;
  const [peak, bytes] = [...slots].reduce((a, b) => (b[1] > a[1] ? b : a));
  for (const file of files) {
    const kept = [];
    readFile(file, ({ slot = peak }, text) => {
      if (slot <= peak) kept.push('\n', Buffer.from(text));
    });
    writeFile(file, kept, 'profile');
  }
  return bytes;
}

module.exports = { Profile, keepPeak, mergeFiles };
