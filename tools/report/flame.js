'use strict';

// The stacks of a profile as a tree from the outermost function inwards, with three weights: bytes allocated, alive at the end,
// and alive at the peak.

const { itemOf } = require('../../lib/base/item-of.js');
const { ownerOf } = require('./lines.js');

/** A node with a smaller share of every weight is left out: it would be too small to see. */
const LEAST_SHARE = 0.0005;

const WEIGHTS = ['bytes', 'live', 'peak'];

/** The path of a stack from the outermost frame inwards: `keyAt(depth)` and `nodeAt(depth)`, which are undefined beyond the last node. */
class Way {
  constructor(line, stack, names) {
    this.line = line;
    this.names = names;
    Object.assign(this, stack);
    this.first = this.route === undefined ? 0 : 1;
    this.length = this.first + this.stack.length + 1;
  }

  #frameAt(depth) {
    return this.stack[this.stack.length - 1 - (depth - this.first)];
  }

  keyAt(depth) {
    if (depth >= this.length) return undefined;
    if (depth < this.first) return `route ${this.route}`;
    const frame = this.#frameAt(depth);
    return frame === undefined ? `source ${this.source}` : this.names.keyOf(frame);
  }

  nodeAt(depth) {
    if (depth < this.first) return { name: this.route, owner: 'request' };
    const frame = this.#frameAt(depth);
    if (frame !== undefined) return { name: this.names.nameOf(frame), owner: ownerOf(frame) };
    return { name: this.line.label ?? this.source, owner: 'source' };
  }
}

/** The key of each frame, computed once. */
class FrameNames {
  #keys = new Map();
  #show;

  constructor(show) {
    this.#show = show;
  }

  keyOf(frame) {
    return itemOf(this.#keys, frame, () => `${frame.function} ${frame.file}:${frame.line}`);
  }

  nameOf(frame) {
    return `${frame.function || '(anonymous)'} ${this.#show(frame.file)}:${frame.line}`;
  }
}

function weigh(ways) {
  const sum = { bytes: 0, live: 0, peak: 0 };
  for (const { bytes, live, peak } of ways) {
    sum.bytes += bytes;
    sum.live += Math.max(0, live);
    sum.peak += peak;
  }
  return sum;
}

/** The nodes at `depth` on these paths, the largest first. The children of invisible nodes are skipped: a large profile has a million of them. */
function nodesOf(ways, depth, total) {
  const groups = new Map();
  for (const way of ways) {
    const key = way.keyAt(depth);
    if (key !== undefined) itemOf(groups, key, () => []).push(way);
  }
  return [...groups.values()]
    .map((group) => ({ group, sum: weigh(group) }))
    .filter(({ sum }) => WEIGHTS.some((name) => sum[name] > total[name] * LEAST_SHARE))
    .sort((a, b) => b.sum.bytes - a.sum.bytes)
    .map(({ group, sum }) => nodeOf(group, depth, sum, total));
}

function nodeOf(group, depth, sum, total) {
  const ends = group.findLast((way) => way.length === depth + 1);
  return {
    ...group[0].nodeAt(depth),
    ...sum,
    ...(ends && { line: ends.line.key }),
    children: nodesOf(group, depth + 1, total),
  };
}

/** @param {(file: string) => string} show returns the path to show for a file */
function flameOf(lines, show) {
  const names = new FrameNames(show);
  const ways = lines.flatMap((line) => line.stacks.map((stack) => new Way(line, stack, names)));
  const total = weigh(ways);
  return { name: 'all', owner: 'root', ...total, children: nodesOf(ways, 0, total) };
}

module.exports = { flameOf };
