'use strict';

// Words for errors and stats: what has the bytes of a pool.

const { formatBytes, many } = require('../base/bytes.js');

/**
 * Counts what the spans of a pool wait for, at each change, so that a refusal takes the same time
 * with any number of requests.
 */
class Holders {
  spans = 0; // held spans
  operations = 0; // operations of Node under way on held spans
  holds = 0; // unreleased holds of the epochs that have held spans
}

function heldBy({ holds, operations }) {
  const by = [];
  if (holds > 0) by.push(many(holds, 'hold'));
  if (operations > 0) by.push(`${many(operations, 'operation')} of Node`);
  return by.length === 0 ? 'held' : `held by ${by.join(' and ')}`;
}

/**
 * Describes all bytes that are not in use: `['4 MiB held by 64 holds']`. `stats`: from
 * memoryStats().
 */
function waitingParts({ held, quarantined, stolen, limbo }, holders) {
  const kinds = [
    [held, heldBy(holders)],
    [quarantined, 'waiting for a garbage collection'],
    [stolen, 'transferred away'],
    [limbo, 'waiting for finalizers'],
  ];
  return kinds.filter(([bytes]) => bytes > 0).map(([bytes, how]) => `${formatBytes(bytes)} ${how}`);
}

/**
 * Describes what has the bytes, and how to get most of them back. `used`: the number of spans that
 * arenas have.
 */
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
