'use strict';

// What has the bytes of a pool, in words, where its limit is met or somebody looks at it.

const { formatBytes } = require('../base/bytes.js');

const many = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`;

/** Who has spans: `holds` that are not released, `operations` of Node that are not over, and how many are `used`. */
function holdersOf(spans) {
  const homes = new Set();
  let operations = 0;
  let used = 0;
  for (const span of spans) {
    if (!span.held) {
      if (span.used > 0 || span.end > 0) used++;
      continue;
    }
    operations += span.operations;
    homes.add(span.home);
  }
  let holds = 0;
  for (const home of homes) holds += home?.holds ?? 0; // ParkedSpans have none
  return { holds, operations, used };
}

function heldBy({ holds, operations }) {
  const by = [];
  if (holds > 0) by.push(many(holds, 'hold'));
  if (operations > 0) by.push(`${many(operations, 'operation')} of Node`);
  return by.length === 0 ? 'held' : `held by ${by.join(' and ')}`;
}

/** All but what is in use: `['4 MiB held by 64 holds']`. `stats` as of memoryStats(). */
function waitingParts({ held, quarantined, stolen, limbo }, spans) {
  const kinds = [
    [held, heldBy(holdersOf(spans))],
    [quarantined, 'waiting for a garbage collection'],
    [stolen, 'transferred away'],
    [limbo, 'waiting for finalizers'],
  ];
  return kinds.filter(([bytes]) => bytes > 0).map(([bytes, how]) => `${formatBytes(bytes)} ${how}`);
}

/** What has the bytes, and what gives the most of them back. */
function describeTaken(stats, spans) {
  const { leased, warm, held, quarantined, adopted } = stats;
  const { holds, used } = holdersOf(spans);
  const inSpans = used === 0 ? '' : ` in ${many(used, 'span')}`;
  const parts = [`${formatBytes(leased)} in use${inSpans}`, ...waitingParts(stats, spans)];
  if (warm > 0) parts.push(`${formatBytes(warm)} warm`);
  if (adopted > 0) parts.push(`${formatBytes(adopted)} adopted`);
  const most = Math.max(leased + adopted, held, quarantined);
  if (most === leased + adopted) return { parts, remedy: 'release memory first' };
  if (most === quarantined)
    return { parts, remedy: 'let the event loop turn, for a garbage collection' };
  return { parts, remedy: holds > 0 ? 'release holds' : 'wait for the operations' };
}

module.exports = { holdersOf, waitingParts, describeTaken };
