'use strict';

// What a profile says that somebody should act on: lines whose bytes pile up, that allocate much for a short while, that
// pin more than they use; and what was not seen.

const { sizeClassEnd } = require('../recorder/buckets.js');
const { YOUNG_MS } = require('./totals.js');
const { growthOf } = require('./timeline.js');

/** Of each kind, the most important. */
const MOST = 3;
/** Less than this share of a profile is not worth a change. */
const LEAST_SHARE = 0.05;
const LEAST_BYTES = 1 << 20;
const CHURNS = 0.5;
const STAYS = 0.5;
const PINS = 4;
/** As many samples as ± 50 % takes: with fewer, nothing is said to grow. */
const LEAST_ALIVE = 16;
/** As many samples as ± 20 % takes. */
const FEW_SAMPLES = 100;

/** How a line's live bytes went: { growth, grows } with `grows` only where the rise is more than the estimate may be off by. */
function growthOfLine(totals, timeline) {
  const live = timeline.live(totals.history);
  const told = !totals.history.isEmpty; // of a sum over time nothing is
  const growth = told ? growthOf(timeline.seconds, live) : undefined;
  if (growth === undefined || totals.liveSamples < LEAST_ALIVE)
    return { live, growth, grows: false };
  const half = timeline.seconds.at(-1) - timeline.seconds[Math.floor(live.length / 2)];
  const rise = growth * half;
  const off = totals.liveError * totals.live;
  return { live, growth, grows: rise > off && rise > totals.live / 8 };
}

const top = (lines, weight) =>
  lines
    .filter((line) => weight(line) > 0)
    .sort((a, b) => weight(b) - weight(a))
    .slice(0, MOST);

function leaks(lines, whole) {
  const least = Math.max(whole.live * LEAST_SHARE, 1);
  return top(
    lines.filter((line) => line.totals.live >= least && line.grows),
    ({ totals }) => totals.live,
  ).map((line) => ({
    kind: 'leak',
    line: line.key,
    live: line.totals.live,
    error: line.totals.liveError,
    growth: line.growth,
    kept: line.totals.live / line.totals.bytes,
  }));
}

function churns(lines, whole, seconds) {
  return top(
    lines.filter(
      ({ totals }) =>
        totals.young >= totals.bytes * CHURNS && totals.young >= whole.bytes * LEAST_SHARE,
    ),
    ({ totals }) => totals.young,
  ).map((line) => ({
    kind: 'churn',
    line: line.key,
    perSecond: line.totals.bytes / seconds,
    error: line.totals.error(),
    young: line.totals.young / line.totals.bytes,
    youngMs: YOUNG_MS,
    median: line.median,
    share: line.totals.bytes / whole.bytes,
    withRequest: line.totals.withRequest / line.totals.bytes,
  }));
}

function pins(lines, pool) {
  return top(
    lines.filter(
      ({ totals }) =>
        totals.pinned > LEAST_BYTES && totals.pinned > PINS * Math.max(0, totals.live),
    ),
    ({ totals }) => totals.pinned,
  ).map(({ key, totals }) => ({
    kind: 'pin',
    line: key,
    pinned: totals.pinned,
    live: Math.max(0, totals.live),
    pool,
  }));
}

function outlives(lines, whole) {
  const told = ({ totals }) => totals.outlived + totals.withRequest;
  return top(
    lines.filter(
      (line) =>
        line.totals.outlived > told(line) * CHURNS && told(line) > whole.bytes * LEAST_SHARE,
    ),
    ({ totals }) => totals.outlived,
  ).map((line) => ({
    kind: 'outlives',
    line: line.key,
    outlived: line.totals.outlived,
    share: line.totals.outlived / told(line),
  }));
}

/** What stays, where there is too little of a history to say whether it grows. */
function stays(lines, whole) {
  const least = Math.max(whole.live * LEAST_SHARE, LEAST_BYTES);
  return top(
    lines.filter(
      (line) =>
        line.totals.live >= least &&
        line.totals.live >= line.totals.bytes * STAYS &&
        line.totals.liveSamples >= LEAST_ALIVE &&
        line.growth === undefined,
    ),
    ({ totals }) => totals.live,
  ).map(({ key, totals }) => ({
    kind: 'stays',
    line: key,
    live: totals.live,
    kept: totals.live / totals.bytes,
  }));
}

/** Whether most bytes are cut from Buffer's pool: slices may pin what nobody sees, where those that live were no samples. */
function arePooled(lines, { bytes }, pool) {
  const isPooled = (_, sizeClass) => sizeClassEnd(sizeClass) <= pool / 2;
  const sum = (all, { totals }) => all + sumOf(totals.sizes.filter(isPooled));
  return lines.reduce(sum, 0) > bytes / 2;
}

const sumOf = (list) => list.reduce((all, amount) => all + amount, 0);

function unseen(lines, whole, { seconds, pool }) {
  const { notSeen, arrayBuffers, bytes } = whole;
  // V8 frees what died with a later collection: on a busy server that is some tenths of a second of all that it allocates.
  const garbage = (bytes / seconds) * 0.5;
  const much = notSeen - garbage > 8 * LEAST_BYTES && notSeen > arrayBuffers / 4;
  const pooled = arePooled(lines, whole, pool);
  return much ? [{ kind: 'unseen', notSeen, share: notSeen / arrayBuffers, pooled }] : [];
}

function few({ samples, error }) {
  return samples < FEW_SAMPLES ? [{ kind: 'few', samples, error }] : [];
}

/** The findings, most important first; `line` is the key of one of `lines`. */
function findingsOf(lines, whole, { seconds, pool }) {
  const leaking = leaks(lines, whole);
  const known = new Set(leaking.map(({ line }) => line));
  return [
    ...few(whole),
    ...pins(lines, pool), // of which no other tool tells
    ...leaking,
    ...stays(lines, whole),
    ...churns(lines, whole, seconds),
    ...outlives(lines, whole).filter(({ line }) => !known.has(line)),
    ...unseen(lines, whole, { seconds, pool }),
  ];
}

module.exports = { findingsOf, growthOfLine };
