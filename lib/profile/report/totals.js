'use strict';

// What the cells of a site add up to; and of a line, which is several sites.

const { BUCKETS, bucketEnd } = require('../buckets.js');
const { events } = require('../events.js');

/** Bytes that lived shorter than this died young. */
const YOUNG_MS = 1024;
const KIB = 1024;

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
  /** Of `bytes`, in KiB²; 0 where nothing tells it. */
  variance = 0;
  variances = 0; // how many cells
  /** Bucket → bytes. `until`: of deaths that only a major collection told. */
  died = new Float64Array(BUCKETS);
  until = new Float64Array(BUCKETS);
  alive = new Float64Array(BUCKETS);
  /** Size class → { bytes, count } */
  sizes = new Map();
  /** Slot → { born, live, young }: bytes allocated, change of the live ones, and those that died young. */
  history = new Map();

  /** `slot`: undefined for a sum over time.
   * @param {{ sizeClass: number, event: number, bucket: number, samples: number, count: number, bytes: number }} cell */
  add(slot, cell) {
    const { event, bucket, samples, bytes } = cell;
    if (event === events.BORN) this.#born(slot, cell);
    else if (event === events.DIED) this.#gone(slot, this.died, cell);
    else if (event === events.DIED_OLD) this.#gone(slot, this.until, cell);
    else if (event === events.TRANSFERRED) {
      this.transferred += bytes;
      this.#lives(slot, -bytes, -samples);
    } else if (event === events.WITH_REQUEST) this.withRequest += bytes;
    else if (event === events.OUTLIVED) this.outlived += bytes;
    else if (event === events.PEAK) this.peak += bytes;
    else if (event === events.PINNED) this.pinned += bytes;
    else if (event === events.ALIVE) this.alive[bucket] += bytes;
    else if (event === events.VARIANCE) this.#vary(bytes);
  }

  /** Adds what another site has, of the same line. */
  merge(other) {
    for (const name of SUMS) this[name] += other[name];
    for (const name of ['died', 'until', 'alive']) {
      for (let bucket = 0; bucket < BUCKETS; bucket++) this[name][bucket] += other[name][bucket];
    }
    for (const [sizeClass, { bytes, count }] of other.sizes) this.#size(sizeClass, bytes, count);
    for (const [slot, { born, live, young }] of other.history) {
      const at = this.#at(slot);
      at.born += born;
      at.live += live;
      at.young += young;
    }
  }

  #born(slot, { sizeClass, samples, count, bytes }) {
    this.bytes += bytes;
    this.count += count;
    this.samples += samples;
    this.#lives(slot, bytes, samples);
    this.#at(slot).born += bytes;
    this.#size(sizeClass, bytes, count);
  }

  #gone(slot, buckets, { bucket, samples, bytes }) {
    buckets[bucket] += bytes;
    this.#lives(slot, -bytes, -samples);
    if (bucketEnd(bucket) > YOUNG_MS) return;
    this.young += bytes;
    this.#at(slot).young += bytes;
  }

  #lives(slot, bytes, samples) {
    this.live += bytes;
    this.liveSamples += samples;
    this.#at(slot).live += bytes;
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

  /** Of `live`. */
  get liveError() {
    return this.error(this.live, this.liveSamples);
  }

  #size(sizeClass, bytes, count) {
    const size = this.sizes.get(sizeClass) ?? { bytes: 0, count: 0 };
    this.sizes.set(sizeClass, size);
    size.bytes += bytes;
    size.count += count;
  }

  #at(slot) {
    if (slot === undefined) return { born: 0, live: 0, young: 0 };
    const at = this.history.get(slot) ?? { born: 0, live: 0, young: 0 };
    this.history.set(slot, at);
    return at;
  }
}

const SUMS = Object.keys(new Totals()).filter((name) => typeof new Totals()[name] === 'number');

module.exports = { Totals, YOUNG_MS };
