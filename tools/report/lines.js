'use strict';

// The sites of a profile as lines of source. Sites at the same place are one line, whatever stacks lead to it.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-key.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { DEPENDENCY, isOfRalloc } = require('../../lib/debug/stack/frames.js');
const { Totals } = require('../recorder/totals.js');

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

/** Names of stacks, most bytes first. */
function byBytes(stacks, name) {
  if (stacks.length === 1) return stacks[0][name] === undefined ? [] : [stacks[0][name]];
  const sums = new Map();
  for (const { [name]: one, bytes } of stacks) {
    if (one !== undefined) sums.set(one, (sums.get(one) ?? 0) + bytes);
  }
  return [...sums].sort((a, b) => b[1] - a[1]).map(([one]) => one);
}

class Line {
  totals = undefined;
  stacks = [];

  constructor(key, place) {
    this.key = key;
    this.place = place;
  }

  add({ id, source, route }, stack, totals) {
    this.#sum(totals);
    const { bytes, live, peak } = totals;
    this.stacks.push({ id, source, route, stack, bytes, live, peak });
  }

  /** Most lines have one site, and share its totals. */
  #sum(totals) {
    if (this.totals === undefined) {
      this.totals = totals;
      return;
    }
    if (this.stacks.length === 1) {
      const first = this.totals;
      this.totals = new Totals();
      this.totals.merge(first);
    }
    this.totals.merge(totals);
  }

  describe() {
    const { totals, place, key } = this;
    if (this.stacks.length > 1) this.stacks.sort((a, b) => b.bytes - a.bytes);
    const sources = byBytes(this.stacks, 'source');
    return {
      key,
      ...place,
      owner: place === undefined ? 'node' : ownerOf(place),
      label: place === undefined ? (WITHOUT_LINE[sources[0]] ?? sources[0]) : undefined,
      sources,
      routes: byBytes(this.stacks, 'route'),
      stacks: this.stacks,
      totals,
    };
  }
}

/**
 * @param {import('./collection.js').Collection} collection
 * @param {import('./sources.js').Sources} sources
 * @returns the lines, most bytes first; each with the stacks that lead to it, most bytes first, from the innermost frame out
 */
function linesOf(collection, sources) {
  const lines = new Map();
  for (const site of collection.sites()) {
    const { totals } = site;
    const stack = site.frames.map((frame) => sources.resolve(frame));
    const place = placeOf(stack);
    const key =
      place === undefined
        ? `${site.source} ${site.route ?? ''}`
        : `${fileKey(place.file)}:${place.line}:${place.column}`;
    itemOf(lines, key, () => new Line(key, place)).add(site, stack, totals);
  }
  return [...lines.values()]
    .map((line) => line.describe())
    .sort((a, b) => b.totals.bytes - a.totals.bytes || (a.key < b.key ? -1 : 1));
}

module.exports = { commonFolder, linesOf, ownerOf, placeOf, shortPath };
