'use strict';

// How long everything takes, in seconds, and how many requests come first. Chosen by bench/self-test.js: see
// bench/README.md.

const SHORT = {
  blocks: 5,
  warm: 2500, // requests of the mix to each contender, all at once
  empty: 0, // requests of no mix: see warm.js
  passes: 1, // of closed-loop slices, two a contender each
  slice: 0.25,
  gap: 0.015, // lets a server's collections on other threads end before the next one's slice
  fixedPasses: 1,
  fixedSlice: 0.1,
};

const LONG = {
  ...SHORT,
  warm: 10_000,
  empty: 18_000,
  passes: 4,
  slice: 0.5,
  gap: 0.03,
  fixedPasses: 4,
  fixedSlice: 1,
};

// The system's Node, 10 s in all.
const OWN = { ...SHORT, blocks: 4, warm: 2000, slice: 0.15, fixedSlice: 0.05 };
const STEADY = 60; // of each server at the fixed rate, in --long
const START = 0.15; // to start a server and end it, about

/** About what both kinds of warm-up take for each contender: on two processors all of them reach such rates together. */
const warmUpOf = ({ warm, empty }) => warm / 8000 + empty / 60_000;

function planOf({ long, blocks, seconds }) {
  const plan = { ...(long ? LONG : SHORT) };
  if (blocks !== undefined) plan.blocks = blocks;
  if (seconds !== undefined) plan.slice = plan.fixedSlice = seconds;
  return plan;
}

/** About how long a mix takes with so many contenders. */
function duration(plan, contenders) {
  const { blocks, passes, slice, gap, fixedPasses, fixedSlice } = plan;
  const slices = 1 + 2 * passes + 2 * fixedPasses;
  const each = warmUpOf(plan) + 2 * passes * slice + 2 * fixedPasses * fixedSlice + slices * gap;
  return blocks * contenders * (START + each);
}

module.exports = { planOf, duration, warmUpOf, OWN, STEADY, START };
