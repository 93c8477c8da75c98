'use strict';

// The findings of a profile: lines to change, because their bytes pile up, or they allocate much for a short while, or they pin more than they use; and
// memory that was not seen.

const { sizeClassEnd } = require('../recorder/buckets.js');
const { YOUNG_MS } = require('../recorder/totals.js');
const { growthOf } = require('./timeline.js');

/** So many findings of each kind are reported, the most important ones. */
const MOST = 3;
/** A line with a smaller share of the profile is not worth a change. */
const LEAST_SHARE = 0.05;
const LEAST_BYTES = 1 << 20;
const CHURNS = 0.5;
const STAYS = 0.5;
const PINS = 4;
/** So many samples give an error of ± 50 %. With fewer, no line is said to grow. */
const LEAST_ALIVE = 16;
/** So many samples give an error of ± 20 %. */
const FEW_SAMPLES = 100;

/** How the live bytes of a line changed: `{ growth, grows }`. `grows` is true only if the growth exceeds the error of the estimate. */
function growthOfLine(totals, timeline) {
  const live = timeline.live(totals.history);
  const told = !totals.history.isEmpty; // merged profiles have no history
  const growth = told ? growthOf(timeline.seconds, live) : undefined;
  if (growth === undefined || totals.liveSamples < LEAST_ALIVE)
    return { live, growth, grows: false };
  const half = timeline.seconds.at(-1) - timeline.seconds[Math.floor(live.length / 2)];
  const rise = growth * half;
  const off = totals.liveError * totals.live;
  return { live, growth, grows: rise > off && rise > totals.live / 8 };
}

const judged = ({ outlived, withRequest }) => outlived + withRequest;

/** Kind of a finding → by which of its totals a line is weighed, whether it has one, and its figures. `about`: `{ whole, seconds, pool }`. */
const KINDS = {
  pin: {
    weight: 'pinned',
    has: ({ pinned, live }) => pinned > LEAST_BYTES && pinned > PINS * Math.max(0, live),
    tell: ({ pinned, live }, _, { pool }) => ({ pinned, live: Math.max(0, live), pool }),
  },
  leak: {
    weight: 'live',
    has: ({ live }, { grows }, { whole }) => live >= whole.live * LEAST_SHARE && grows,
    tell: ({ live, liveError: error, bytes }, { growth }) => ({
      ...{ live, error, growth },
      kept: live / bytes,
    }),
  },
  /** Bytes that stay alive, if the history is too short to say whether they grow. */
  stays: {
    weight: 'live',
    has: ({ live, liveSamples, bytes }, line, { whole }) =>
      live >= Math.max(whole.live * LEAST_SHARE, LEAST_BYTES) &&
      live >= bytes * STAYS &&
      liveSamples >= LEAST_ALIVE &&
      line.growth === undefined,
    tell: ({ live, bytes }) => ({ live, kept: live / bytes }),
  },
  churn: {
    weight: 'young',
    has: ({ young, bytes }, _, { whole }) =>
      young >= bytes * CHURNS && young >= whole.bytes * LEAST_SHARE,
    tell: (totals, { median }, { whole, seconds }) => ({
      perSecond: totals.bytes / seconds,
      error: totals.error(),
      young: totals.young / totals.bytes,
      youngMs: YOUNG_MS,
      median,
      share: totals.bytes / whole.bytes,
      withRequest: totals.withRequest / totals.bytes,
    }),
  },
  outlives: {
    weight: 'outlived',
    has: (totals, _, { whole }) =>
      totals.outlived > judged(totals) * CHURNS && judged(totals) > whole.bytes * LEAST_SHARE,
    tell: (totals) => ({ outlived: totals.outlived, share: totals.outlived / judged(totals) }),
  },
};

/** The findings of a kind, the weightiest first. */
function found(kind, lines, about) {
  const { weight, has, tell } = KINDS[kind];
  return lines
    .filter((line) => line.totals[weight] > 0 && has(line.totals, line, about))
    .sort((a, b) => b.totals[weight] - a.totals[weight])
    .slice(0, MOST)
    .map((line) => ({ kind, line: line.key, ...tell(line.totals, line, about) }));
}

/** Whether most bytes are slices of Buffer's pool. Slices that were not sampled may pin memory that no sample shows. */
function arePooled(lines, { bytes }, pool) {
  const isPooled = (_, sizeClass) => sizeClassEnd(sizeClass) <= pool / 2;
  const sum = (all, { totals }) => all + sumOf(totals.sizes.filter(isPooled));
  return lines.reduce(sum, 0) > bytes / 2;
}

const sumOf = (list) => list.reduce((all, amount) => all + amount, 0);

function unseen(lines, whole, { seconds, pool }) {
  const { notSeen, arrayBuffers, bytes } = whole;
  // V8 frees dead Buffers only at a later collection, so on a busy server those of the last tenths of a second are garbage.
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
  const [pinning, leaking, staying, churning, outliving] = Object.keys(KINDS).map((kind) =>
    found(kind, lines, { whole, seconds, pool }),
  );
  const keysOf = (findings) => new Set(findings.map(({ line }) => line));
  const [known, pinned] = [keysOf(leaking), keysOf(pinning)];
  // A line that pins would also have other findings: its other bytes die young, and the kept ones outlive their request.
  const isOther = ({ line }) => !pinned.has(line);
  return [
    ...few(whole),
    ...pinning, // first: no other tool shows them
    ...leaking,
    ...staying,
    ...churning.filter(isOther),
    ...outliving.filter((one) => !known.has(one.line) && isOther(one)),
    ...unseen(lines, whole, { seconds, pool }),
  ];
}

module.exports = { findingsOf, growthOfLine };
