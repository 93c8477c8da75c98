'use strict';

// The stacks of a profile as a tree, from the outermost function in, with three weights: bytes allocated, live at the end,
// and at the peak.

const { ownerOf } = require('./lines.js');

/** A node with less than this share of every weight is left out: nobody could see it. */
const LEAST_SHARE = 0.0005;

const WEIGHTS = ['bytes', 'live', 'peak'];

const node = (name, owner) => ({ name, owner, bytes: 0, live: 0, peak: 0, children: new Map() });

function childOf(parent, key, name, owner) {
  if (!parent.children.has(key)) parent.children.set(key, node(name, owner));
  return parent.children.get(key);
}

function addStack(root, line, { stack, source, route, bytes, live, peak }, show) {
  const path = [root];
  const enter = (key, name, owner) => path.push(childOf(path.at(-1), key, name, owner));
  if (route !== undefined) enter(`route ${route}`, route, 'request');
  for (const frame of stack.toReversed()) {
    const place = `${show(frame.file)}:${frame.line}`;
    enter(
      `${frame.function} ${frame.file}:${frame.line}`,
      `${frame.function || '(anonymous)'} ${place}`,
      ownerOf(frame),
    );
  }
  enter(`source ${source}`, line.label ?? source, 'source');
  path.at(-1).line = line.key;
  for (const one of path) {
    one.bytes += bytes;
    one.live += Math.max(0, live);
    one.peak += peak;
  }
}

/** The tree in lists, the largest first, without what nobody could see. */
function prune({ children, ...rest }, total) {
  const seen = [...children.values()]
    .filter((child) => WEIGHTS.some((name) => child[name] > total[name] * LEAST_SHARE))
    .sort((a, b) => b.bytes - a.bytes);
  return { ...rest, children: seen.map((child) => prune(child, total)) };
}

/** @param {(file: string) => string} show the path as it is shown */
function flameOf(lines, show) {
  const root = node('all', 'root');
  for (const line of lines) for (const stack of line.stacks) addStack(root, line, stack, show);
  return prune(root, root);
}

module.exports = { flameOf };
