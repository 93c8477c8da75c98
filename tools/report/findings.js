'use strict';

// The findings of a profile: lines to change, because their bytes pile up, or they allocate much for a short while, or they pin more than they use; and
// memory that was not seen.

const { sizeClassEnd } = require('../recorder/buckets.js');
const { YOUNG_MS } = require('../recorder/totals.js');
const { LEAST_ALIVE } = require('./timeline.js');

/** So many findings of each kind are reported, the most important ones. */
const MOST = 3;
/** A line with a smaller share of the profile is not worth a change. */
const LEAST_SHARE = 0.05;
const LEAST_BYTES = 1 << 20;
const CHURNS = 0.5;
const STAYS = 0.5;
const PINS = 4;
/** So many samples give an error of ± 20 %. */
const FEW_SAMPLES = 100;

/** Kind of a finding → by which of its figures a line is weighed, whether it has one, and what is told. `about`: `{ whole, seconds, pool }`. */
const KINDS = {
  pin: {
    weight: 'pinned',
    has: ({ pinned, live }) => pinned > LEAST_BYTES && pinned > PINS * live,
    tell: ({ pinned, live }, { pool }) => ({ pinned, live, pool }),
  },
  leak: {
    weight: 'live',
    has: (line, { whole }) => line.live >= whole.live * LEAST_SHARE && line.grows,
    tell: ({ live, liveError: error, growth, bytes }) => ({
      ...{ live, error, growth, kept: live / bytes },
    }),
  },
  /** Bytes that stay alive, if the history is too short to say whether they grow. */
  stays: {
    weight: 'live',
    has: (line, { whole }) =>
      line.live >= Math.max(whole.live * LEAST_SHARE, LEAST_BYTES, line.bytes * STAYS) &&
      line.totals.liveSamples >= LEAST_ALIVE &&
      line.growth === undefined,
    tell: ({ live, bytes }) => ({ live, kept: live / bytes }),
  },
  churn: {
    weight: 'young',
    has: ({ young, bytes }, { whole }) =>
      young >= bytes * CHURNS && young >= whole.bytes * LEAST_SHARE,
    tell: ({ bytes, error, young, median, withRequest }, { whole, seconds }) => ({
      ...{ perSecond: bytes / seconds, error, young: young / bytes, youngMs: YOUNG_MS, median },
      ...{ share: bytes / whole.bytes, withRequest: withRequest / bytes },
    }),
  },
  outlives: {
    weight: 'outlived',
    has: ({ outlived, withRequest }, { whole }) =>
      outlived > (outlived + withRequest) * CHURNS &&
      outlived + withRequest > whole.bytes * LEAST_SHARE,
    tell: ({ outlived, withRequest }) => ({ outlived, share: outlived / (outlived + withRequest) }),
  },
};

/** The findings of a kind, the weightiest first. */
function found(kind, lines, about) {
  const { weight, has, tell } = KINDS[kind];
  return lines
    .filter((line) => line[weight] > 0 && has(line, about))
    .sort((a, b) => b[weight] - a[weight])
    .slice(0, MOST)
    .map((line) => ({ kind, line: line.key, ...tell(line, about) }));
}

const sumOf = (list) => list.reduce((all, amount) => all + amount, 0);

function unseen({ totals, notSeen, arrayBuffers, bytes }, { seconds, pool }) {
  // V8 frees dead Buffers only at a later collection, so on a busy server those of the last tenths of a second are garbage.
  const garbage = (bytes / seconds) * 0.5;
  const isMuch = notSeen - garbage > 8 * LEAST_BYTES && notSeen > arrayBuffers / 4;
  // Slices of Buffer's pool that were not sampled may pin memory that no sample shows.
  const slices = totals.sizes.filter((_, sizeClass) => sizeClassEnd(sizeClass) <= pool / 2);
  const pooled = sumOf(slices) > bytes / 2;
  return isMuch ? [{ kind: 'unseen', notSeen, share: notSeen / arrayBuffers, pooled }] : [];
}

/** The findings, most important first; `line` is the key of one of `lines`. */
function findingsOf(lines, whole, { seconds, pool }) {
  const { samples, error } = whole;
  const [pinning, leaking, staying, churning, outliving] = Object.keys(KINDS).map((kind) =>
    found(kind, lines, { whole, seconds, pool }),
  );
  const without = (known, findings) =>
    findings.filter(({ line }) => !known.some((one) => one.line === line));
  return [
    ...(samples < FEW_SAMPLES ? [{ kind: 'few', samples, error }] : []),
    ...pinning, // first: no other tool shows them
    ...leaking,
    ...staying,
    // A line that pins would also have other findings: its other bytes die young, and the kept ones outlive their request.
    ...without(pinning, churning),
    ...without([...pinning, ...leaking], outliving),
    ...unseen(whole, { seconds, pool }),
  ];
}

module.exports = { findingsOf };
