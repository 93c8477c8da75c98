'use strict';

// Groups what is not given back by the places that took it.

const { itemOf } = require('../../base/item-of.js');
const time = require('../../base/time.js');

/** A text that is the same for everything from one place. */
const keyOf = ({ kind, of, allocated }) => [kind, of, allocated.key].join('\n\n');

/**
 * Groups `all`, each `{ kind, of, size, at, allocated, request }`, into `[{ kind, of, count, bytes,
 * age, since, allocated, request }]`. Groups with the most bytes come first, then the oldest.
 * `bytes` sums up the known sizes; `request` is set if it is the same for all.
 */
function groupsOf(all) {
  const now = time.now();
  const groups = new Map();
  for (const one of all) itemOf(groups, keyOf(one), () => []).push(one);
  return [...groups.values()]
    .map((ones) => groupOf(ones, now))
    .sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0) || b.age - a.age);
}

function groupOf(ones, now) {
  const [{ kind, of, allocated, size }] = ones;
  const group = { kind, of, count: ones.length };
  if (size !== undefined) group.bytes = ones.reduce((sum, one) => sum + one.size, 0);
  group.since = ones.reduce((oldest, { at }) => Math.min(oldest, at), now);
  group.age = now - group.since;
  group.allocated = allocated;
  const requests = new Set(ones.map(({ request }) => request));
  const [request] = requests;
  if (requests.size === 1 && request !== undefined) group.request = request;
  return group;
}

module.exports = { groupsOf };
