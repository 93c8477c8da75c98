'use strict';

// The model of a report: lines of source with their figures, and the findings. Plain data, for the
// page and for JSON.

const fs = require('node:fs');
const path = require('node:path');
const { itemOf } = require('../../lib/base/item-of.js');
const { Totals, YOUNG_MS } = require('../recorder/totals.js');
const { findingsOf } = require('./findings.js');
const { flameOf } = require('./flame.js');
const { commonFolder, linesOf, linesWith, shortPath } = require('./lines.js');
const { growthsBySlots, missingOf } = require('./missing.js');
const { Sources } = require('./sources.js');
const { Timeline } = require('./timeline.js');

/** The growth of the process that has grown most; null if none told it. */
const largest = (growths) =>
  growths.toSorted((a, b) => b.peak - b.start - (a.peak - a.start))[0] ?? null;

/** The program as a command names it here; of several, nobody knows which. */
function programOf([title, ...others], show) {
  if (others.length > 0) return 'PROGRAM';
  if (title === undefined) return 'app.js';
  if (!path.isAbsolute(title) || !fs.existsSync(title)) return show(title);
  const short = path.relative('', title);
  return short.startsWith('..') ? title : short;
}

const last = (list) => list.findLast((value) => value !== null) ?? 0;

/**
 * Bytes of ArrayBuffers of which the profiler knows nothing: the least of the last two slots, since
 * what a collection has just found dead counts until it is swept. `without`: bytes that are known
 * in another way.
 */
function notSeenOf({ arrayBuffers, live }, without) {
  const told = arrayBuffers.flatMap((bytes, i) => (bytes === null ? [] : [bytes - (live[i] ?? 0)]));
  // The first slot may be of a program that has not begun.
  const recent = told.slice(1).slice(-2);
  return Math.max(0, Math.min(...(recent.length > 0 ? recent : [...told, 0])) - without);
}

/** The figures of all lines together, as those of one. */
function wholeOf(lines, series, about) {
  const totals = lines.reduce((sum, line) => sum.merge(line.totals), new Totals());
  const whole = linesWith(about)({ totals });
  const { timeline } = about;
  const arrayBuffers = last(series.arrayBuffers);
  return Object.assign(whole, {
    arrayBuffers,
    // The value at the end of a slot, or the peak of a line.
    highest: lines.reduce((most, { peak }) => Math.max(most, peak), Math.max(0, ...whole.history)),
    notSeen: notSeenOf(series, whole.pinned),
    rss: last(series.rss),
    perSecond: timeline.rate(totals.history, 'born'),
    youngPerSecond: timeline.rate(totals.history, 'young'),
  });
}

/**
 * The model of a Collection. `code`: whether the code around each line is read; `file`: the
 * profile's, for the commands that findings name.
 */
function modelOf(collection, { code = true, file = 'app.jsonl' } = {}) {
  const sources = new Sources();
  const { recorders, seconds, skipped, lost } = collection;
  const start = Math.min(...recorders.map((one) => one.start));
  const all = (name) => [...new Set(recorders.map((one) => one[name]))];
  /** The size of Buffer's pool; 0 if no recorder knows it. */
  const pool = Math.max(0, ...recorders.map((one) => one.pool ?? 0));
  const timeline = new Timeline(collection);
  const series = timeline.process();
  const shown = new Map();
  const show = (file) => itemOf(shown, file, () => shortPath(file, folder));
  const about = { sources, code, show, start, timeline, distance: collection.distance.mean };
  const lines = linesOf(collection, about);
  const makers = lines.flatMap(({ keeper }) => keeper?.line ?? []);
  const own = [...lines, ...makers].filter(({ owner }) => owner === 'application');
  const folder = commonFolder(own.map(({ file }) => file));
  const whole = wholeOf(lines, series, about);
  const titles = all('title').filter(Boolean);
  const title = titles.map(show);
  const program = programOf(titles, show);
  const told = new Set(collection.growths.map(({ pid }) => pid));
  const memory = largest([...collection.growths, ...growthsBySlots(collection.process, told)]);
  const processes = all('pid').length;
  const { samples } = whole;
  const requests = recorders.reduce((sum, one) => sum + (one.requests ?? 0), 0);
  return {
    title,
    ...{ node: all('node'), platform: all('platform'), pool, processes },
    // Each thread counts, also if several belong to one process.
    ...{ recorders: recorders.length, start, seconds, rate: Math.round(collection.rate) },
    ...{ skipped, lost, folder, youngMs: YOUNG_MS, whole, lines },
    memory,
    missing: missingOf(collection, { memory, processes, samples }),
    unreadableMaps: [...sources.unreadable].map(([file, why]) => ({ file: show(file), why })),
    findings: findingsOf(lines, { whole, seconds, file, program, memory, requests }),
    flame: flameOf(lines, show),
    timeline: { start: timeline.first, seconds: timeline.seconds, ...series },
  };
}

module.exports = { modelOf };
