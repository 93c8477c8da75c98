'use strict';

// The sums of the cells of a site, and of a line, which has several sites; and the 95 % bounds of a
// sum of samples. With many samples, two standard deviations are enough. With few, the distribution
// is far from normal, and the variance does not include allocations that were not sampled at all.

const { bucketEnd } = require('./buckets.js');
const { events } = require('./events.js');

const YOUNG_MS = 1024; // bytes with a shorter lifetime died young
const KIB = 1024;
const COUNT = 1024; // `count` of a cell is in 1/1024
const WIDTH = 4; // of a row of History: slot, born, live, young

const DEVIATIONS = 1.959964;

/** The quantile of a gamma distribution at `deviations` from its mean (Wilson and Hilferty). */
function gammaQuantile(shape, deviations) {
  const a = 1 / (9 * shape);
  return shape * Math.max(0, 1 - a + deviations * Math.sqrt(a)) ** 3;
}

/**
 * The bounds of a sum (Fay and Feuer, 1997). `unseen`: what one more sample would add: while the
 * distance was larger, whole allocations may have been missed.
 */
function intervalOf(sum, variance, unseen) {
  if (!(sum > 0)) return { least: 0, most: unseen > 0 ? unseen * gammaQuantile(1, DEVIATIONS) : 0 };
  const one = Math.max(variance / sum, unseen);
  if (one === 0) return { least: sum, most: sum }; // every allocation was sampled
  const least =
    variance === 0 ? sum : (variance / sum) * gammaQuantile(sum ** 2 / variance, -DEVIATIONS);
  const [mean, spread] = [sum + one, variance + one ** 2];
  const most = (spread / mean) * gammaQuantile(mean ** 2 / spread, DEVIATIONS);
  return { least: Math.min(sum, least), most: Math.max(sum, most) };
}

/**
 * Sums allocations and their variance by size class, and computes from these the mean distance
 * between samples when most bytes were allocated.
 */
class Distance {
  #classes = [];

  /** `variance` is in KiB². */
  add(sizeClass, bytes, count, variance) {
    this.#classes[sizeClass] ??= { bytes: 0, count: 0, variance: 0 };
    const sums = this.#classes[sizeClass];
    sums.bytes += bytes;
    sums.count += count;
    sums.variance += variance;
  }

  /** In bytes; 0 if unknown. */
  get mean() {
    let [sum, weight] = [0, 0];
    for (const { bytes, count, variance } of this.#classes.filter(Boolean)) {
      if (variance === 0 || count === 0) continue;
      const size = bytes / count;
      // An allocation of n bytes has the variance n² / (e^(n/R) - 1).
      sum += (bytes * size) / Math.log1p((size * bytes) / (variance * 1024 ** 2));
      weight += bytes;
    }
    return weight === 0 ? 0 : sum / weight;
  }
}

/**
 * What one more sample of allocations of `size` bytes would add, and the variance per byte, from
 * the probability that one is missed.
 */
const unsampledOf = (size, distance) =>
  distance > 0 && size > 0 ? size / Math.expm1(size / distance) : 0;

/**
 * The events of a line in each slot, as numbers in one array: a large profile has a hundred
 * thousand histories.
 */
class History {
  #rows = [];

  /** Adds to a slot: bytes allocated, the change of live bytes, and bytes that died young. */
  add(slot, born, live, young) {
    const rows = this.#rows;
    const last = rows.length - WIDTH;
    if (last < 0 || rows[last] !== slot) {
      rows.push(slot, born, live, young);
      return;
    }
    rows[last + 1] += born;
    rows[last + 2] += live;
    rows[last + 3] += young;
  }

  merge(other) {
    other.each((slot, { born, live, young }) => this.add(slot, born, live, young));
  }

  get isEmpty() {
    return this.#rows.length === 0;
  }

  /** Calls `tell(slot, { born, live, young })`; a slot may be passed more than once. */
  each(tell) {
    const rows = this.#rows;
    for (let i = 0; i < rows.length; i += WIDTH)
      tell(rows[i], { born: rows[i + 1], live: rows[i + 2], young: rows[i + 3] });
  }
}

/**
 * Empty lists that sites share: a large profile has a hundred thousand sites, and most have no
 * other values.
 */
const NONE = Object.freeze([]);
const NO_HISTORY = Object.freeze(new History());

/** Event -> the sum that has its bytes. */
const SUM_OF = {
  ...{ [events.TRANSFERRED]: 'transferred', [events.WITH_REQUEST]: 'withRequest' },
  ...{ [events.OUTLIVED]: 'outlived', [events.PEAK]: 'peak', [events.PINNED]: 'pinned' },
  ...{ [events.VARIANCE]: 'variance', [events.BEFORE]: 'before', [events.LISTENED]: 'listened' },
  [events.APPENDED]: 'appended',
};

/** A row of a cell (see lines.js) as an object. Sums above 2^53 are the nearest numbers. */
function cellOf([sizeClass, event, bucket, ...sums]) {
  const [samples, count, bytes] = sums.map(Number);
  return { sizeClass, event, bucket, samples, count, bytes };
}

class Totals {
  bytes = 0;
  count = 0;
  samples = 0;
  /** Allocated bytes less deaths and transfers. As an estimate, it can be negative. */
  live = 0;
  liveSamples = 0;
  peak = 0;
  pinned = 0;
  withRequest = 0;
  withRequestSamples = 0;
  outlived = 0;
  outlivedSamples = 0;
  transferred = 0;
  /** Allocated in listeners where current() is undefined. */
  listened = 0;
  /** Made by Buffer.concat() of an earlier result of the same line, and of less. */
  appended = 0;
  young = 0;
  /** What requests had allocated here before, in KiB²: see BEFORE in events.js. */
  before = 0;
  /** The variance of `bytes`, in KiB²; 0 if unknown. */
  variance = 0;
  variances = 0; // the number of cells with a variance
  /** Bucket -> bytes. `until`: deaths that only a major collection showed. */
  died = NONE;
  until = NONE;
  alive = NONE;
  /** Size class -> bytes, and -> count. */
  sizes = NONE;
  counts = NONE;
  #history;

  /** `slot`: undefined for a merged profile. */
  add(slot, cell) {
    const { event, bucket, samples, bytes } = cell;
    if (event in SUM_OF) this[SUM_OF[event]] += bytes;
    if (event === events.BORN) this.#born(slot, cell);
    else if (event === events.DIED) this.#gone(slot, 'died', cell);
    else if (event === events.DIED_OLD) this.#gone(slot, 'until', cell);
    else if (event === events.TRANSFERRED) this.#lives(slot, -bytes, -samples);
    else if (event === events.WITH_REQUEST) this.withRequestSamples += samples;
    else if (event === events.OUTLIVED) this.outlivedSamples += samples;
    else if (event === events.ALIVE) this.#more('alive', bucket, bytes);
    else if (event === events.VARIANCE) this.variances++;
  }

  /** Adds the totals of another site of the same line. Returns this. */
  merge(other) {
    for (const name of SUMS) this[name] += other[name];
    for (const name of LISTS)
      for (let i = 0; i < other[name].length; i++) this.#more(name, i, other[name][i]);
    if (other.#history !== undefined) {
      this.#history ??= new History();
      this.#history.merge(other.#history);
    }
    return this;
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

  /**
   * The relative error of `part` bytes of these, in 19 of 20 cases: two standard deviations, at
   * most 1. If the variance is unknown, as for samples of one weight.
   */
  error(part = this.bytes, samples = this.samples) {
    if (part <= 0 || samples <= 0) return 1;
    if (this.variances === 0) return Math.min(1, 2 / Math.sqrt(samples));
    return Math.min(1, 2 * KIB * Math.sqrt(this.variance / this.bytes / part));
  }

  /** Adds to a list, which is extended with zeros as needed: a site uses few of the 64 buckets. */
  #more(name, index, amount) {
    if (this[name] === NONE) this[name] = [];
    const list = this[name];
    while (list.length <= index) list.push(0);
    list[index] += amount;
  }

  get history() {
    return this.#history ?? NO_HISTORY;
  }

  /**
   * `{ least, most }`: the bounds of `bytes` in 19 of 20 cases, also with few samples. `distance`:
   * the mean distance between samples over the recording.
   */
  interval(distance) {
    const variance =
      this.variances === 0 ? this.bytes ** 2 / Math.max(1, this.samples) : this.variance * KIB ** 2;
    const size = this.count > 0 ? (this.bytes / this.count) * COUNT : 0;
    return intervalOf(this.bytes, variance, unsampledOf(size, distance));
  }

  get liveError() {
    return this.error(this.live, this.liveSamples);
  }
}

const LISTS = ['died', 'until', 'alive', 'sizes', 'counts'];
const SUMS = Object.keys(new Totals()).filter((name) => typeof new Totals()[name] === 'number');

module.exports = { COUNT, Distance, Totals, YOUNG_MS, cellOf, intervalOf };
