'use strict';

// A profile: the sum of its blocks, in any order.

const { readBytes, readFile } = require('./file.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { PROCESS, encode, sumTexts } = require('./lines.js');
const { Recorders } = require('./recorders.js');
const { writeFile } = require('./write-file.js');

/** Stands for a site that has cells, but whose definition was in a line that was cut off. */
const LOST = Object.freeze({ source: 'unknown', route: undefined, frames: Object.freeze([]) });

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

class Profile {
  #sites = new Map(); // id → its definition, or LOST
  #cells = new Map(); // id of a site → key → [samples, count, bytes]
  #recorders = new Recorders();
  #series = new Map(); // slot → its process data
  #knows = (site) => (this.#sites.get(site) ?? LOST) !== LOST;
  /** Bytes of incomplete and invalid lines. */
  skipped = 0;

  /** The profile of a file. Throws ERR_RALLOC_PROFILE_UNREADABLE, _FOREIGN, _DAMAGED, _VERSION. */
  static read(file) {
    const profile = new Profile();
    profile.addFile(file);
    return profile;
  }

  /** The profile of bytes of a file. */
  static from(bytes) {
    const profile = new Profile();
    profile.addBytes(bytes);
    return profile;
  }

  addBytes(bytes) {
    this.skipped += readBytes(bytes, (line) => this.#add(line), this.#knows).skipped;
  }

  /** Adds a file. Returns its skipped bytes, the number of invalid lines, and the ids of its recorders. */
  addFile(file) {
    const recorders = new Set();
    const add = (line) => {
      this.#add(line);
      if (line.recorder !== undefined) recorders.add(line.recorder.id);
    };
    const { skipped, nonsense } = readFile(file, add, this.#knows);
    this.skipped += skipped;
    return { skipped, nonsense, recorders: [...recorders] };
  }

  add(block) {
    this.addBytes(encode(block));
    return this;
  }

  /** The recorders, by id: as in a block, with their first `slot`, last `until` and the last `rate`. */
  get recorders() {
    return this.#recorders.list;
  }

  /** Mean milliseconds from one collection to the next; undefined if unknown. */
  get collectionMs() {
    return this.#recorders.collectionMs;
  }

  /** The number of missing blocks. */
  get lost() {
    return this.#recorders.lost;
  }

  /** `{ slot, recorders, rss, arrayBuffers, external, heapUsed, live }`, summed over the recorders, by slot. */
  get series() {
    return [...this.#series.values()].sort((a, b) => a.slot - b.slot);
  }

  /** `{ id, source, route, frames }`, by id. */
  get sites() {
    return Array.from(this.#sites, ([id, definition]) => ({ id, ...definition })).sort(byId);
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
    const told = sites.map((site) => (this.#sites.get(site.id) === LOST ? { id: site.id } : site));
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

  #add({ site, definition, recorder, process, cells }) {
    if (site !== undefined) this.#sites.set(site, definition);
    if (recorder !== undefined) this.#recorders.add(recorder);
    if (process !== undefined) this.#addProcess(process);
    for (const id in cells) this.#addCells(id, cells[id]);
  }

  #addProcess(row) {
    const known = this.#series.get(row.slot);
    if (known === undefined) this.#series.set(row.slot, row);
    else for (const key of ['recorders', ...PROCESS]) known[key] += row[key];
  }

  /** The hot path of merging. */
  #addCells(id, rows) {
    const cells = itemOf(this.#cells, id, () => {
      itemOf(this.#sites, id, () => LOST);
      return new Map();
    });
    for (const row of rows) {
      const key = keyOf(row);
      const sums = cells.get(key);
      if (sums === undefined) cells.set(key, [row[3], row[4], row[5]]);
      else for (let i = 0; i < 3; i++) sums[i] = plus(sums[i], row[i + 3]);
    }
  }
}

module.exports = { Profile };
