'use strict';

// Compares two reports line by line: which lines allocate more than before, and which less. Lines
// are matched even if code has moved.

const { itemOf } = require('../../lib/base/item-of.js');

const codeOf = ({ code, line }) => code?.lines[line - code.first]?.trim();

/**
 * The keys that a line is matched by, the most reliable first: its place, its code in its function,
 * its function.
 */
const KEYS = [
  (line) => line.path && [line.path, line.line, line.column],
  (line) => line.path && codeOf(line) && [line.path, line.function, codeOf(line), line.sources[0]],
  (line) => line.path && [line.path, line.function, line.sources[0]],
  (line) => (line.path ? undefined : [line.label, ...line.routes]),
];

/** `[before, after]` for each line; undefined stands for a line without a match. */
function pairsOf(before, after) {
  const pairs = [];
  let [left, right] = [before, after];
  for (const keyOf of KEYS) {
    const waiting = new Map();
    for (const line of left) {
      const key = JSON.stringify(keyOf(line));
      if (key !== undefined) itemOf(waiting, key, () => []).push(line);
    }
    const paired = new Set();
    for (const line of right) {
      const other = waiting.get(JSON.stringify(keyOf(line)))?.shift();
      if (other === undefined) continue;
      pairs.push([other, line]);
      paired.add(other).add(line);
    }
    left = left.filter((line) => !paired.has(line));
    right = right.filter((line) => !paired.has(line));
  }
  return [...pairs, ...left.map((line) => [line]), ...right.map((line) => [undefined, line])];
}

const sideOf = ({ bytes = 0, error = 0, live = 0 } = {}, { seconds }) => ({
  ...{ perSecond: bytes / seconds, error, live },
});

const LEAST_CHANGE = 0.05; // smaller changes are ignored: two runs of the same program differ by so much

function verdictOf(before, after, change) {
  // The squares of independent errors add up.
  const off = Math.hypot(before.perSecond * before.error, after.perSecond * after.error);
  if (Math.abs(change) <= Math.max(off, before.perSecond * LEAST_CHANGE)) return 'same';
  if (before.perSecond === 0) return 'new';
  if (after.perSecond === 0) return 'gone';
  return change > 0 ? 'more' : 'less';
}

function rowOf([was, is], before, after) {
  const { key, path, line, label, routes, sources, function: name } = is ?? was;
  const sides = [sideOf(was, before), sideOf(is, after)];
  const change = sides[1].perSecond - sides[0].perSecond;
  return {
    ...{ key, path, line, label, routes, sources, function: name },
    was: was?.line === line ? undefined : was?.line,
    ...{ before: sides[0], after: sides[1], change, verdict: verdictOf(...sides, change) },
  };
}

function compare(before, after) {
  const rows = pairsOf(before.lines, after.lines).map((pair) => rowOf(pair, before, after));
  return { rows: rows.sort((a, b) => Math.abs(b.change) - Math.abs(a.change)) };
}

module.exports = { compare };
