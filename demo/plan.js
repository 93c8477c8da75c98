'use strict';

// How long everything takes, in seconds, and how many requests come first. Chosen by bench/self-test.js: see
// bench/README.md.

const SHORT = {
  blocks: 3,
  warm: 1500, // requests of the mix to each contender, all at once
  empty: 0, // requests of no mix: see warm.js
  passes: 2, // of closed-loop slices, two a contender each
  slice: 0.22,
  gap: 0.015, // lets a server's collections on other threads end before the next one's slice
  fixedPasses: 2,
  fixedSlice: 0.05,
};

// The mix that scatters most: how often allocUnsafe's majors come differs from one process and slice to the next.
const BLOCKS = { frame: 6 };

const LONG = {
  ...SHORT,
  blocks: 5,
  passes: 4,
  warm: 10_000,
  empty: 18_000,
  slice: 0.5,
  gap: 0.03,
  fixedPasses: 4,
  fixedSlice: 1,
};

// The system's Node, 10 s in all.
const OWN = { ...SHORT, slice: 0.15, fixedPasses: 1 };
const STEADY = 60; // of each server at the fixed rate, in --long

function planOf({ long, blocks, seconds }, mix) {
  const plan = long ? { ...LONG } : { ...SHORT, blocks: BLOCKS[mix] ?? SHORT.blocks };
  if (blocks !== undefined) plan.blocks = blocks;
  if (seconds !== undefined) plan.slice = plan.fixedSlice = seconds;
  return plan;
}

module.exports = { planOf, OWN, STEADY };
