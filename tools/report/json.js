'use strict';

// A report as JSON.

const { compare } = require('./compare.js');

/** Bytes that died, by the upper end of their bucket, which is null for the last one. */
const lifetimes = (line) =>
  line.lifetimes
    .map(({ to, died, until }) => ({ ms: to, bytes: died + until }))
    .filter(({ bytes }) => bytes > 0);

const picked = (from, names) => Object.fromEntries(names.map((name) => [name, from[name] ?? null]));

const PLACE = ['file', 'line', 'column', 'function'];
const ESTIMATES = ['samples', 'error', 'least', 'most', 'live', 'liveError', 'peak', 'pinned'];

const siteOf = (line) => ({
  ...picked(line, PLACE),
  source: line.sources[0],
  route: line.routes[0] ?? null,
  stack: line.stacks[0].stack,
  bytes: line.bytes,
  count: Math.round(line.count),
  ...picked(line, [...ESTIMATES, 'transferred']),
  lifetimes: lifetimes(line),
  ...picked(line, ['withRequest', 'outlived']),
});

const headOf = (model) => ({
  node: model.node.join(', '),
  ...picked(model, ['seconds', 'rate']),
  ...picked(model.whole, ['bytes', 'live', 'notSeen']),
  ...picked(model, ['skipped', 'lost']),
});

/** A list as JSON, one item per line. */
function* listOf(items, told) {
  yield '[';
  let separator = '\n';
  for (const item of items) {
    yield `${separator}${JSON.stringify(told(item))}`;
    separator = ',\n';
  }
  yield '\n]';
}

/** One report, most bytes first. */
function* objectOf(model) {
  yield `${JSON.stringify(headOf(model), null, 2).slice(0, -2)},\n  "sites": `;
  yield* listOf(model.lines, siteOf);
  yield '\n}';
}

/** The JSON of a report, or of two with the changes between them, in pieces: for a large profile it is longer than a string can be. */
function* jsonOf(before, after) {
  if (before === undefined) yield* objectOf(after);
  else {
    yield '{ "before": ';
    yield* objectOf(before);
    yield ',\n"after": ';
    yield* objectOf(after);
    yield ',\n"changes": ';
    yield* listOf(compare(before, after).rows, (row) => row);
    yield '\n}';
  }
  yield '\n';
}

module.exports = { jsonOf };
