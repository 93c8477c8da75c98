'use strict';

// The findings of a profile: lines to change, because their bytes pile up, or they allocate much for a short while, or they pin more than they use; and
// memory that was not seen.

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

/** Kind of a finding → by which of its figures a line is weighed, and whether it has one. */
const KINDS = {
  pin: ['pinned', ({ pinned, live }) => pinned > LEAST_BYTES && pinned > PINS * live],
  leak: ['live', (line, whole) => line.live >= whole.live * LEAST_SHARE && line.grows],
  /** Bytes that stay alive, if the history is too short to say whether they grow. */
  stays: [
    'live',
    (line, whole) =>
      line.live >= Math.max(whole.live * LEAST_SHARE, LEAST_BYTES, line.bytes * STAYS) &&
      line.totals.liveSamples >= LEAST_ALIVE &&
      line.growth === undefined,
  ],
  churn: [
    'young',
    ({ young, bytes }, whole) => young >= bytes * CHURNS && young >= whole.bytes * LEAST_SHARE,
  ],
  outlives: [
    'outlived',
    ({ outlived, withRequest }, whole) =>
      outlived > (outlived + withRequest) * CHURNS &&
      outlived + withRequest > whole.bytes * LEAST_SHARE,
  ],
};

/** The findings of a kind, the weightiest first. */
function found(kind, lines, whole) {
  const [weight, has] = KINDS[kind];
  return lines
    .filter((line) => line[weight] > 0 && has(line, whole))
    .sort((a, b) => b[weight] - a[weight])
    .slice(0, MOST)
    .map(({ key }) => ({ kind, line: key }));
}

/** The findings, most important first: `{ kind, line }`, the key of one of `lines`, if it is of one. */
function findingsOf(lines, whole, seconds) {
  const [pinning, leaking, staying, churning, outliving] = Object.keys(KINDS).map((kind) =>
    found(kind, lines, whole),
  );
  const { samples, notSeen, arrayBuffers, bytes } = whole;
  // V8 frees dead Buffers only at a later collection, so on a busy server those of the last tenths of a second are garbage.
  const garbage = (bytes / seconds) * 0.5;
  const isUnseen = notSeen - garbage > 8 * LEAST_BYTES && notSeen > arrayBuffers / 4;
  const without = (known, findings) =>
    findings.filter(({ line }) => !known.some((one) => one.line === line));
  return [
    ...(samples < FEW_SAMPLES ? [{ kind: 'few' }] : []),
    ...pinning, // first: no other tool shows them
    ...leaking,
    ...staying,
    // A line that pins would also have other findings: its other bytes die young, and the kept ones outlive their request.
    ...without(pinning, churning),
    ...without([...pinning, ...leaking], outliving),
    ...(isUnseen ? [{ kind: 'unseen' }] : []),
  ];
}

module.exports = { findingsOf };
