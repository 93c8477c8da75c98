'use strict';

// What a profile and a report have in common: the lines of files, and what they tell of recorders, each once, and of sites. A subclass has
// `addCells(id, rows, slot)` and `addProcess(row, recorder)`.

const { readBytes, readFile } = require('./file.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { LOST } = require('./lines.js');

const MERGED = { blocks: (a, b) => a + b, last: Math.max, collections: Math.max };

/** Merges two entries of a recorder: the sums of their time and blocks, and everything else from the one that ends later. */
function later(a, b) {
  const last = a.until > b.until || (a.until === b.until && a.rate >= b.rate) ? a : b;
  const both = { ...last, slot: Math.min(a.slot, b.slot) };
  for (const [field, merge] of Object.entries(MERGED)) {
    if ((a[field] ?? b[field]) !== undefined) both[field] = merge(a[field] ?? 0, b[field] ?? 0);
  }
  return both;
}

class Recording {
  definitions = new Map(); // id of a site → its definition, or LOST
  #recorders = new Map(); // by id
  #knows = (site) => (this.definitions.get(site) ?? LOST) !== LOST;
  skipped = 0; // bytes of incomplete and invalid lines

  /** The recording of a file. Throws ERR_RALLOC_PROFILE_UNREADABLE, _FOREIGN, _DAMAGED, _VERSION. */
  static read(file) {
    const recording = new this();
    recording.addFile(file);
    return recording;
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

  #add({ site, definition, recorder, process, cells, slot }) {
    if (site !== undefined) this.definitions.set(site, definition);
    if (recorder !== undefined) this.#addRecorder(recorder);
    if (process !== undefined) this.addProcess(process, recorder);
    for (const id in cells) {
      itemOf(this.definitions, id, () => LOST);
      this.addCells(id, cells[id], slot);
    }
  }

  #addRecorder(recorder) {
    const known = this.#recorders.get(recorder.id);
    this.#recorders.set(recorder.id, known === undefined ? recorder : later(known, recorder));
  }

  /** The recorders, by id: as in a block, with their first `slot`, last `until` and the last `rate`. */
  get recorders() {
    return [...this.#recorders.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The number of missing blocks: recorders number their blocks. */
  get lost() {
    let lost = 0;
    for (const { blocks, last } of this.#recorders.values()) {
      if (last !== undefined) lost += Math.max(0, last - blocks);
    }
    return lost;
  }

  /** Mean milliseconds from one of V8's collections to the next; undefined if no recorder has counted any. */
  get collectionMs() {
    const counted = this.recorders.filter(({ collections }) => collections !== undefined);
    const ms = counted.reduce((sum, { start, until }) => sum + Math.max(0, until - start), 0);
    const collections = counted.reduce((sum, one) => sum + one.collections, 0);
    return collections === 0 ? undefined : ms / collections;
  }

  /** Mean bytes between two samples: the mean of the recorders' rates at their ends, which a merged profile keeps. */
  get rate() {
    const { recorders } = this;
    const sum = recorders.reduce((all, { rate }) => all + rate, 0);
    return recorders.length === 0 ? 0 : sum / recorders.length;
  }
}

module.exports = { Recording };
