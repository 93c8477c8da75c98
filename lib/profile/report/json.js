'use strict';

// A report for machines.

/** Deaths by the end of their bucket. The last bucket has no end, which JSON writes as null. */
const lifetimes = (line) =>
  line.lifetimes
    .map(({ to, died, until }) => ({ ms: to, bytes: died + until }))
    .filter(({ bytes }) => bytes > 0);

const frameOf = ({ function: name, file, line, column }) => ({
  function: name,
  file,
  line,
  column,
});

function siteOf(line) {
  const [{ stack }] = line.stacks;
  return {
    file: line.file ?? null,
    line: line.line ?? null,
    column: line.column ?? null,
    function: line.function ?? null,
    source: line.sources[0],
    route: line.routes[0] ?? null,
    stack: stack.map(frameOf),
    bytes: line.bytes,
    count: Math.round(line.count),
    samples: line.samples,
    error: line.error,
    live: line.live,
    peak: line.peak,
    pinned: line.pinned,
    transferred: line.transferred,
    lifetimes: lifetimes(line),
    withRequest: line.withRequest,
    outlived: line.outlived,
  };
}

/** The costliest first. `error`: the share that an estimate may be off by, in 19 of 20 cases. */
function jsonOf(model) {
  return {
    node: model.node.join(', '),
    seconds: model.seconds,
    rate: model.rate,
    bytes: model.whole.bytes,
    live: model.whole.live,
    notSeen: model.whole.notSeen,
    skipped: model.skipped,
    lost: model.lost,
    sites: model.lines.map(siteOf),
  };
}

module.exports = { jsonOf };
