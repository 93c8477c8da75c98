'use strict';

// What the cells of a site add up to; and of a line, which is several sites.

const { bucketEnd } = require('../recorder/buckets.js');
const { events } = require('../recorder/events.js');
const { History } = require('./history.js');
const { intervalOf, unsampledOf } = require('./interval.js');

/** Bytes that lived shorter than this died young. */
const YOUNG_MS = 1024;
const KIB = 1024;
const COUNT = 1024; // of a cell's `count`

/** What most sites have of most: a large profile has a hundred thousand. */
const NONE = Object.freeze([]);
const NO_HISTORY = Object.freeze(new History());

class Totals {
  bytes = 0;
  count = 0;
  samples = 0;
  /** What is left when deaths and transfers are taken away; an estimate, and so below 0 at times. */
  live = 0;
  liveSamples = 0;
  peak = 0;
  pinned = 0;
  withRequest = 0;
  outlived = 0;
  transferred = 0;
  young = 0;
  /** What its requests had of it before, in KiB²: see events.js. */
  before = 0;
  /** Of `bytes`, in KiB²; 0 where nothing tells it. */
  variance = 0;
  variances = 0; // how many cells
  /** Bucket → bytes. `until`: of deaths that only a major collection told. */
  died = NONE;
  until = NONE;
  alive = NONE;
  /** Size class → bytes, and → count. */
  sizes = NONE;
  counts = NONE;
  #history;

  /** `slot`: undefined for a sum over time.
   * @param {{ sizeClass: number, event: number, bucket: number, samples: number, count: number, bytes: number }} cell */
  add(slot, cell) {
    const { event, bucket, samples, bytes } = cell;
    if (event === events.BORN) this.#born(slot, cell);
    else if (event === events.DIED) this.#gone(slot, 'died', cell);
    else if (event === events.DIED_OLD) this.#gone(slot, 'until', cell);
    else if (event === events.TRANSFERRED) {
      this.transferred += bytes;
      this.#lives(slot, -bytes, -samples);
    } else if (event === events.WITH_REQUEST) this.withRequest += bytes;
    else if (event === events.OUTLIVED) this.outlived += bytes;
    else if (event === events.PEAK) this.peak += bytes;
    else if (event === events.PINNED) this.pinned += bytes;
    else if (event === events.ALIVE) this.#more('alive', bucket, bytes);
    else if (event === events.VARIANCE) this.#vary(bytes);
    else if (event === events.BEFORE) this.before += bytes;
  }

  /** Adds what another site has, of the same line. */
  merge(other) {
    for (const name of SUMS) this[name] += other[name];
    for (const name of LISTS) {
      for (let i = 0; i < other[name].length; i++) this.#more(name, i, other[name][i]);
    }
    if (other.history.isEmpty) return;
    this.#history ??= new History();
    this.#history.merge(other.history);
  }

  #born(slot, { sizeClass, samples, count, bytes }) {
    this.bytes += bytes;
    this.count += count;
    this.samples += samples;
    this.#lives(slot, bytes, samples, bytes);
    this.#more('sizes', sizeClass, bytes);
    this.#more('counts', sizeClass, count);
  }

  #gone(slot, name, { bucket, samples, bytes }) {
    this.#more(name, bucket, bytes);
    const young = bucketEnd(bucket) > YOUNG_MS ? 0 : bytes;
    this.young += young;
    this.#lives(slot, -bytes, -samples, 0, young);
  }

  #lives(slot, bytes, samples, born = 0, young = 0) {
    this.live += bytes;
    this.liveSamples += samples;
    if (slot === undefined) return;
    this.#history ??= new History();
    this.#history.add(slot, born, bytes, young);
  }

  #vary(variance) {
    this.variance += variance;
    this.variances++;
  }

  /**
   * The share that the estimate of `part` bytes of these may be off by, in 19 of 20 cases: two standard deviations, 1 at the most. Where all samples have
   * one weight that is 2/sqrt(n), and so it is where nothing tells their variance.
   */
  error(part = this.bytes, samples = this.samples) {
    if (part <= 0 || samples <= 0) return 1;
    if (this.variances === 0) return Math.min(1, 2 / Math.sqrt(samples));
    return Math.min(1, 2 * KIB * Math.sqrt(this.variance / this.bytes / part));
  }

  /** Lists have zeros where nothing is, up to the last: a site has some of 64 buckets. */
  #more(name, index, amount) {
    if (this[name] === NONE) this[name] = [];
    const list = this[name];
    while (list.length <= index) list.push(0);
    list[index] += amount;
  }

  get history() {
    return this.#history ?? NO_HISTORY;
  }

  /** `{ least, most }`: between these `bytes` are in 19 of 20 cases, with few samples too. `distance`: between samples, on average over the recording. */
  interval(distance) {
    const variance =
      this.variances === 0 ? this.bytes ** 2 / Math.max(1, this.samples) : this.variance * KIB ** 2;
    const size = this.count > 0 ? (this.bytes / this.count) * COUNT : 0;
    return intervalOf(this.bytes, variance, unsampledOf(size, distance));
  }

  /** Of `live`. */
  get liveError() {
    return this.error(this.live, this.liveSamples);
  }
}

const LISTS = ['died', 'until', 'alive', 'sizes', 'counts'];
const SUMS = Object.keys(new Totals()).filter((name) => typeof new Totals()[name] === 'number');

module.exports = { Totals, YOUNG_MS };
