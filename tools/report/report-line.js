'use strict';

// A line of a report. Costly figures are computed on demand: a large profile has a hundred thousand lines, and a page some hundreds.

const { bucketEnd, bucketStart, BUCKETS, sizeClassEnd } = require('../recorder/buckets.js');
const { COUNT } = require('./collection.js');
const { growthOfLine } = require('./findings.js');

/** The buckets with bytes: `[{ from, to, died, until, alive }]`, lifetimes in ms. `to` of the last bucket is null: it has no end. */
function lifetimesOf({ died, until, alive }) {
  return Array.from({ length: Math.max(died.length, until.length, alive.length) }, (_, bucket) => ({
    from: bucketStart(bucket),
    to: Number.isFinite(bucketEnd(bucket)) ? bucketEnd(bucket) : null,
    died: died[bucket] ?? 0,
    until: until[bucket] ?? 0,
    alive: alive[bucket] ?? 0,
  })).filter(({ died, until, alive }) => died + until + alive > 0);
}

/** The median lifetime in ms, by bytes; null if half of them are alive. */
function medianOf({ died, until, bytes }) {
  let sum = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    sum += (died[bucket] ?? 0) + (until[bucket] ?? 0);
    if (sum * 2 >= bytes && sum > 0) return bucketEnd(bucket);
  }
  return null;
}

function sizesOf({ sizes, counts }) {
  const all = sizes.map((bytes, sizeClass) => ({
    to: sizeClassEnd(sizeClass),
    bytes,
    count: counts[sizeClass] / COUNT,
  }));
  return all.filter(({ bytes, count }) => bytes > 0 || count > 0);
}

class ReportLine {
  totals;
  #about;
  #grown;

  /** `found`: from linesOf(). `about`: `{ sources, code, show, start, timeline, distance }`. */
  constructor({ totals, ...found }, about) {
    Object.assign(this, found);
    this.totals = totals;
    this.#about = about;
    this.bytes = totals.bytes;
    this.samples = totals.samples;
    this.live = Math.max(0, totals.live);
  }

  get path() {
    return this.file === undefined ? undefined : this.#about.show(this.file);
  }

  get code() {
    const { sources, code, start } = this.#about;
    if (!code || this.file === undefined) return undefined;
    const snippet = sources.snippet(this.file, this.line);
    return snippet && { ...snippet, changed: snippet.changed > start };
  }

  get count() {
    return this.totals.count / COUNT;
  }

  get error() {
    return this.totals.error();
  }

  /** The lower bound of `bytes`, in 19 of 20 cases. */
  get least() {
    return Math.round(this.totals.interval(this.#about.distance).least);
  }

  /** The upper bound. */
  get most() {
    return Math.round(this.totals.interval(this.#about.distance).most);
  }

  get liveError() {
    return this.totals.liveError;
  }

  get lifetimes() {
    return lifetimesOf(this.totals);
  }

  get median() {
    return medianOf(this.totals);
  }

  get sizes() {
    return sizesOf(this.totals);
  }

  /** Live bytes over time. */
  get history() {
    return this.#growth.live;
  }

  get growth() {
    return this.#growth.growth;
  }

  get grows() {
    return this.#growth.grows;
  }

  get #growth() {
    this.#grown ??= growthOfLine(this.totals, this.#about.timeline);
    return this.#grown;
  }

  /** The whole line as plain data. */
  describe() {
    const { totals, ...own } = this;
    const told = Object.fromEntries(TOLD.map((name) => [name, this[name]]));
    return { ...own, ...told, ...Object.fromEntries(SUMS.map((name) => [name, totals[name]])) };
  }
}

const TOLD = [
  ...['path', 'code', 'count', 'error', 'least', 'most', 'liveError', 'lifetimes'],
  ...['median', 'sizes', 'history', 'growth', 'grows'],
];

/** Sums of a line that are passed on unchanged. */
const SUMS = ['peak', 'young', 'pinned', 'withRequest', 'outlived', 'transferred'];
for (const name of SUMS) {
  Object.defineProperty(ReportLine.prototype, name, {
    get() {
      return this.totals[name];
    },
  });
}

module.exports = { ReportLine, lifetimesOf };
