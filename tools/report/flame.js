'use strict';

// The stacks of a profile as a tree from the outermost function inwards, with three weights: bytes allocated, alive at the end,
// and alive at the peak.

const { itemOf } = require('../../lib/base/item-of.js');
const { ownerOf } = require('./lines.js');

/** A node with a smaller share of every weight is left out: it would be too small to see. */
const LEAST_SHARE = 0.0005;

const WEIGHTS = ['bytes', 'live', 'peak'];

/** Returns stepAt(stack, depth): the node, without weights, at this depth of a stack, from the outermost function to the memory that it got; undefined beyond. Stacks share the objects. */
function stepsWith(show) {
  const [steps, ofFrames] = [new Map(), new Map()];
  const step = (key, name, owner) => itemOf(steps, key, () => ({ name, owner }));
  const stepOf = (frame) => {
    const { function: name, file, line } = frame;
    const shown = `${name || '(anonymous)'} ${show(file)}:${line}`;
    return step(`${name} ${file}:${line}`, shown, ownerOf(frame));
  };
  return ({ label, route, stack, source, length }, depth) => {
    if (depth >= length) return undefined;
    if (depth === length - 1) return step(`source ${source} ${label}`, label ?? source, 'source');
    const frame = stack[length - 2 - depth];
    if (frame === undefined) return step(`route ${route}`, route, 'request');
    return itemOf(ofFrames, frame, () => stepOf(frame));
  };
}

function weigh(stacks) {
  const sum = { bytes: 0, live: 0, peak: 0 };
  for (const { bytes, live, peak } of stacks) {
    sum.bytes += bytes;
    sum.live += Math.max(0, live);
    sum.peak += peak;
  }
  return sum;
}

/** The nodes at `depth` of these stacks, the largest first. The children of invisible nodes are skipped: a large profile has a million of them. */
function nodesOf(stacks, depth, total, stepAt) {
  const groups = new Map();
  for (const stack of stacks) {
    const step = stepAt(stack, depth);
    if (step !== undefined) itemOf(groups, step, () => []).push(stack);
  }
  return Array.from(groups, ([step, group]) => ({ step, group, sum: weigh(group) }))
    .filter(({ sum }) => WEIGHTS.some((name) => sum[name] > total[name] * LEAST_SHARE))
    .sort((a, b) => b.sum.bytes - a.sum.bytes)
    .map(({ step, group, sum }) => {
      const last = group.findLast(({ length }) => length === depth + 1);
      const children = nodesOf(group, depth + 1, total, stepAt);
      return { ...step, ...sum, ...(last && { line: last.line }), children };
    });
}

/** @param {(file: string) => string} show returns the path to show for a file */
function flameOf(lines, show) {
  const stacks = lines.flatMap(({ key, label, stacks: own }) =>
    own.map((one) => {
      const length = (one.route === undefined ? 0 : 1) + one.stack.length + 1;
      return { ...one, line: key, label, length };
    }),
  );
  const total = weigh(stacks);
  return {
    name: 'all',
    owner: 'root',
    ...total,
    children: nodesOf(stacks, 0, total, stepsWith(show)),
  };
}

module.exports = { flameOf };
