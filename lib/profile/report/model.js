'use strict';

// A profile as a report tells it: lines of source, what they did, and what of it should be changed. Plain data, for the page
// and for machines.

const { bucketEnd, bucketStart, BUCKETS } = require('../buckets.js');
const { findingsOf, growthOfLine } = require('./findings.js');
const { flameOf } = require('./flame.js');
const { commonFolder, linesOf, shortPath } = require('./lines.js');
const { Sources } = require('./sources.js');
const { Timeline } = require('./timeline.js');
const { Totals, YOUNG_MS } = require('./totals.js');

/** `count` of a cell is in 1/1024. */
const COUNT = 1024;

const last = (list) => list.findLast((value) => value !== null) ?? 0;

/** Buckets that have bytes: [{ from, to, died, until, alive }], lifetimes in ms, the last `to` null for no end. */
function lifetimesOf({ died, until, alive }) {
  return Array.from({ length: BUCKETS }, (_, bucket) => ({
    from: bucketStart(bucket),
    to: Number.isFinite(bucketEnd(bucket)) ? bucketEnd(bucket) : null,
    died: died[bucket],
    until: until[bucket],
    alive: alive[bucket],
  })).filter(({ died, until, alive }) => died + until + alive > 0);
}

/** The lifetime that half of the bytes did not reach, in ms: null if half of them are alive. */
function medianOf({ died, until, bytes }) {
  let sum = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    sum += died[bucket] + until[bucket];
    if (sum * 2 >= bytes && sum > 0) return bucketEnd(bucket);
  }
  return null;
}

/** Two threads or more of one process are told as threads. */
function recordingOf(collection) {
  const { recorders } = collection;
  const all = (name) => [...new Set(recorders.map((one) => one[name]))];
  return {
    title: all('title').filter(Boolean),
    node: all('node'),
    platform: all('platform'),
    budget: all('budget'),
    processes: all('pid').length,
    recorders: recorders.length,
    start: collection.start,
    seconds: collection.seconds,
    rate: Math.round(collection.rate),
  };
}

function wholeOf(lines, series, timeline) {
  const totals = new Totals();
  for (const line of lines) totals.merge(line.totals);
  const arrayBuffers = last(series.arrayBuffers);
  const live = Math.max(0, totals.live);
  return {
    bytes: totals.bytes,
    count: totals.count / COUNT,
    samples: totals.samples,
    error: totals.error(),
    live,
    // What a slot ends with, or what one line had at a time.
    peak: Math.max(0, ...timeline.live(totals.history), ...lines.map((line) => line.totals.peak)),
    young: totals.young,
    pinned: totals.pinned,
    arrayBuffers,
    notSeen: Math.max(0, arrayBuffers - last(series.live)),
    rss: last(series.rss),
    lifetimes: lifetimesOf(totals),
    perSecond: timeline.rate(totals.history, 'born'),
    youngPerSecond: timeline.rate(totals.history, 'young'),
  };
}

function lineOf(line, { sources, code, show, start }) {
  const { totals, history, ...rest } = line;
  const snippet =
    code && line.file !== undefined ? sources.snippet(line.file, line.line) : undefined;
  const { bytes, samples, live, liveError, peak } = totals;
  return {
    ...rest,
    stacks: line.stacks,
    path: line.file === undefined ? undefined : show(line.file),
    code: snippet && { ...snippet, changed: snippet.changed > start },
    bytes,
    count: totals.count / COUNT,
    samples,
    error: totals.error(),
    live: Math.max(0, live),
    liveError,
    peak,
    young: totals.young,
    pinned: totals.pinned,
    withRequest: totals.withRequest,
    outlived: totals.outlived,
    transferred: totals.transferred,
    lifetimes: lifetimesOf(totals),
    sizes: [...totals.sizes]
      .sort((a, b) => a[0] - b[0])
      .map(([sizeClass, size]) => ({
        to: 2 ** sizeClass,
        bytes: size.bytes,
        count: size.count / COUNT,
      })),
  };
}

/**
 * @param {import('./collection.js').Collection} collection of one profile
 * @param {{ code?: boolean, sources?: Sources }} [options] `code`: whether the code around each line is read, true if not given
 */
function modelOf(collection, { code = true, sources = new Sources() } = {}) {
  const timeline = new Timeline(collection);
  const series = timeline.process();
  const recording = recordingOf(collection);
  const found = linesOf(collection, sources);
  for (const line of found) {
    const { live, growth, grows } = growthOfLine(line.totals, timeline);
    Object.assign(line, { history: live, growth, grows, median: medianOf(line.totals) });
  }
  const whole = wholeOf(found, series, timeline);
  const own = found.filter(({ owner }) => owner === 'application');
  const folder = commonFolder(own.map(({ file }) => file));
  const show = (file) => shortPath(file, folder);
  return {
    ...recording,
    title: recording.title.map(show),
    skipped: collection.skipped,
    lost: collection.lost,
    unreadableMaps: [...sources.unreadable].map(([file, why]) => ({ file: show(file), why })),
    folder,
    youngMs: YOUNG_MS,
    whole,
    findings: findingsOf(found, whole, recording.seconds),
    lines: found.map((line) => ({
      ...lineOf(line, { sources, code, show, start: recording.start }),
      history: line.history,
    })),
    flame: flameOf(found, show),
    timeline: { start: timeline.first, seconds: timeline.seconds, ...series },
  };
}

module.exports = { modelOf };
