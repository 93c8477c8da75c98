'use strict';

// What has the bytes of a pool, in words, where its limit is met or somebody looks at it.

const { formatBytes } = require('../base/bytes.js');

const many = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`;

/** What the spans of a pool wait for. Counted where it changes, so that a refusal costs the same however many requests there are. */
class Holders {
  spans = 0; // held spans
  operations = 0; // of Node on held spans that are not over
  holds = 0; // unreleased holds of the epochs that have held spans
}

function heldBy({ holds, operations }) {
  const by = [];
  if (holds > 0) by.push(many(holds, 'hold'));
  if (operations > 0) by.push(`${many(operations, 'operation')} of Node`);
  return by.length === 0 ? 'held' : `held by ${by.join(' and ')}`;
}

/** All but what is in use: `['4 MiB held by 64 holds']`. `stats` as of memoryStats(). */
function waitingParts({ held, quarantined, stolen, limbo }, holders) {
  const kinds = [
    [held, heldBy(holders)],
    [quarantined, 'waiting for a garbage collection'],
    [stolen, 'transferred away'],
    [limbo, 'waiting for finalizers'],
  ];
  return kinds.filter(([bytes]) => bytes > 0).map(([bytes, how]) => `${formatBytes(bytes)} ${how}`);
}

/** What has the bytes, and what gives the most of them back. `used`: the number of spans that arenas have. */
function describeUsage(stats, holders, used) {
  const { leased, warm, held, quarantined, adopted } = stats;
  const inSpans = used === 0 ? '' : ` in ${many(used, 'span')}`;
  const parts = [`${formatBytes(leased)} in use${inSpans}`, ...waitingParts(stats, holders)];
  if (warm > 0) parts.push(`${formatBytes(warm)} warm`);
  if (adopted > 0) parts.push(`${formatBytes(adopted)} adopted`);
  const most = Math.max(leased + adopted, held, quarantined);
  if (most === leased + adopted) return { parts, remedy: 'release memory first' };
  if (most === quarantined)
    return { parts, remedy: 'let the event loop turn, for a garbage collection' };
  return { parts, remedy: holders.holds > 0 ? 'release holds' : 'wait for the operations' };
}

module.exports = { Holders, waitingParts, describeUsage };
