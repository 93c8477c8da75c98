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

/** Figures of a line, each computed when it is read. `about`: see ReportLine. */
const FIGURES = {
  path: ({ file }, { show }) => (file === undefined ? undefined : show(file)),
  code({ file, line }, { sources, code, start }) {
    if (!code || file === undefined) return undefined;
    const snippet = sources.snippet(file, line);
    return snippet && { ...snippet, changed: snippet.changed > start };
  },
  count: ({ totals }) => totals.count / COUNT,
  error: ({ totals }) => totals.error(),
  /** The bounds of `bytes`, in 19 of 20 cases. */
  least: ({ totals }, { distance }) => Math.round(totals.interval(distance).least),
  most: ({ totals }, { distance }) => Math.round(totals.interval(distance).most),
  liveError: ({ totals }) => totals.liveError,
  lifetimes: ({ totals }) => lifetimesOf(totals),
  median: ({ totals }) => medianOf(totals),
  sizes: ({ totals }) => sizesOf(totals),
  /** Live bytes over time. */
  history: ({ grown }) => grown.live,
  growth: ({ grown }) => grown.growth,
  grows: ({ grown }) => grown.grows,
  peak: ({ totals }) => totals.peak,
  young: ({ totals }) => totals.young,
  pinned: ({ totals }) => totals.pinned,
  withRequest: ({ totals }) => totals.withRequest,
  outlived: ({ totals }) => totals.outlived,
  transferred: ({ totals }) => totals.transferred,
};

class ReportLine {
  totals;
  #about;
  #grown;

  static {
    for (const [name, figure] of Object.entries(FIGURES)) {
      const descriptor = {
        get() {
          return figure(this, this.#about);
        },
      };
      Object.defineProperty(ReportLine.prototype, name, descriptor);
    }
  }

  /** `found`: from linesOf(). `about`: `{ sources, code, show, start, timeline, distance }`. */
  constructor({ totals, ...found }, about) {
    Object.assign(this, found);
    this.totals = totals;
    this.#about = about;
    this.bytes = totals.bytes;
    this.samples = totals.samples;
    this.live = Math.max(0, totals.live);
  }

  /** How its live bytes changed: see growthOfLine(). */
  get grown() {
    this.#grown ??= growthOfLine(this.totals, this.#about.timeline);
    return this.#grown;
  }

  /** The whole line as plain data. */
  describe() {
    const { totals, ...own } = this;
    const figures = Object.keys(FIGURES).map((name) => [name, this[name]]);
    return { ...own, ...Object.fromEntries(figures) };
  }
}

module.exports = { ReportLine, lifetimesOf };
