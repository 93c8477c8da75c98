'use strict';

// The stacks of a profile as a tree from the outermost function inwards, weighed by bytes
// allocated, alive at the end, and alive at the peak.

const { itemOf } = require('../../lib/base/item-of.js');
const { ownerOf } = require('./lines.js');

/** A node with a smaller share of every weight is left out: it would be too small to see. */
const LEAST_SHARE = 0.0005;

/**
 * Returns stepsOf(stack): the nodes, without weights, from the outermost function to the memory
 * that it got. Stacks share the objects.
 */
function stepsWith(show) {
  const [steps, ofFrames] = [new Map(), new Map()];
  const step = (name, owner) => itemOf(steps, `${owner} ${name}`, () => ({ name, owner }));
  const stepOf = (frame) =>
    itemOf(ofFrames, frame, ({ function: name, file, line }) =>
      step(`${name || '(anonymous)'} ${show(file)}:${line}`, ownerOf(frame)),
    );
  return ({ route, stack, source }, label = source) => [
    ...(route === undefined ? [] : [step(route, 'request')]),
    ...stack.map(stepOf).reverse(),
    step(label, 'source'),
  ];
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

/**
 * The nodes at `depth` of these stacks, the largest first. The children of invisible nodes are
 * skipped: a large profile has a million of them.
 */
function nodesOf(stacks, depth, total) {
  const groups = new Map();
  for (const one of stacks) {
    const step = one.steps[depth];
    if (step !== undefined) itemOf(groups, step, () => []).push(one);
  }
  return Array.from(groups, ([step, group]) => ({ ...step, ...weigh(group), group }))
    .filter((node) => Object.keys(total).some((name) => node[name] > total[name] * LEAST_SHARE))
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ group, ...node }) => {
      const last = group.findLast(({ steps }) => steps.length === depth + 1);
      const children = nodesOf(group, depth + 1, total);
      return { ...node, ...(last && { line: last.line }), children };
    });
}

function flameOf(lines, show) {
  const stepsOf = stepsWith(show);
  const stacks = lines.flatMap(({ key: line, label, stacks: own }) =>
    own.map((one) => ({ ...weigh([one]), line, steps: stepsOf(one, label) })),
  );
  const total = weigh(stacks);
  return { name: 'all', owner: 'root', ...total, children: nodesOf(stacks, 0, total) };
}

module.exports = { flameOf };
