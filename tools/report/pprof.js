'use strict';

// A profile in the format of pprof, which Go's pprof, speedscope and Pyroscope read. pprof-format encodes it.
//
// A sample has one site, one size class and one end: "heard" with its lifetime, "old" with an upper bound of it, "transferred", or
// "alive". So the samples of a site add up to what it allocated, and the "alive" ones to what is in use.

const { gzipSync } = require('node:zlib');
const { itemOf } = require('../../lib/base/item-of.js');
const { bucketStart, sizeClassEnd } = require('../recorder/buckets.js');
const { events } = require('../recorder/events.js');
const { Sources } = require('./sources.js');

const SAMPLE_TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
];
const SHOWN_FIRST = 'inuse_space';

/** The unit in which a cell counts objects. */
const OBJECT = 1024n;
const NS = 1_000_000n; // in a millisecond

const ENDS = new Map([
  [events.DIED, 'heard'],
  [events.DIED_OLD, 'old'],
  [events.TRANSFERRED, 'transferred'],
]);

/** A list of objects with numbers from 1, by key. `add(key, make)` calls make(number) for a new key, and returns the number. */
class List {
  all = [];
  #numbers = new Map();

  add(key, make) {
    return itemOf(this.#numbers, key, () => this.all.push(make(this.all.length + 1)));
  }
}

/** The samples of a site, as `{ sizeClass, end, bucket, count, bytes }`, and what is alive, by size class. */
function endsOf(cells) {
  const samples = [];
  const alive = new Map();
  const addAlive = (sizeClass, count, bytes) => {
    const sum = alive.get(sizeClass) ?? { count: 0n, bytes: 0n };
    alive.set(sizeClass, { count: sum.count + count, bytes: sum.bytes + bytes });
  };
  for (const { sizeClass, event, bucket, count, bytes } of cells) {
    const end = ENDS.get(event);
    if (event === events.BORN) addAlive(sizeClass, count, bytes);
    if (end === undefined) continue;
    addAlive(sizeClass, -count, -bytes);
    samples.push({ sizeClass, end, bucket, count, bytes });
  }
  for (const [sizeClass, { count, bytes }] of alive) {
    // The difference is negative if allocations were on a damaged line.
    if (bytes > 0n) samples.push({ sizeClass, end: 'alive', count: positive(count), bytes });
  }
  return samples;
}

const positive = (number) => (number < 0n ? 0n : number);

/** The nearest integer of objects. */
const objects = (count) => (count + OBJECT / 2n) / OBJECT;

function valuesOf({ end, count, bytes }) {
  const born = [objects(count), bytes];
  return end === 'alive' ? [...born, ...born] : [...born, 0n, 0n];
}

/** pprof takes integers, and treats 0 as no value. */
const microseconds = (bucket) => Math.max(1, Math.round(bucketStart(bucket) * 1000));

class PprofMaker {
  #texts;
  #functions = new List();
  #locations = new List();
  #sources = new Sources();

  constructor({ StringTable }) {
    this.#texts = new StringTable();
  }

  /** The fields of a Profile of pprof-format. */
  make(profile) {
    const { recorders } = profile;
    const typeOf = ([type, unit]) => ({ type: this.#text(type), unit: this.#text(unit) });
    const sample = profile.sites.flatMap((site) => this.#samplesOf(profile, site));
    const title = recorders[0]?.title ?? 'node';
    const first = recorders.reduce((a, { slot }) => Math.min(a, slot), recorders[0]?.slot ?? 0);
    const last = recorders.reduce((a, { until }) => Math.max(a, until), 0);
    return {
      sampleType: SAMPLE_TYPES.map(typeOf),
      sample,
      // Says that all functions have names; otherwise pprof looks for the file.
      mapping: [{ id: 1, filename: this.#text(title), ...HAS_ALL }],
      location: this.#locations.all,
      function: this.#functions.all,
      stringTable: this.#texts,
      timeNanos: BigInt(first) * NS,
      durationNanos: BigInt(last - first) * NS,
      periodType: typeOf(['space', 'bytes']),
      period: Math.round(Math.max(0, ...recorders.map(({ rate }) => rate))),
      comment: recorders.map((recorder) => this.#text(commentOf(recorder))),
      defaultSampleType: this.#text(SHOWN_FIRST),
    };
  }

  #samplesOf(profile, site) {
    const locationId = this.#stackOf(site);
    return endsOf(profile.exactCellsOf(site.id)).map((end) => ({
      locationId,
      value: valuesOf(end),
      label: this.#labelsOf(site, end),
    }));
  }

  /** Innermost first. Memory without frames was allocated for a stream, and is named by its kind. */
  #stackOf({ source, route, frames }) {
    if (frames.length > 0)
      return frames.map((frame) => this.#location(this.#sources.resolve(frame)));
    const name = route === undefined ? `(${source})` : `(${source} ${route})`;
    return [this.#location({ function: name, file: '', line: 0, column: 0 })];
  }

  #location({ function: name, file, line, column }) {
    const functionId = this.#functions.add(`${name}\n${file}`, (id) => {
      const text = this.#text(name || '(anonymous)');
      return { id, name: text, systemName: text, filename: this.#text(file) };
    });
    const at = [{ functionId, line, column }];
    const make = (id) => ({ id, mappingId: 1, line: at });
    return this.#locations.add(`${functionId}:${line}:${column}`, make);
  }

  #labelsOf({ source, route }, { sizeClass, end, bucket }) {
    const isKnown = bucket !== undefined && end !== 'transferred';
    const numUnit = this.#text('microseconds');
    return [
      this.#label('source', { str: this.#text(source) }),
      this.#label('end', { str: this.#text(end) }),
      this.#label('size', { num: sizeClassEnd(sizeClass), numUnit: this.#text('bytes') }),
      route !== undefined && this.#label('route', { str: this.#text(route) }),
      isKnown && this.#label('lifetime', { num: microseconds(bucket), numUnit }),
    ].filter(Boolean);
  }

  #label(key, value) {
    return { key: this.#text(key), ...value };
  }

  #text(text) {
    return this.#texts.dedup(text);
  }
}

const HAS_ALL = { hasFunctions: true, hasFilenames: true, hasLineNumbers: true };

const commentOf = ({ title, pid, thread, node, platform }) =>
  `${title}, process ${pid}, thread ${thread}, Node ${node} on ${platform}`;

/** A profile as a gzipped pprof file. `format`: the exports of pprof-format. */
const pprofOf = (profile, format) =>
  gzipSync(new format.Profile(new PprofMaker(format).make(profile)).encode());

module.exports = { pprofOf };
