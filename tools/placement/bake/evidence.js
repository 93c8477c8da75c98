'use strict';

// The evidence that a profile has about the places that allocate.

const path = require('node:path');
const { fileKey } = require('../../../lib/base/file-key.js');
const { LONG_MS } = require('../rules.js');
const { bucketEnd, bucketStart, sizeClassEnd } = require('../../recorder/buckets.js');
const { events } = require('../../recorder/events.js');
const { nameOfSource } = require('../../recorder/named.js');

/** The size told of a site covers this share of its allocations. */
const NEARLY_ALL = 0.99;

/** Memory that ralloc allocates is placed already. */
const OWN = new Set(['arena', 'slab', 'region']);

/** A shorter lifetime is young. */
const YOUNG_MS = 1024;

const isLong = (bucket) => bucketStart(bucket) >= LONG_MS;
const isYoung = (bucket) => bucketEnd(bucket) <= YOUNG_MS;

/** How a cell adds to the evidence of a place. */
const ADD = {
  [events.BORN]: (e, { bytes, samples, count, sizeClass }) => {
    e.bytes += bytes;
    e.samples += samples;
    e.counts[sizeClass] += count;
    e.sizes[sizeClass] += bytes;
  },
  [events.DIED]: (e, cell) => e.end(cell, 'ended'),
  [events.DIED_OLD]: (e, cell) => e.end(cell, 'ended'),
  [events.ALIVE]: (e, cell) => e.end(cell, 'alive'),
  [events.TRANSFERRED]: (e, { bytes }) => {
    e.moved += bytes;
  },
  [events.WITH_REQUEST]: (e, { bytes, samples }) => {
    e.withRequest += bytes;
    e.withRequestSamples += samples;
  },
  [events.OUTLIVED]: (e, { bytes, samples }) => {
    e.outlived += bytes;
    e.outlivedSamples += samples;
  },
  [events.BEFORE]: (e, { bytes }) => {
    e.before += bytes;
  },
  [events.LISTENED]: (e, { bytes }) => {
    e.listened += bytes;
  },
};

const KIB2 = 1024 * 1024;

/** The share of allocations in the two size classes with the most allocations. */
function alikeOf(counts) {
  const [first = 0, second = 0] = [...counts].sort((a, b) => b - a);
  const all = counts.reduce((sum, count) => sum + count, 0);
  return all === 0 ? 0 : (first + second) / all;
}

/** The size class that nearly all allocations fit into. */
function nearlyAllOf(counts) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  const found = counts.findIndex((count) => {
    sum += count;
    return sum >= NEARLY_ALL * all;
  });
  return Math.max(0, found);
}

class Evidence {
  bytes = 0;
  samples = 0;
  withRequest = 0;
  withRequestSamples = 0;
  outlived = 0;
  outlivedSamples = 0;
  moved = 0;
  ended = 0;
  alive = 0;
  long = 0;
  young = 0;
  before = 0; // in KiB²
  listened = 0;
  /** By size class. */
  counts = new Float64Array(64);
  sizes = new Float64Array(64);

  constructor(place) {
    Object.assign(this, place);
  }

  add(cell) {
    ADD[cell.event]?.(this, cell);
  }

  end({ bytes, bucket }, name) {
    this[name] += bytes;
    if (isLong(bucket)) this.long += bytes;
    if (isYoung(bucket)) this.young += bytes;
  }

  get alike() {
    return alikeOf(this.counts);
  }

  /** How much its request already had of the same place when a byte was allocated, on average, in Buffers of the largest size. */
  get repeats() {
    const { before, bytes, sizeClass } = this;
    return bytes === 0 ? 0 : (before * KIB2) / bytes / sizeClassEnd(sizeClass);
  }

  get sizeClass() {
    return nearlyAllOf(this.counts);
  }

  /** The largest size class among the samples. */
  get largestClass() {
    return Math.max(
      0,
      this.counts.findLastIndex((count) => count > 0),
    );
  }

  /** The size class with the most bytes. */
  get mainClass() {
    return this.sizes.indexOf(Math.max(...this.sizes));
  }
}

/** The evidence of one size class of a site('name'). The number of sizes, and of Buffers per request, is that of the whole site. */
class SizeEvidence extends Evidence {
  #whole;

  constructor(whole) {
    super();
    this.#whole = whole;
  }

  get alike() {
    return this.#whole.alike;
  }

  get repeats() {
    return this.#whole.repeats;
  }
}

/** The evidence of a site('name'), of all sizes and of each size class. */
class NamedEvidence extends Evidence {
  /** Size class → Evidence. */
  each = new Map();

  add(cell) {
    super.add(cell);
    const { sizeClass } = cell;
    if (!this.each.has(sizeClass)) this.each.set(sizeClass, new SizeEvidence(this));
    this.each.get(sizeClass).add(cell);
  }
}

/** The place of the call: the innermost frame outside of Node. Undefined for Node's own allocations and for evaluated code. */
function placeOf({ source, frames: [frame] }) {
  if (frame === undefined || OWN.has(source) || !path.isAbsolute(frame.file)) return undefined;
  const { function: name, file, line, column } = frame;
  return { function: name, file, line, column, source };
}

/** The key of a place and a source. */
const keyOfPlace = ({ source, file, line, column }) =>
  `${source}\n${fileKey(file)}:${line}:${column}`;

/** `{ places, named }` of a profile: an Evidence for each place and source, and for each site('name'). */
function evidenceOf(profile) {
  const bySite = new Map(); // id → Evidence
  const byPlace = new Map();
  const byName = new Map();
  for (const site of profile.sites) {
    const name = nameOfSource(site.source);
    if (name !== undefined) {
      if (!byName.has(name)) byName.set(name, new NamedEvidence({ name }));
      bySite.set(site.id, byName.get(name));
      continue;
    }
    const place = placeOf(site);
    if (place === undefined) continue;
    const key = keyOfPlace(place);
    if (!byPlace.has(key)) byPlace.set(key, new Evidence(place));
    bySite.set(site.id, byPlace.get(key));
  }
  for (const cell of profile.cells) bySite.get(cell.site)?.add(cell);
  return { places: [...byPlace.values()], named: [...byName.values()] };
}

module.exports = { alikeOf, evidenceOf, nearlyAllOf };
