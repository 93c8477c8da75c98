'use strict';

// The sites of a profile as lines of source. Sites at the same place are one line, whatever stacks lead to it.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-key.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { DEPENDENCY, isOfRalloc } = require('../../lib/debug/stack/frames.js');
const { bucketEnd, bucketStart, sizeClassEnd } = require('../recorder/buckets.js');
const { COUNT, Totals } = require('../recorder/totals.js');

/** Whose code a frame is: the application's, a dependency's (ralloc's too, which may be linked from another folder), or Node's. */
function ownerOf({ file }) {
  if (file.startsWith('node:') || !/[\\/]/.test(file)) return 'node';
  return isOfRalloc(file) || DEPENDENCY.test(file) ? 'dependency' : 'application';
}

/** The innermost frame of the application; without one, of a dependency; without one, of Node. */
function placeOf(stack) {
  const find = (owner) => stack.find((frame) => ownerOf(frame) === owner);
  return find('application') ?? find('dependency') ?? stack[0];
}

/** The path functions for a file: a profile may come from another system. */
const pathsOf = (file) => (/^(?:[a-z]:[\\/]|\\\\)/i.test(file) ? path.win32 : path.posix);

/** A path relative to a folder; undefined if it is not in it. */
function below(folder, file, of) {
  const found = of.relative(folder, file);
  return found.startsWith('..') || of.isAbsolute(found) ? undefined : found;
}

/** The deepest folder that contains all these files. */
function commonFolder(files) {
  const of = pathsOf(files[0] ?? '');
  const folders = files.filter((file) => of.isAbsolute(file)).map((file) => of.dirname(file));
  let [folder] = folders;
  for (const one of folders) {
    while (folder !== of.sep && below(folder, one, of) === undefined) {
      const above = of.dirname(folder);
      folder = above === folder ? of.sep : above; // several drives
    }
  }
  return folder;
}

/** A path as it is shown: relative to the application's folder, or from node_modules on. */
function shortPath(file, folder) {
  const of = pathsOf(file);
  const found = folder !== undefined && of.isAbsolute(file) ? below(folder, file, of) : undefined;
  const shown = found ?? file.slice(Math.max(0, file.lastIndexOf('node_modules')));
  return shown.replaceAll('\\', '/');
}

/** The buckets with bytes: `[{ from, to, died, until, alive }]`, lifetimes in ms. `to` of the last bucket is null: it has no end. */
function lifetimesOf({ died, until, alive }) {
  const length = Math.max(died.length, until.length, alive.length);
  return Array.from({ length }, (_, bucket) => ({
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
  for (let bucket = 0; bucket < Math.max(died.length, until.length); bucket++) {
    sum += (died[bucket] ?? 0) + (until[bucket] ?? 0);
    if (sum * 2 >= bytes && sum > 0) return bucketEnd(bucket);
  }
  return null;
}

const sizesOf = ({ sizes, counts }) =>
  sizes
    .map((bytes, of) => ({ to: sizeClassEnd(of), bytes, count: counts[of] / COUNT }))
    .filter(({ bytes, count }) => bytes > 0 || count > 0);

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

/** Figures of a line, by the line and what all lines share: `{ sources, code, show, start, timeline, distance }`. */
const FIGURES = {
  ...Object.fromEntries(OF_TOTALS.map((name) => [name, ({ totals }) => totals[name]])),
  sources: ({ stacks }) => byBytes(stacks, 'source'),
  routes: ({ stacks }) => byBytes(stacks, 'route'),
  label: ({ file, sources: [source] }) =>
    file === undefined ? (WITHOUT_LINE[source] ?? source) : undefined,
  path: ({ file }, { show }) => (file === undefined ? undefined : show(file)),
  code({ file, line }, { sources, code, start }) {
    const snippet = code && file !== undefined ? sources.snippet(file, line) : undefined;
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
  history: ({ totals }, { timeline }) => timeline.live(totals.history),
  growth: ({ totals }, { timeline }) => timeline.growth(totals).growth,
  grows: ({ totals }, { timeline }) => timeline.growth(totals).grows,
};

/**
 * Returns lineOf(place): a line without sites. `place`: its `key` and `owner`, and if known `file`, `line`, `column` and `function`. Figures are computed when they are read: a large profile has a
 * hundred thousand lines, and a page some hundreds.
 */
function linesWith(about) {
  const getter = ([name, figure]) => {
    const get = function () {
      return figure(this, about);
    };
    return [name, { get, enumerable: true }];
  };
  const figures = Object.defineProperties(
    {},
    Object.fromEntries(Object.entries(FIGURES).map(getter)),
  );
  return (place) => Object.assign(Object.create(figures), place, { stacks: [] });
}

function sumOf(all) {
  const sum = new Totals();
  for (const totals of all) sum.merge(totals);
  return sum;
}

/** Adds a site. Most lines have one, and share its totals. */
function addSite(line, { id, source, route, totals }, stack) {
  const { bytes, live, peak } = totals;
  line.stacks.push({ id, source, route, stack, bytes, live, peak });
  if (line.stacks.length > 2) line.totals.merge(totals);
  else line.totals = line.stacks.length === 1 ? totals : sumOf([line.totals, totals]);
}

/**
 * @param {import('./collection.js').Collection} collection
 * @param {object} about see FIGURES
 * @returns the lines, most bytes first; each with the stacks that lead to it, most bytes first, from the innermost frame out
 */
function linesOf(collection, about) {
  const lines = new Map();
  const lineOf = linesWith(about);
  for (const site of collection.sites()) {
    const stack = site.frames.map((frame) => about.sources.resolve(frame));
    const place = placeOf(stack);
    const key =
      place === undefined
        ? `${site.source} ${site.route ?? ''}`
        : `${fileKey(place.file)}:${place.line}:${place.column}`;
    const owner = place === undefined ? 'node' : ownerOf(place);
    addSite(
      itemOf(lines, key, () => lineOf({ key, owner, ...place })),
      site,
      stack,
    );
  }
  const sorted = [...lines.values()];
  for (const { stacks } of sorted) stacks.sort((a, b) => b.bytes - a.bytes);
  return sorted.sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
}

module.exports = { commonFolder, linesOf, linesWith, ownerOf, placeOf, shortPath, sumOf };
