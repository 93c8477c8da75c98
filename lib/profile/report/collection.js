'use strict';

// The blocks of a profile, added up by site and by slot.

const { blockOf } = require('../block.js');
const { events } = require('../events.js');
const { readFile } = require('../file.js');
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
  /** id → recorder, as its blocks tell it */
  recorders = new Map();
  /** id → { id, source, route, frames } */
  sites = new Map();
  /** id of a site → Totals */
  totals = new Map();
  /** slot → [{ pid, rss, arrayBuffers, external, heapUsed, live }] */
  process = new Map();
  /** Bytes of the file that are of no whole block. */
  skipped = 0;
  #intervals = [];
  #rates = [];

  /** A file, block by block. Throws what Profile.read() does. */
  static read(file) {
    const collection = new Collection();
    collection.skipped = readFile(file, (payload) => collection.add(blockOf(payload)));
    return collection;
  }

  /** @param {object} block of a recorder and slot, or a sum of such, which has no history of single sites */
  add(block) {
    const { recorder, recorders, slot, until, rate, process, series, sites, cells } = block;
    if (recorder !== undefined) this.#addRecorder({ ...recorder, slot, until, rate });
    for (const one of recorders ?? []) this.#addRecorder(one);
    if (process !== undefined) this.#addProcess(slot, { pid: recorder.pid, ...process });
    for (const row of series ?? []) this.#addProcess(row.slot, row);
    for (const site of sites) this.sites.set(site.id, site);
    let samples = 0;
    for (const cell of cells) {
      if (cell.event === events.BORN) samples += cell.samples;
      this.#totalsOf(cell.site).add(slot, cell);
    }
    for (const one of recorder === undefined ? (recorders ?? []) : [{ rate }])
      this.#rates.push({ rate: one.rate, samples });
  }

  #addRecorder({ slot: _slot, until, rate: _rate, ...recorder }) {
    this.recorders.set(recorder.id, recorder);
    // A block has what happened since the one before it, which may have been in an earlier slot.
    this.#intervals.push([recorder.start, until]);
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
    for (const recorder of this.recorders.values()) start = Math.min(start, recorder.start);
    return start;
  }

  /** Mean bytes between two samples, as most samples had it. */
  get rate() {
    let [sum, samples, plain] = [0, 0, 0];
    for (const one of this.#rates) {
      sum += one.rate * one.samples;
      samples += one.samples;
      plain += one.rate / this.#rates.length;
    }
    return samples === 0 ? plain : sum / samples;
  }
}

module.exports = { Collection, SLOT_MS };
