'use strict';

// A profile: the sum of its blocks, in any order.

const { itemOf } = require('../../lib/base/item-of.js');
const { PROCESS, sumTexts } = require('./lines.js');
const { LOST, Recording } = require('./recording.js');
const { writeFile } = require('./write-file.js');

/** Adds exactly: sums above 2^53 are BigInts. The bytes of a thousand processes exceed that in a day. */
function plus(a, b) {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return BigInt(a) + BigInt(b);
}

const byId = ({ id: a }, { id: b }) => (a < b ? -1 : 1);

/** The three numbers that identify a cell of a site, in one. */
const keyOf = ([sizeClass, event, bucket]) => (sizeClass << 10) | (event << 6) | bucket;

class Profile extends Recording {
  #cells = new Map(); // id of a site → key → [samples, count, bytes]
  #series = new Map(); // slot → its process data

  /** The profile of bytes of a file. */
  static from(bytes) {
    const profile = new Profile();
    profile.addBytes(bytes);
    return profile;
  }

  /** `{ slot, recorders, rss, arrayBuffers, external, heapUsed, live }`, summed over the recorders, by slot. */
  get series() {
    return [...this.#series.values()].sort((a, b) => a.slot - b.slot);
  }

  /** `{ id, source, route, frames }`, by id. */
  get sites() {
    return Array.from(this.definitions, ([id, definition]) => ({ id, ...definition })).sort(byId);
  }

  /** `{ site, sizeClass, event, bucket, samples, count, bytes }`, by site. Sums above 2^53 are the nearest numbers. */
  get cells() {
    return this.sites.flatMap(({ id }) => [...this.#cellsOf(id, Number)]);
  }

  /** Yields the cells of one site, with sums as exact BigInts. */
  exactCellsOf(site) {
    return this.#cellsOf(site, BigInt);
  }

  /** The texts of a file, one after another. */
  #texts() {
    const { recorders, series, sites } = this;
    const told = sites.map((site) =>
      this.definitions.get(site.id) === LOST ? { id: site.id } : site,
    );
    return sumTexts({ recorders, series, sites: told }, (id) => [...this.#cellsOf(id, String)]);
  }

  /** The bytes of a file. Equal profiles give equal bytes. */
  toBuffer() {
    return Buffer.from([...this.#texts()].join(''));
  }

  /** Writes a file of sums, whole or not at all. Throws ERR_RALLOC_PROFILE_UNWRITABLE. */
  write(file) {
    writeFile(file, this.#texts(), 'profile');
  }

  *#cellsOf(site, sumOf) {
    const cells = this.#cells.get(site);
    if (cells === undefined) return;
    for (const key of Uint16Array.from(cells.keys()).sort()) {
      const [samples, count, bytes] = cells.get(key).map((sum) => sumOf(sum));
      const [sizeClass, event, bucket] = [key >>> 10, (key >>> 6) & 15, key & 63];
      yield { site, sizeClass, event, bucket, samples, count, bytes };
    }
  }

  addProcess(row) {
    const known = this.#series.get(row.slot);
    if (known === undefined) this.#series.set(row.slot, row);
    else for (const key of ['recorders', ...PROCESS]) known[key] += row[key];
  }

  /** The hot path of merging. */
  addCells(id, rows) {
    const cells = itemOf(this.#cells, id, () => new Map());
    for (const row of rows) {
      const key = keyOf(row);
      const sums = cells.get(key);
      if (sums === undefined) cells.set(key, [row[3], row[4], row[5]]);
      else for (let i = 0; i < 3; i++) sums[i] = plus(sums[i], row[i + 3]);
    }
  }
}

module.exports = { Profile };
