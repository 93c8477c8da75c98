'use strict';

// The blocks of a profile, added up by site and by slot.

const { blockIn, recordersOf } = require('../block.js');
const { readFile } = require('../file.js');
const { Recorders } = require('../recorders.js');
const { Totals } = require('./totals.js');

/** Slots are of 2 s, aligned, in all recorders (docs/profile-format.md). */
const SLOT_MS = 2000;

/** Milliseconds that are in one of the intervals, at least. */
function lengthOf(intervals) {
  let [length, end] = [0, -Infinity];
  for (const [from, to] of intervals.sort((a, b) => a[0] - b[0])) {
    length += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return length;
}

class Collection {
  #recorders = new Recorders();
  /** id → { id, source, route, frames } */
  sites = new Map();
  /** id of a site → Totals */
  totals = new Map();
  /** slot → [{ pid, rss, arrayBuffers, external, heapUsed, live }] */
  process = new Map();
  /** Bytes of the file that are of no whole block, or of one that makes no sense. */
  skipped = 0;
  #intervals = [];

  /** A file, block by block. Throws what Profile.read() does. */
  static read(file) {
    const collection = new Collection();
    const { skipped } = readFile(file, (payload) => {
      const block = blockIn(payload);
      if (block !== undefined) collection.add(block);
      return block !== undefined;
    });
    collection.skipped = skipped;
    return collection;
  }

  /** @param {object} block of a recorder and slot, or a sum of such, which has no history of single sites */
  add(block) {
    const { recorder, slot, process, series, sites, cells } = block;
    for (const one of recordersOf(block)) this.#addRecorder(one);
    if (process !== undefined) this.#addProcess(slot, { pid: recorder.pid, ...process });
    for (const row of series ?? []) this.#addProcess(row.slot, row);
    for (const site of sites) this.sites.set(site.id, site);
    for (const cell of cells) this.#totalsOf(cell.site).add(slot, cell);
  }

  #addRecorder(recorder) {
    this.#recorders.add(recorder);
    // A block has what happened since the one before it, which may have been in an earlier slot.
    this.#intervals.push([recorder.start, recorder.until]);
  }

  #addProcess(slot, told) {
    if (this.process.has(slot)) this.process.get(slot).push(told);
    else this.process.set(slot, [told]);
  }

  #totalsOf(site) {
    if (!this.totals.has(site)) this.totals.set(site, new Totals());
    return this.totals.get(site);
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

module.exports = { Collection, SLOT_MS };
