'use strict';

// The blocks of a profile, added up by site and by slot.

const { blockIn, payloadOf } = require('../recorder/block.js');
const { readInto } = require('../recorder/cell.js');
const { nonsenseError } = require('../recorder/errors.js');
const { events } = require('../recorder/events.js');
const { readFile } = require('../recorder/file.js');
const { readSites } = require('../recorder/names.js');
const {
  eachOf,
  kinds,
  listOf,
  openPayload,
  readRecorder,
  readSeries,
  sections,
} = require('../recorder/payload.js');
const { Recorders } = require('../recorder/recorders.js');
const { SiteTable } = require('../recorder/site-table.js');
const { Distance } = require('./interval.js');
const { Totals } = require('./totals.js');

/** Slots are of 2 s, aligned, in all recorders (docs/profile-format.md). */
const SLOT_MS = 2000;

/** `count` of a cell is in 1/1024. */
const COUNT = 1024;

/** Milliseconds that are in one of the intervals, at least. */
function lengthOf(intervals) {
  let [length, end] = [0, -Infinity];
  for (const [from, to] of intervals.sort((a, b) => a[0] - b[0])) {
    length += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return length;
}

/** A site whose definition was in a damaged frame. */
const LOST = Object.freeze({ source: 'unknown', route: undefined, frames: Object.freeze([]) });

class Collection {
  #recorders = new Recorders();
  #sites = new SiteTable();
  /** By the number of a site. */
  #totals = [];
  #isCareful;
  /** slot → [{ pid, rss, arrayBuffers, external, heapUsed, live }] */
  process = new Map();
  /** Between samples. */
  distance = new Distance();
  /** The slots in which something happened. */
  slots = new Set();
  /** Bytes of the file that are of no whole block, or of one that makes no sense. */
  skipped = 0;
  #intervals = [];
  /** What is read, and the same for each: a large profile has millions. */
  #cell = { event: 0, sizeClass: 0, bucket: 0, samples: 0, count: 0, bytes: 0 };

  constructor({ isCareful = false } = {}) {
    this.#isCareful = isCareful;
  }

  /** A file, block by block. Throws what Profile.read() does, and leaves out what makes no sense as that does. */
  static read(file) {
    try {
      return Collection.#read(file, {});
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_PROFILE_DAMAGED') throw error;
      return Collection.#read(file, { isCareful: true });
    }
  }

  static #read(file, options) {
    const collection = new Collection(options);
    collection.skipped = readFile(file, (payload) => collection.#addPayload(payload)).skipped;
    return collection;
  }

  /** @param {object} block of a recorder and slot, or a sum of such, which has no history of single sites */
  add(block) {
    this.#addPayload(payloadOf(block));
  }

  #addPayload(payload) {
    if (this.#isCareful && blockIn(payload) === undefined) return false;
    const { kind, parts } = openPayload(payload);
    const recorders = listOf(parts, sections.RECORDERS, readRecorder);
    for (const recorder of recorders) this.#addRecorder(recorder);
    const one = kind === kinds.RECORDED ? recorders : [];
    if (kind === kinds.RECORDED && one.length !== 1) throw nonsenseError();
    eachOf(parts, sections.SERIES, (reader) => {
      this.#addProcess({ pid: one[0]?.pid, ...readSeries(reader) });
    });
    const numbers = [];
    readSites(parts, this.#sites, numbers);
    this.#addCells(one[0]?.slot, parts, numbers);
    return true;
  }

  #addCells(slot, parts, numbers) {
    let next = 0;
    eachOf(parts, sections.CELLS, (reader) => {
      if (next === numbers.length) throw nonsenseError();
      const number = numbers[next++];
      for (let rest = reader.count(); rest > 0; rest--) {
        readInto(this.#cell, reader);
        this.#totalsOf(number).add(slot, this.#cell);
        this.#measure(this.#cell);
        if (slot !== undefined) this.slots.add(slot);
      }
    });
  }

  #addRecorder(recorder) {
    this.#recorders.add(recorder);
    // A block has what happened since the one before it, which may have been in an earlier slot.
    this.#intervals.push([recorder.start, recorder.until]);
  }

  #addProcess(told) {
    const { slot } = told;
    if (this.process.has(slot)) this.process.get(slot).push(told);
    else this.process.set(slot, [told]);
  }

  #measure({ event, sizeClass, bytes, count }) {
    if (event === events.BORN) this.distance.add(sizeClass, bytes, count / COUNT, 0);
    else if (event === events.VARIANCE) this.distance.add(sizeClass, 0, 0, bytes);
  }

  #totalsOf(number) {
    this.#totals[number] ??= new Totals();
    return this.#totals[number];
  }

  /** Sites that have cells: `{ id, source, route, frames, totals }`. */
  *sites() {
    for (let number = 0; number < this.#totals.length; number++) {
      const totals = this.#totals[number];
      if (totals === undefined) continue;
      const { source, route, frames } = this.#sites.definitionOf(number) ?? LOST;
      yield { id: this.#sites.idOf(number), source, route, frames, totals };
    }
  }

  /** Of recording, however many recorders there were at a time. */
  get seconds() {
    return lengthOf(this.#intervals) / 1000;
  }

  /** ms since 1970 */
  get start() {
    let start = Infinity;
    for (const recorder of this.recorders) start = Math.min(start, recorder.start);
    return start;
  }

  /** As its blocks tell them, by id. */
  get recorders() {
    return this.#recorders.list;
  }

  /** Blocks that were written and are not there. */
  get lost() {
    return this.#recorders.lost;
  }

  /** Mean bytes between two samples. */
  get rate() {
    return this.#recorders.rate;
  }
}

module.exports = { COUNT, Collection, SLOT_MS };
