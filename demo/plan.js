'use strict';

// How long everything takes, in seconds. Chosen by bench/self-test.js: see bench/README.md.

const SHORT = {
  blocks: 5,
  warm: 0.25, // times the contenders, all at once
  passes: 1, // of closed-loop slices, two a contender each
  slice: 0.25,
  gap: 0.015, // lets a server's collections on other threads end before the next one's slice
  fixedPasses: 1,
  fixedSlice: 0.1,
};

const LONG = {
  blocks: 5,
  warm: 1,
  passes: 4,
  slice: 0.5,
  gap: 0.03,
  fixedPasses: 4,
  fixedSlice: 1,
};

// The system's Node, 10 s in all. Node 20 and 22 compile more slowly.
const OWN = { ...SHORT, blocks: 4, warm: 0.4, slice: 0.15, fixedSlice: 0.05 };
const STEADY = 60; // of each server at the fixed rate, in --long
const START = 0.2; // to start a server and end it, about

function planOf({ long, blocks, seconds }) {
  const plan = { ...(long ? LONG : SHORT) };
  if (blocks !== undefined) plan.blocks = blocks;
  if (seconds !== undefined) plan.slice = plan.fixedSlice = seconds;
  return plan;
}

/** About how long a mix takes with so many contenders. */
function duration({ blocks, warm, passes, slice, gap, fixedPasses, fixedSlice }, contenders) {
  const slices = 1 + 2 * passes + 2 * fixedPasses;
  const each = warm + 2 * passes * slice + 2 * fixedPasses * fixedSlice + slices * gap;
  return blocks * contenders * (START + each);
}

module.exports = { planOf, duration, OWN, STEADY, START };
