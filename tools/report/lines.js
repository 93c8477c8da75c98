'use strict';

// The sites of a profile as lines of source. Sites at the same place are one line, whatever stacks
// lead to it.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-names.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { DEPENDENCY, isOfRalloc } = require('../../lib/debug/stack/frames.js');
const { BUCKETS, bucketEnd, bucketStart, sizeClassEnd } = require('../recorder/buckets.js');
const { PART, placeOfSite } = require('../recorder/events.js');
const { COUNT, Totals } = require('../recorder/totals.js');

/**
 * Whose code a frame is: the application's, a dependency's (ralloc's too, which may be linked from
 * another folder), or Node's.
 */
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

/** Chunks of streams, and memory that Node or ralloc allocates, have no line of the application. */
const WITHOUT_LINE = {
  http: 'HTTP bodies',
  net: 'Socket reads',
  tls: 'TLS reads',
  pipe: 'Pipe reads',
  udp: 'UDP messages',
  fs: 'File reads',
  crypto: 'Results of crypto',
  fetch: 'Bodies of fetch()',
  arena: 'Arenas of ralloc',
  slab: 'Slabs of ralloc',
  region: 'Regions of ralloc',
};

/** Names of stacks, in their order: most bytes first. */
const namesOf = (stacks, name) => [
  ...new Set(stacks.map((one) => one[name]).filter((one) => one !== undefined)),
];

const OF_TOTALS = [
  ...['bytes', 'samples', 'liveError', 'peak', 'young', 'pinned'],
  ...['withRequest', 'outlived', 'transferred', 'appended'],
];

/**
 * Figures of a line, by the line and what all lines share: `{ sources, code, show, start, timeline,
 * distance }`.
 */
const FIGURES = {
  ...Object.fromEntries(OF_TOTALS.map((name) => [name, ({ totals }) => totals[name]])),
  sources: ({ stacks }) => namesOf(stacks, 'source'),
  routes: ({ stacks }) => namesOf(stacks, 'route'),
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
  /** The buckets with bytes, lifetimes in ms. `to` of the last bucket is null: it has no end. */
  lifetimes({ totals: { died, until, alive } }) {
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => ({
      from: bucketStart(bucket),
      to: Number.isFinite(bucketEnd(bucket)) ? bucketEnd(bucket) : null,
      died: died[bucket] ?? 0,
      until: until[bucket] ?? 0,
      alive: alive[bucket] ?? 0,
    }));
    return buckets.filter((one) => one.died + one.until + one.alive > 0);
  },
  /** The median lifetime in ms, by bytes; null if half of them are alive, or have no end. */
  median({ lifetimes, bytes }) {
    let sum = 0;
    for (const { to, died, until } of lifetimes) {
      sum += died + until;
      if (sum * 2 >= bytes && sum > 0) return to;
    }
    return null;
  },
  sizes: ({ totals: { sizes, counts } }) =>
    sizes
      .map((bytes, of) => ({ to: sizeClassEnd(of), bytes, count: counts[of] / COUNT }))
      .filter(({ bytes, count }) => bytes > 0 || count > 0),
  history: ({ totals }, { timeline }) => timeline.live(totals.history),
  growth: ({ totals }, { timeline }) => timeline.growth(totals).growth,
  grows: ({ totals }, { timeline }) => timeline.growth(totals).grows,
};

/**
 * Returns lineOf(place): a line without sites. Figures are computed when they are read: a large
 * profile has a hundred thousand lines, and a page some hundreds.
 */
function linesWith(about) {
  const figures = {};
  for (const [name, figure] of Object.entries(FIGURES)) {
    const get = function () {
      return figure(this, about);
    };
    Object.defineProperty(figures, name, { get, enumerable: true });
  }
  return (place) => Object.assign(Object.create(figures), place, { stacks: [] });
}

/**
 * The lines, most bytes first; each with the stacks that lead to it, most bytes first, from the
 * innermost frame out. `about`: see FIGURES.
 */
function linesOf(collection, about) {
  const lines = new Map();
  const lineOf = linesWith(about);
  const bySite = new Map(); // place of a site -> its line
  const parts = [];
  for (const { id, source, route, frames, totals } of collection.sites()) {
    if (source === PART) {
      parts.push({ route, frames, totals });
      continue;
    }
    const stack = frames.map((frame) => about.sources.resolve(frame));
    const place = placeOf(stack);
    const at = place && `${fileKey(place.file)}:${place.line}:${place.column}`;
    const key = at ?? `${source} ${route ?? ''}`;
    const owner = place === undefined ? 'node' : ownerOf(place);
    const line = itemOf(lines, key, () => lineOf({ key, owner, ...place }));
    bySite.set(placeOfSite({ source, route, frames }), line);
    const { bytes, live, peak } = totals;
    const sites = line.stacks.push({ id, source, route, stack, bytes, live, peak });
    // Most lines have one site, and share its totals.
    if (sites === 2) line.totals = new Totals().merge(line.totals);
    line.totals = line.totals?.merge(totals) ?? totals;
  }
  for (const { route, frames, totals } of parts) {
    const line = bySite.get(route);
    const place = placeOf(frames.map((frame) => about.sources.resolve(frame)));
    // The line that makes most of the parts which keep the Buffers.
    if (line === undefined || !(totals.pinned > (line.keeper?.pinned ?? 0))) continue;
    line.keeper = { pinned: totals.pinned, line: lineOf({ owner: ownerOf(place), ...place }) };
  }
  const sorted = [...lines.values()];
  for (const { stacks } of sorted) stacks.sort((a, b) => b.bytes - a.bytes);
  return sorted.sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
}

module.exports = { commonFolder, linesOf, linesWith, ownerOf, placeOf, shortPath };
