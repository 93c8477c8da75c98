'use strict';

// The evidence that a profile has about the places that allocate.

const path = require('node:path');
const { fileKey } = require('../../../lib/base/file-names.js');
const { itemOf } = require('../../../lib/base/item-of.js');
const { LONG_MS } = require('../rules.js');
const { bucketEnd, bucketStart, sizeClassEnd } = require('../../recorder/buckets.js');
const { nameOfSource } = require('../../recorder/events.js');
const { Totals, YOUNG_MS, cellOf } = require('../../recorder/totals.js');

const NEARLY_ALL = 0.99; // the size in a site's entry covers this share of its allocations

const OWN = new Set(['arena', 'slab', 'region']); // memory that ralloc allocates is placed already

const isLong = (bucket) => bucketStart(bucket) >= LONG_MS;
const isYoung = (bucket) => bucketEnd(bucket) <= YOUNG_MS;

const KIB2 = 1024 * 1024;

const sumOf = (list) => list.reduce((sum, one) => sum + one, 0);

/** The share of allocations in the two size classes with the most allocations. */
function alikeOf(counts) {
  const [first = 0, second = 0] = [...counts].sort((a, b) => b - a);
  return (first + second) / (sumOf(counts) || 1);
}

/** The size class that nearly all allocations fit into. */
function nearlyAllOf(counts) {
  const least = NEARLY_ALL * sumOf(counts);
  const found = counts.findIndex((_, last) => sumOf(counts.slice(0, last + 1)) >= least);
  return Math.max(0, found);
}

/**
 * The evidence that the rules and a table need of these totals, in bytes except for numbers of
 * samples. For a size class of a site('name'), `alike` and `repeats` are those of the `whole` site.
 */
function evidenceBy(totals, whole = totals) {
  const { bytes, samples, withRequest, withRequestSamples, outlived, outlivedSamples } = totals;
  const { died, until, alive, counts, sizes } = totals;
  const bytesOf = (isOf) =>
    sumOf([died, until, alive].flatMap((list) => list.filter((_, bucket) => isOf(bucket))));
  const before = whole.bytes === 0 ? 0 : (whole.before * KIB2) / whole.bytes;
  return {
    ...{ bytes, samples, withRequest, withRequestSamples, outlived, outlivedSamples },
    moved: totals.transferred,
    pinned: totals.pinned,
    live: totals.live,
    ended: sumOf(died) + sumOf(until),
    alive: sumOf(alive),
    long: bytesOf(isLong),
    young: bytesOf(isYoung),
    listened: totals.listened,
    alike: alikeOf(whole.counts),
    /**
     * How many Buffers of the largest size the request already had from this place when a byte was
     * allocated, on average.
     */
    repeats: before / sizeClassEnd(nearlyAllOf(whole.counts)),
    sizeClass: nearlyAllOf(counts),
    largestClass: Math.max(0, counts.length - 1),
    /** The size class with the most bytes. */
    mainClass: sizes.indexOf(Math.max(...sizes)),
  };
}

/**
 * The place of the call: the innermost frame outside of Node. Undefined for Node's own allocations
 * and for evaluated code.
 */
function placeOf({ source, frames: [frame] }) {
  if (frame === undefined || OWN.has(source) || !path.isAbsolute(frame.file)) return undefined;
  const { function: name, file, line, column } = frame;
  return { function: name, file, line, column, source };
}

/**
 * `{ places, named }` for a profile: the evidence for each place and source, and for each
 * site('name'), the latter also for `each` size class.
 */
function evidenceOf(profile) {
  const bySite = new Map(); // id → totals
  const byPlace = new Map(); // key → { place, totals }
  const byName = new Map();
  const newNamed = () => Object.assign(new Totals(), { each: new Map() }); // by size class
  for (const site of profile.sites) {
    const name = nameOfSource(site.source);
    const place = placeOf(site);
    if (name !== undefined) bySite.set(site.id, itemOf(byName, name, newNamed));
    else if (place !== undefined) {
      const key = [site.source, fileKey(place.file), place.line, place.column].join('\n');
      const { totals } = itemOf(byPlace, key, () => ({ place, totals: new Totals() }));
      bySite.set(site.id, totals);
    }
  }
  for (const [id, totals] of bySite) {
    for (const cell of profile.rowsOf(id).map(cellOf)) {
      totals.add(undefined, cell);
      if (totals.each) itemOf(totals.each, cell.sizeClass, () => new Totals()).add(undefined, cell);
    }
  }
  const each = (whole) => Array.from(whole.each, ([size, one]) => [size, evidenceBy(one, whole)]);
  const placed = ({ place, totals }) => ({ ...place, ...evidenceBy(totals) });
  const named = ([name, all]) => ({ name, ...evidenceBy(all), each: each(all) });
  return { places: Array.from(byPlace.values(), placed), named: Array.from(byName, named) };
}

module.exports = { evidenceBy, evidenceOf };
