'use strict';

// The decisions that a table can have for a site. `ralloc bake` makes them, by the rules of
// docs/guide/placement.md (tools/placement/rules.js).

/** A site is proved if so many samples, and all of them, died with their request. */
const PROOF_SAMPLES = 3000;

/** In the order of their numbers in Rust. */
const STRATEGIES = Object.freeze(['leave', 'request', 'slab', 'region']);
const CERTAINTIES = Object.freeze(['suggested', 'proved']);
const REASONS = Object.freeze([
  'few-samples',
  'moves',
  'with-request',
  'never-ends',
  'long',
  'medium-alike',
  'medium-mixed',
  'repeats',
]);

module.exports = { CERTAINTIES, PROOF_SAMPLES, REASONS, STRATEGIES };
