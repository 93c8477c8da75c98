'use strict';

// Groups what is not given back by the places that took it.

const time = require('../../base/time.js');

/** The same text for what comes of the same place. */
const keyOf = ({ kind, of, allocated }) => [kind, of, allocated.key].join('\n\n');

/**
 * `[{ kind, of, count, bytes, age, since, allocated, request }]` of `all`, each `{ kind, of, size, at, allocated, request }`. Those with the most bytes
 * come first, then the oldest. `bytes` is of what has a size; `request` is there where it is that of all.
 */
function groupsOf(all) {
  const now = time.now();
  const groups = new Map();
  for (const one of all) {
    const key = keyOf(one);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
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
