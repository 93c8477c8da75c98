'use strict';

// The blocks of a profile, added up by site and by slot.

const { events } = require('../recorder/events.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { readBytes, readFile } = require('../recorder/file.js');
const { encode } = require('../recorder/lines.js');
const { Recorders } = require('../recorder/recorders.js');
const { Distance } = require('../recorder/interval.js');
const { Totals } = require('../recorder/totals.js');

/** All recorders use the same slots of 2 s (docs/reference/profile-format.md). */
const SLOT_MS = 2000;

/** `count` of a cell is in units of 1/1024. */
const COUNT = 1024;

/** The length of the union of intervals, in ms. */
function lengthOf(intervals) {
  let [length, end] = [0, -Infinity];
  for (const [from, to] of intervals.sort((a, b) => a[0] - b[0])) {
    length += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return length;
}

/** Stands for a site whose definition was on a line that was cut off. */
const LOST = Object.freeze({ source: 'unknown', route: undefined, frames: Object.freeze([]) });

class Collection {
  #recorders = new Recorders();
  #definitions = new Map(); // id of a site → its definition
  #totals = new Map(); // id of a site → its totals
  /** slot → [{ pid, rss, arrayBuffers, external, heapUsed, live }] */
  process = new Map();
  /** The mean distance between samples. */
  distance = new Distance();
  /** The slots with events. */
  slots = new Set();
  /** Bytes of the file on lines that are incomplete or invalid. */
  skipped = 0;
  #intervals = [];
  /** One object that every line is read into: a large profile has millions of lines. */
  #cell = { event: 0, sizeClass: 0, bucket: 0, samples: 0, count: 0, bytes: 0 };

  /** Reads a file line by line. Throws what Profile.read() throws. */
  static read(file) {
    const collection = new Collection();
    collection.skipped = readFile(file, (line) => collection.#add(line)).skipped;
    return collection;
  }

  /** @param {object} block of one recorder and slot */
  add(block) {
    this.addBytes(encode(block));
  }

  addBytes(bytes) {
    readBytes(bytes, (line) => this.#add(line));
  }

  /** Merged blocks have no `slot`; their sites have no history. */
  #add({ site, definition, recorder, slot, process, cells }) {
    if (site !== undefined) this.#definitions.set(site, definition);
    if (recorder !== undefined) this.#addRecorder(recorder);
    if (process !== undefined) this.#addProcess({ pid: recorder?.pid, ...process });
    for (const id in cells) {
      this.#addCells(
        slot,
        itemOf(this.#totals, id, () => new Totals()),
        cells[id],
      );
    }
  }

  #addCells(slot, totals, rows) {
    const cell = this.#cell;
    for (const row of rows) {
      [cell.sizeClass, cell.event, cell.bucket] = row;
      cell.samples = Number(row[3]);
      cell.count = Number(row[4]);
      cell.bytes = Number(row[5]);
      totals.add(slot, cell);
      this.#measure(cell);
    }
    if (slot !== undefined) this.slots.add(slot);
  }

  #addRecorder(recorder) {
    this.#recorders.add(recorder);
    // A block covers the time since the previous block, which may have been in an earlier slot.
    this.#intervals.push([recorder.start, recorder.until]);
  }

  #addProcess(told) {
    itemOf(this.process, told.slot, () => []).push(told);
  }

  #measure({ event, sizeClass, bytes, count }) {
    if (event === events.BORN) this.distance.add(sizeClass, bytes, count / COUNT, 0);
    else if (event === events.VARIANCE) this.distance.add(sizeClass, 0, 0, bytes);
  }

  /** Sites that have cells: `{ id, source, route, frames, totals }`. */
  *sites() {
    for (const [id, totals] of this.#totals) {
      yield { id, ...(this.#definitions.get(id) ?? LOST), totals };
    }
  }

  /** For how long anything was recorded. Recorders that run at the same time count once. */
  get seconds() {
    return lengthOf(this.#intervals) / 1000;
  }

  /** ms since 1970 */
  get start() {
    let start = Infinity;
    for (const recorder of this.recorders) start = Math.min(start, recorder.start);
    return start;
  }

  /** The recorders, from the blocks, by id. */
  get recorders() {
    return this.#recorders.list;
  }

  /** The number of blocks that were written and are missing. */
  get lost() {
    return this.#recorders.lost;
  }

  /** Mean bytes between two samples. */
  get rate() {
    return this.#recorders.rate;
  }
}

module.exports = { COUNT, Collection, SLOT_MS };
