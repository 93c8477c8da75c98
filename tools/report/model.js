'use strict';

// The model of a report: lines of source with their figures, and the findings. Plain data, for the page and for JSON.

const { itemOf } = require('../../lib/base/item-of.js');
const { findingsOf } = require('./findings.js');
const { flameOf } = require('./flame.js');
const { commonFolder, linesOf, shortPath } = require('./lines.js');
const { COUNT } = require('./collection.js');
const { nowOf } = require('./now.js');
const { ReportLine, lifetimesOf } = require('./report-line.js');
const { Sources } = require('./sources.js');
const { Timeline } = require('./timeline.js');
const { Totals, YOUNG_MS } = require('../recorder/totals.js');

const last = (list) => list.findLast((value) => value !== null) ?? 0;

/** Describes the recording. Each thread counts, also if several belong to one process. */
function recordingOf(collection) {
  const { recorders } = collection;
  const all = (name) => [...new Set(recorders.map((one) => one[name]))];
  return {
    title: all('title').filter(Boolean),
    node: all('node'),
    platform: all('platform'),
    budget: all('budget'),
    /** The size of Buffer's pool; 0 if no recorder knows it. */
    pool: Math.max(0, ...recorders.map(({ pool = 0 }) => pool)),
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
    // The value at the end of a slot, or the peak of a line.
    peak: lines.reduce(
      (most, { peak }) => Math.max(most, peak),
      Math.max(0, ...timeline.live(totals.history)),
    ),
    young: totals.young,
    pinned: totals.pinned,
    arrayBuffers,
    notSeen: Math.max(0, arrayBuffers - last(series.live) - totals.pinned),
    rss: last(series.rss),
    lifetimes: lifetimesOf(totals),
    perSecond: timeline.rate(totals.history, 'born'),
    youngPerSecond: timeline.rate(totals.history, 'young'),
  };
}

/**
 * @param {import('./collection.js').Collection} collection of one profile
 * @param {{ code?: boolean, sources?: Sources, file?: string }} [options] `code`: whether the code around each line is read, true if not given; `file`: the profile's,
 * for the commands that findings name
 */
function modelOf(collection, { code = true, sources = new Sources(), file = 'app.jsonl' } = {}) {
  const timeline = new Timeline(collection);
  const series = timeline.process();
  const recording = recordingOf(collection);
  const found = linesOf(collection, sources);
  const own = found.filter(({ owner }) => owner === 'application');
  const folder = commonFolder(own.map(({ file }) => file));
  const shown = new Map();
  const show = (file) => itemOf(shown, file, () => shortPath(file, folder));
  const distance = collection.distance.mean;
  const how = { sources, code, show, start: recording.start, timeline, distance };
  const lines = found.map((line) => new ReportLine(line, how));
  const whole = wholeOf(lines, series, timeline);
  const title = recording.title.map(show);
  const byKey = new Map(lines.map((line) => [line.key, line]));
  const about = { file, program: title[0] ?? 'app.js', arrayBuffers: whole.arrayBuffers };
  const now = (finding) => nowOf(finding, byKey.get(finding.line), about);
  return {
    ...recording,
    title,
    skipped: collection.skipped,
    lost: collection.lost,
    unreadableMaps: [...sources.unreadable].map(([file, why]) => ({ file: show(file), why })),
    folder,
    youngMs: YOUNG_MS,
    whole,
    findings: findingsOf(lines, whole, recording).map((one) => ({ ...one, now: now(one) })),
    lines,
    flame: flameOf(found, show),
    timeline: { start: timeline.first, seconds: timeline.seconds, ...series },
  };
}

module.exports = { modelOf };
