'use strict';

// A report as JSON.

const { compare } = require('./compare.js');

/** Bytes that died, by the upper end of their bucket, which is null for the last one. */
const lifetimes = (line) =>
  line.lifetimes
    .map(({ to, died, until }) => ({ ms: to, bytes: died + until }))
    .filter(({ bytes }) => bytes > 0);

function siteOf(line) {
  const [{ stack }] = line.stacks;
  return {
    file: line.file ?? null,
    line: line.line ?? null,
    column: line.column ?? null,
    function: line.function ?? null,
    source: line.sources[0],
    route: line.routes[0] ?? null,
    stack,
    bytes: line.bytes,
    count: Math.round(line.count),
    samples: line.samples,
    error: line.error,
    least: line.least,
    most: line.most,
    live: line.live,
    liveError: line.liveError,
    peak: line.peak,
    pinned: line.pinned,
    transferred: line.transferred,
    lifetimes: lifetimes(line),
    withRequest: line.withRequest,
    outlived: line.outlived,
  };
}

function headOf({ node, seconds, rate, whole: { bytes, live, notSeen }, skipped, lost }) {
  return { node: node.join(', '), seconds, rate, bytes, live, notSeen, skipped, lost };
}

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
