'use strict';

// The sites of a profile as lines of source. Sites at the same place are one line, whatever stacks lead to it. Costly figures of a line are computed on
// demand: a large profile has a hundred thousand lines, and a page some hundreds.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-key.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { DEPENDENCY, isOfRalloc } = require('../../lib/debug/stack/frames.js');
const { bucketEnd, bucketStart, BUCKETS, sizeClassEnd } = require('../recorder/buckets.js');
const { Totals } = require('../recorder/totals.js');
const { COUNT } = require('./collection.js');
const { growthOfLine } = require('./findings.js');

const isOfNode = (file) => file.startsWith('node:') || !/[\\/]/.test(file);
/** Includes ralloc, even if it is linked from another folder. */
const isOfDependency = (file) => isOfRalloc(file) || DEPENDENCY.test(file);

/** Whose code a frame is: the application's, a dependency's, or Node's. */
function ownerOf({ file }) {
  if (isOfNode(file)) return 'node';
  return isOfDependency(file) ? 'dependency' : 'application';
}

/** The innermost frame of the application; without one, of a dependency; without one, of Node. */
function placeOf(stack) {
  for (const owner of ['application', 'dependency']) {
    const found = stack.find((frame) => ownerOf(frame) === owner);
    if (found !== undefined) return found;
  }
  return stack[0];
}

/** The path functions for a file: a profile may come from another system. */
const pathsOf = (file) => (/^(?:[a-z]:[\\/]|\\\\)/i.test(file) ? path.win32 : path.posix);

/** The deepest folder that contains all these files. */
function commonFolder(files) {
  const of = pathsOf(files[0] ?? '');
  const [first, ...rest] = files
    .filter((file) => of.isAbsolute(file))
    .map((file) => of.dirname(file));
  if (first === undefined) return undefined;
  const keyOf = (part) => fileKey(part ?? '', of === path.win32);
  let parts = first.split(of.sep);
  for (const folder of rest) {
    const others = folder.split(of.sep);
    const differs = parts.findIndex((part, index) => keyOf(part) !== keyOf(others[index]));
    if (differs !== -1) parts = parts.slice(0, differs);
  }
  return parts.length > 1 ? parts.join(of.sep) : `${parts.join('')}${of.sep}`; // the root of a drive is `C:\\`: `C:` would be its current folder
}

/** A path as it is shown: relative to the application's folder, or from node_modules on. */
function shortPath(file, folder) {
  const of = pathsOf(file);
  if (folder !== undefined && of.isAbsolute(file)) {
    const below = of.relative(folder, file);
    if (!below.startsWith('..') && !of.isAbsolute(below)) return below.replaceAll(of.sep, '/');
  }
  const package_ = file.lastIndexOf('node_modules');
  return (package_ === -1 ? file : file.slice(package_)).replaceAll('\\', '/');
}

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

/** Chunks of streams, and memory that Node or ralloc allocates, have no line of the application. */
const WITHOUT_LINE = {
  http: 'HTTP bodies',
  net: 'Socket reads',
  tls: 'TLS reads',
  pipe: 'Pipe reads',
  udp: 'UDP messages',
  fs: 'File reads',
  crypto: 'Results of crypto',
  arena: 'Arenas of ralloc',
  slab: 'Slabs of ralloc',
  region: 'Regions of ralloc',
};

/** Names of stacks, most bytes first. */
function byBytes(stacks, name) {
  const sums = new Map();
  for (const { [name]: one, bytes } of stacks) {
    if (one !== undefined) sums.set(one, (sums.get(one) ?? 0) + bytes);
  }
  return [...sums].sort((a, b) => b[1] - a[1]).map(([one]) => one);
}

/** Figures that are those of the totals. */
const OF_TOTALS = [
  ...['bytes', 'samples', 'liveError', 'peak', 'young', 'pinned'],
  ...['withRequest', 'outlived', 'transferred'],
];

/** Figures of a line, each computed when it is read. `about`: see ReportLine. */
const FIGURES = {
  ...Object.fromEntries(OF_TOTALS.map((name) => [name, ({ totals }) => totals[name]])),
  sources: ({ stacks }) => byBytes(stacks, 'source'),
  routes: ({ stacks }) => byBytes(stacks, 'route'),
  label: ({ file, sources: [source] }) =>
    file === undefined ? (WITHOUT_LINE[source] ?? source) : undefined,
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
  live: ({ totals }) => Math.max(0, totals.live),
  lifetimes: ({ totals }) => lifetimesOf(totals),
  median: ({ totals }) => medianOf(totals),
  sizes: ({ totals }) => sizesOf(totals),
  /** Live bytes over time. */
  history: ({ grown }) => grown.live,
  growth: ({ grown }) => grown.growth,
  grows: ({ grown }) => grown.grows,
};

class ReportLine {
  stacks = [];
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

  /** `place`: its `key` and `owner`, and if known `file`, `line`, `column` and `function`. `about`: `{ sources, code, show, start, timeline, distance }`. */
  constructor(place, about) {
    Object.assign(this, place);
    this.#about = about;
  }

  /** Adds a site. Most lines have one, and share its totals. */
  add({ id, source, route, totals }, stack) {
    if (this.stacks.length === 1) {
      const first = this.totals;
      this.totals = new Totals();
      this.totals.merge(first);
    }
    if (this.totals === undefined) this.totals = totals;
    else this.totals.merge(totals);
    const { bytes, live, peak } = totals;
    this.stacks.push({ id, source, route, stack, bytes, live, peak });
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

/**
 * @param {import('./collection.js').Collection} collection
 * @param {object} about see ReportLine
 * @returns the lines, most bytes first; each with the stacks that lead to it, most bytes first, from the innermost frame out
 */
function linesOf(collection, about) {
  const lines = new Map();
  for (const site of collection.sites()) {
    const stack = site.frames.map((frame) => about.sources.resolve(frame));
    const place = placeOf(stack);
    const key =
      place === undefined
        ? `${site.source} ${site.route ?? ''}`
        : `${fileKey(place.file)}:${place.line}:${place.column}`;
    const owner = place === undefined ? 'node' : ownerOf(place);
    itemOf(lines, key, () => new ReportLine({ key, owner, ...place }, about)).add(site, stack);
  }
  const sorted = [...lines.values()];
  for (const { stacks } of sorted) stacks.sort((a, b) => b.bytes - a.bytes);
  return sorted.sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
}

module.exports = { ReportLine, commonFolder, linesOf, ownerOf, placeOf, shortPath };
