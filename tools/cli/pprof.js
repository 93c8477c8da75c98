'use strict';

// A profile in the format of pprof, which Go's pprof, speedscope and Pyroscope read, for `ralloc
// merge --pprof` and `profiler.pprof()`. Loaded only for these, because it loads the package
// pprof-format, bundled.
//
// A sample has one site, one size class and one end: "heard" with its lifetime, "old" with an upper
// bound of it, "transferred", or "alive". So the samples of a site add up to what it allocated, and
// the "alive" ones to what is in use.

const { gzipSync } = require('node:zlib');
const { itemOf } = require('../../lib/base/item-of.js');
const { bucketStart, sizeClassEnd } = require('../recorder/buckets.js');
const { BORN, DIED, DIED_OLD, TRANSFERRED } = require('../recorder/events.js').events;
const { Sources } = require('../report/sources.js');
const { Profile, StringTable } = require('./dist/pprof.js');

const SAMPLE_TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
];

const OBJECT = 1024n; // the unit in which a cell counts objects
const NS = 1_000_000n; // in a millisecond

const ENDS = { [BORN]: 'alive', [DIED]: 'heard', [DIED_OLD]: 'old', [TRANSFERRED]: 'transferred' };

/** The samples of a site, as `{ sizeClass, end, bucket, count, bytes }`. */
function endsOf(rows) {
  const ended = [];
  const alive = new Map(); // by size class
  for (const [sizeClass, event, bucket, , ...sums] of rows) {
    const end = ENDS[event];
    if (end === undefined) continue;
    const [count, bytes] = sums.map(BigInt);
    const sign = event === BORN ? 1n : -1n;
    const left = itemOf(alive, sizeClass, () => ({ end: 'alive', count: 0n, bytes: 0n }));
    left.count += sign * count;
    left.bytes += sign * bytes;
    if (event !== BORN) ended.push({ sizeClass, end, bucket, count, bytes });
  }
  // The difference is negative if allocations were on a damaged line.
  const living = [...alive].filter(([, { bytes }]) => bytes > 0n);
  return [...ended, ...living.map(([sizeClass, left]) => ({ sizeClass, ...left }))];
}

function valuesOf({ end, count, bytes }) {
  const objects = count < 0n ? 0n : (count + OBJECT / 2n) / OBJECT;
  return end === 'alive' ? [objects, bytes, objects, bytes] : [objects, bytes, 0n, 0n];
}

/** pprof takes integers, and treats 0 as no value. */
const microseconds = (bucket) => Math.max(1, Math.round(bucketStart(bucket) * 1000));

/** Says that all functions have names; otherwise pprof looks for the file. */
const HAS_ALL = { hasFunctions: true, hasFilenames: true, hasLineNumbers: true };

const commentOf = ({ title, pid, thread, node, platform }) =>
  `${title}, process ${pid}, thread ${thread}, Node ${node} on ${platform}`;

/** The number, from 1, of the object with this key. */
const numberIn = (map, key, fields) => itemOf(map, key, () => ({ id: map.size + 1, ...fields })).id;

class PprofMaker {
  #strings = new StringTable();
  #functions = new Map(); // key → its fields, numbered from 1
  #locations = new Map();
  #sources = new Sources();
  #text = (text) => this.#strings.dedup(text);

  make(profile) {
    const { recorders } = profile;
    const typeOf = ([type, unit]) => ({ type: this.#text(type), unit: this.#text(unit) });
    const sample = profile.sites.flatMap((site) => this.#samplesOf(profile, site));
    const first = recorders.reduce((a, { slot }) => Math.min(a, slot), recorders[0]?.slot ?? 0);
    const last = recorders.reduce((a, { until }) => Math.max(a, until), 0);
    return new Profile({
      sampleType: SAMPLE_TYPES.map(typeOf),
      sample,
      mapping: [{ id: 1, filename: this.#text(recorders[0]?.title ?? 'node'), ...HAS_ALL }],
      location: [...this.#locations.values()],
      function: [...this.#functions.values()],
      timeNanos: BigInt(first) * NS,
      durationNanos: BigInt(last - first) * NS,
      periodType: typeOf(['space', 'bytes']),
      period: Math.round(Math.max(0, ...recorders.map(({ rate }) => rate))),
      comment: recorders.map((recorder) => this.#text(commentOf(recorder))),
      defaultSampleType: this.#text('inuse_space'),
      stringTable: this.#strings,
    });
  }

  #samplesOf(profile, site) {
    const locationId = this.#stackOf(site);
    const labelsOf = (end) => this.#labelsOf(site, end);
    const sampleOf = (end) => ({ locationId, value: valuesOf(end), label: labelsOf(end) });
    return endsOf(profile.rowsOf(site.id)).map(sampleOf);
  }

  /**
   * Innermost first. Memory without frames was allocated for a stream, and is named by its kind.
   */
  #stackOf({ source, route, frames }) {
    const name = route === undefined ? `(${source})` : `(${source} ${route})`;
    if (frames.length === 0)
      return [this.#location({ function: name, file: '', line: 0, column: 0 })];
    return frames.map((frame) => this.#location(this.#sources.resolve(frame)));
  }

  #location({ function: name, file, line, column }) {
    const text = this.#text(name || '(anonymous)');
    const called = { name: text, systemName: text, filename: this.#text(file) };
    const functionId = numberIn(this.#functions, `${name}\n${file}`, called);
    const at = { mappingId: 1, line: [{ functionId, line, column }] };
    return numberIn(this.#locations, `${functionId}:${line}:${column}`, at);
  }

  #labelsOf({ source, route }, { sizeClass, end, bucket }) {
    const isKnown = bucket !== undefined && end !== 'transferred';
    const label = (key, fields) => ({ key: this.#text(key), ...fields });
    const named = (key, text) => label(key, { str: this.#text(text) });
    const numbered = (key, num, unit) => label(key, { num, numUnit: this.#text(unit) });
    return [
      named('source', source),
      named('end', end),
      numbered('size', sizeClassEnd(sizeClass), 'bytes'),
      route !== undefined && named('route', route),
      isKnown && numbered('lifetime', microseconds(bucket), 'microseconds'),
    ].filter(Boolean);
  }
}

/** The bytes of a gzipped file; undefined if `profile` is. */
const pprofOf = (profile) => profile && gzipSync(new PprofMaker().make(profile).encode());

module.exports = { pprofOf };
