'use strict';

// The rules that decide which lifetimes belong in which memory: those of src/lifetime/rules.rs and
// docs/guide/placement.md. A test compares them.

const { PROOF_SAMPLES } = require('../../lib/site/decisions.js');

const LEAST_SAMPLES = 30;
const MOST_MOVED = 0.001;
const LEAST_JUDGED = 0.9;
const LEAST_WITH_REQUEST = 0.999;
const LEAST_ENDED = 0.1;
const LEAST_LONG = 0.5;
const LEAST_ALIKE = 0.9;
const MOST_REPEATS = 2;

const LONG_MS = 8192;

const LEAST_PINNED = 1 << 20;
const PINS = 4;

const decision = (strategy, reason, certainty = 'suggested') => ({ strategy, certainty, reason });

/** Returns the first rule that applies to what evidenceBy() returns. */
function decide(evidence) {
  const { bytes, samples, withRequest, outlived, moved, ended, alive, long, alike, repeats } =
    evidence;
  if (!(samples >= LEAST_SAMPLES && bytes > 0)) return decision('leave', 'few-samples');
  if (moved > MOST_MOVED * bytes) return decision('leave', 'moves');
  const judged = withRequest + outlived;
  if (judged >= LEAST_JUDGED * bytes && withRequest >= LEAST_WITH_REQUEST * judged) {
    if (repeats > MOST_REPEATS) return decision('leave', 'repeats');
    const { withRequestSamples, outlivedSamples } = evidence;
    const isProved = withRequestSamples >= PROOF_SAMPLES && outlivedSamples === 0;
    return decision('request', 'with-request', isProved ? 'proved' : 'suggested');
  }
  if (ended < LEAST_ENDED * bytes) return decision('leave', 'never-ends');
  if (long >= LEAST_LONG * (ended + alive)) return decision('region', 'long');
  return alike >= LEAST_ALIKE
    ? decision('slab', 'medium-alike')
    : decision('region', 'medium-mixed');
}

/**
 * Whether a line's slices keep much more of Node's pool, or of other Buffers, than they use. No
 * other memory helps it: the few that are kept should be copies.
 */
const pins = ({ pinned, live }) => pinned > LEAST_PINNED && pinned > PINS * live;

module.exports = { LONG_MS, decide, pins };
