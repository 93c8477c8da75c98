'use strict';

// A profile: the sum of its blocks, in any order.

const { blockIn, payloadOf, decode } = require('./block.js');
const { bucketOfKey, eventOfKey, exactOf, numberOf, sizeClassOfKey } = require('./cell.js');
const { CellTable } = require('./cell-table.js');
const { nonsenseError } = require('./errors.js');
const { readFile } = require('./file.js');
const { readFrames } = require('./frame.js');
const { readSites } = require('./names.js');
const {
  PROCESS,
  eachOf,
  kinds,
  listOf,
  openPayload,
  readRecorder,
  readSeries,
  sections,
} = require('./payload.js');
const { SiteTable } = require('./site-table.js');
const { Recorders } = require('./recorders.js');
const { framesOf } = require('./sum.js');
const { writeFile } = require('./write-file.js');

/** A site that has cells, and whose definition was in a damaged frame. */
const LOST = Object.freeze({ source: 'unknown', route: undefined, frames: Object.freeze([]) });

class Profile {
  #sites = new SiteTable();
  #cells = new CellTable();
  #recorders = new Recorders();
  #series = new Map(); // by slot
  #numbers = []; // of the sites of the payload that is added
  #told = new Set(); // the ids of recorders since a file began
  #isCareful;
  /** Bytes of what was read that are of no whole block, or of one that makes no sense. */
  skipped = 0;

  constructor({ isCareful = false } = {}) {
    this.#isCareful = isCareful;
  }

  /**
   * What `read` returns for a new profile that it adds to. A block that makes no sense, by its checksum whole, is found in the midst of adding it: then all is
   * read once more, each block looked through before, and those are left out.
   */
  static summed(read) {
    try {
      return read(new Profile());
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_PROFILE_DAMAGED') throw error;
      return read(new Profile({ isCareful: true }));
    }
  }

  /** The profile of a file. Throws ERR_RALLOC_PROFILE_UNREADABLE, _FOREIGN, _DAMAGED, _VERSION. */
  static read(file) {
    return Profile.summed((profile) => {
      profile.addFile(file);
      return profile;
    });
  }

  /** The profile of bytes of a file. */
  static from(bytes) {
    return Profile.summed((profile) => {
      profile.addBytes(bytes);
      return profile;
    });
  }

  addBytes(bytes) {
    this.skipped += readFrames(bytes, (payload) => this.#addPayload(payload));
  }

  /** Adds a file, and returns the bytes of it that were skipped, how many blocks made no sense, and the ids of its recorders. */
  addFile(file) {
    this.#told = new Set();
    const { skipped, nonsense } = readFile(file, (payload) => this.#addPayload(payload));
    this.skipped += skipped;
    return { skipped, nonsense, recorders: [...this.#told] };
  }

  add(block) {
    this.#addPayload(payloadOf(block));
    return this;
  }

  /** Those that recorded, by id: as in a block, with their first `slot`, last `until` and the last `rate`. */
  get recorders() {
    return this.#recorders.list;
  }

  /** Mean milliseconds from one collection to the next; undefined in older profiles. */
  get collectionMs() {
    return this.#recorders.collectionMs;
  }

  /** Blocks that recorders wrote and that are not there. */
  get lost() {
    return this.#recorders.lost;
  }

  /** `{ slot, recorders, rss, arrayBuffers, external, heapUsed, live }`, summed over the recorders, by slot. */
  get series() {
    return [...this.#series.values()].sort((a, b) => a.slot - b.slot);
  }

  /** `{ id, source, route, frames }`, by id. */
  get sites() {
    return Array.from(this.#sites.sorted(), (number) => this.#siteOf(number));
  }

  /** `{ site, sizeClass, event, bucket, samples, count, bytes }`, by site. Sums above 2^53 are the nearest numbers. */
  get cells() {
    return Array.from(this.#sortedRows(), (row) => this.#cellOf(row, numberOf));
  }

  /** The same, one after another, with sums as exact BigInts. */
  *exactCells() {
    for (const row of this.#sortedRows()) yield this.#cellOf(row, exactOf);
  }

  /** As blocks of sums, of which `encode()` makes a profile that is the same. */
  toBlocks() {
    return decode(this.toBuffer()).blocks;
  }

  /** The bytes of a file. Equal profiles give equal bytes. */
  toBuffer() {
    return Buffer.concat([...framesOf(this, this.#sites, this.#cells)]);
  }

  /** Writes a file of sums, whole or not at all. Throws ERR_RALLOC_PROFILE_UNWRITABLE. */
  write(file) {
    writeFile(file, this.toBuffer(), 'profile');
  }

  #siteOf(number) {
    return { id: this.#sites.idOf(number), ...(this.#sites.definitionOf(number) ?? LOST) };
  }

  #cellOf(row, sumOf) {
    const [samples, count, bytes] = this.#cells.sumsAt(row).map(sumOf);
    const key = this.#cells.keyAt(row);
    return {
      site: this.#sites.idOf(this.#cells.siteAt(row)),
      sizeClass: sizeClassOfKey(key),
      event: eventOfKey(key),
      bucket: bucketOfKey(key),
      samples,
      count,
      bytes,
    };
  }

  #sortedRows() {
    return this.#cells.sorted(ranksOf(this.#sites.sorted()));
  }

  /** Whether it makes sense; where nobody is careful it throws otherwise. */
  #addPayload(payload) {
    if (this.#isCareful && blockIn(payload) === undefined) return false;
    this.#addParts(payload);
    return true;
  }

  #addParts(payload) {
    const { kind, parts } = openPayload(payload);
    const recorders = listOf(parts, sections.RECORDERS, readRecorder);
    if (kind === kinds.RECORDED && recorders.length !== 1) throw nonsenseError();
    for (const recorder of recorders) this.#addRecorder(recorder);
    eachOf(parts, sections.SERIES, (reader) => this.#addSeries(readSeries(reader)));
    const numbers = this.#numbers;
    numbers.length = 0;
    readSites(parts, this.#sites, numbers);
    const cells = parts[sections.CELLS];
    if (cells === undefined) return;
    this.#cells.addAll(cells, numbers);
    if (this.#cells.isScattered) this.#cells.order(ranksOf(this.#sites.sorted()));
  }

  #addRecorder(recorder) {
    this.#told.add(recorder.id);
    this.#recorders.add(recorder);
  }

  #addSeries(row) {
    const known = this.#series.get(row.slot);
    if (known === undefined) this.#series.set(row.slot, row);
    else for (const key of ['recorders', ...PROCESS]) known[key] += row[key];
  }
}

/** Site → its place in the order. */
function ranksOf(sorted) {
  const ranks = new Uint32Array(sorted.length);
  for (let rank = 0; rank < sorted.length; rank++) ranks[sorted[rank]] = rank;
  return ranks;
}

module.exports = { Profile };
