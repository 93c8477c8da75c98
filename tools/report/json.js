'use strict';

// A report as JSON.

const { compare } = require('./compare.js');

function siteOf(about) {
  const { file = null, line = null, column = null, function: name = null } = about;
  const { bytes, samples, error, least, most, live, liveError, peak, pinned } = about;
  const { sources, routes, stacks, transferred, withRequest, outlived } = about;
  const ended = about.lifetimes.map(({ to, died, until }) => ({ ms: to, bytes: died + until }));
  const lifetimes = ended.filter((one) => one.bytes > 0);
  return {
    ...{ file, line, column, function: name, source: sources[0], route: routes[0] ?? null },
    ...{ stack: stacks[0].stack, bytes, count: Math.round(about.count), samples },
    ...{ error, least, most, live, liveError, peak, pinned, transferred },
    ...{ lifetimes, withRequest, outlived },
  };
}

function* listOf(items, told) {
  let separator = '[\n';
  for (const item of items) {
    yield `${separator}${JSON.stringify(told(item))}`;
    separator = ',\n';
  }
  yield items.length === 0 ? '[\n]' : '\n]';
}

function* objectOf({ node, seconds, rate, whole, skipped, lost, lines }) {
  const { bytes, live, notSeen } = whole;
  const head = { node: node.join(', '), seconds, rate, bytes, live, notSeen, skipped, lost };
  yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "sites": `;
  yield* listOf(lines, siteOf);
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
