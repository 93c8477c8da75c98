'use strict';

// The model of a report: lines of source with their figures, and the findings. Plain data, for the page and for JSON.

const { itemOf } = require('../../lib/base/item-of.js');
const { findingsOf } = require('./findings.js');
const { flameOf } = require('./flame.js');
const { ReportLine, commonFolder, linesOf, shortPath } = require('./lines.js');
const { nowOf } = require('./now.js');
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
    /** The size of Buffer's pool; 0 if no recorder knows it. */
    pool: Math.max(0, ...recorders.map(({ pool = 0 }) => pool)),
    processes: all('pid').length,
    recorders: recorders.length,
    start: collection.start,
    seconds: collection.seconds,
    rate: Math.round(collection.rate),
  };
}

/** The figures of all lines together, as those of one. */
function wholeOf(lines, series, about) {
  const whole = new ReportLine({}, about);
  whole.totals = new Totals();
  for (const { totals } of lines) whole.totals.merge(totals);
  const { bytes, count, samples, error, live, young, pinned, lifetimes } = whole;
  const { timeline } = about;
  const { history } = whole.totals;
  const arrayBuffers = last(series.arrayBuffers);
  return {
    ...{ bytes, count, samples, error, live, young, pinned, lifetimes, arrayBuffers },
    // The value at the end of a slot, or the peak of a line.
    peak: lines.reduce((most, { peak }) => Math.max(most, peak), Math.max(0, ...whole.history)),
    notSeen: Math.max(0, arrayBuffers - last(series.live) - pinned),
    rss: last(series.rss),
    perSecond: timeline.rate(history, 'born'),
    youngPerSecond: timeline.rate(history, 'young'),
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
  const shown = new Map();
  const show = (file) => itemOf(shown, file, () => shortPath(file, folder));
  const { start } = recording;
  const about = { sources, code, show, start, timeline, distance: collection.distance.mean };
  const lines = linesOf(collection, about);
  const own = lines.filter(({ owner }) => owner === 'application');
  const folder = commonFolder(own.map(({ file }) => file));
  const whole = wholeOf(lines, series, about);
  const title = recording.title.map(show);
  const byKey = new Map(lines.map((line) => [line.key, line]));
  const run = { file, program: title[0] ?? 'app.js', arrayBuffers: whole.arrayBuffers };
  const now = (finding) => nowOf(finding, byKey.get(finding.line), run);
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
    flame: flameOf(lines, show),
    timeline: { start: timeline.first, seconds: timeline.seconds, ...series },
  };
}

module.exports = { modelOf };
