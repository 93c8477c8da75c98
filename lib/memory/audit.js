'use strict';

// Reads, for tests and debug mode: walks what is leased and compares it with every list, count and
// budget. Returns findings in words, and an empty list when all is well. It mends nothing. Of a
// pool with an interrupted call it says nothing, before the next one has found that.

const { partsOf } = require('./chunk-pool.js');
const { backend } = require('./native.js');
const { WAITING } = require('./span.js');

const FIRST_STATE = 3; // register of LeasedArena.stats()
const STATES = ['leased', 'held', 'quarantined', 'stolen', 'limbo'];
const SPANS = 10;
const WALKED = backend === 'native' ? STATES : ['leased', 'held']; // V8 has the rest

/** A finding where a count is not what a walk has found. */
const differ = (what, counted, found) =>
  counted === found ? [] : [`${what}: ${counted}, not ${found}`];

const sumOf = (all, bytesOf) => all.reduce((sum, one) => sum + bytesOf(one), 0);

/**
 * Checks the counters of `leases` and of the memory below. `adopted`: bytes that are charged there
 * but not leased.
 */
function auditLeases(leases, adopted) {
  const sums = leases.sums();
  const numbers = leases.stats().slice();
  const chunks = leases.chunks();
  const inState = (state) =>
    sumOf(chunks, (one) => (one.state === state && one.committed > 0 ? one.size : 0));
  const inStates = numbers.slice(FIRST_STATE, FIRST_STATE + STATES.length);
  const charged = numbers[1] - sumOf(inStates, (bytes) => bytes);
  return [
    ...differ('bytes of spans', leases.bytes, sums.bytes),
    ...differ('bytes of held spans', leases.heldBytes, sums.heldBytes),
    ...differ('spans leased below', numbers[SPANS], sums.count),
    ...differ('bytes charged below and not leased', charged, adopted),
    ...WALKED.flatMap((state, i) =>
      differ(`bytes ${state} below`, numbers[FIRST_STATE + i], inState(state)),
    ),
  ];
}

/** Indexed by state. RAW and LEAVING last only while a step is under way. */
const LISTS = ['raw', 'warm', 'of an epoch', 'waiting', 'leaving', 'ended'];

/** A span is in the list that its state says, and in no other. */
function auditLists(pool, leases, warm) {
  const lists = new Map(); // span -> the names of those that have it
  const note = (name, spans) => {
    for (const span of spans) lists.set(span, [...(lists.get(span) ?? []), name]);
  };
  const leased = [...leases.spans].filter(({ ab }) => ab !== null);
  const adopted = pool.adopted?.all() ?? [];
  const all = new Set([...leased, ...adopted]);
  note('warm', warm.all());
  // An interrupted call may leave a span in a list that it no longer belongs to, or twice in one
  // list.
  note('waiting', new Set(pool.waiting.all().filter(({ state }) => state === WAITING)));
  for (const home of pool.homes()) {
    note('of an epoch', new Set(home.spans.filter((span) => span.home === home)));
  }
  const findings = [];
  for (const span of all) {
    const { id, state, size, used, end, operations } = span;
    const expected = LISTS[state];
    const names = lists.get(span)?.join(' and ') ?? 'in no list';
    if (names !== expected) findings.push(`span ${id} is ${names}, not ${expected}`);
    if (span.pool !== pool) findings.push(`span ${id} is of another pool`);
    if (used > size || end > size) findings.push(`span ${id}: ${used} and ${end} of ${size} bytes`);
    if (operations < 0) findings.push(`span ${id} has ${operations} operations`);
  }
  for (const [span, names] of lists) {
    const isGone = span.ab === null && span.adopted === null; // lost: its epoch still counts it
    if (!all.has(span) && !(isGone && names.join() === 'of an epoch'))
      findings.push(`span ${span.id} is ${names.join(' and ')}, and not leased`);
  }
  return findings;
}

/** Checks everything in a ChunkPool. */
function auditPool(pool) {
  if (pool.isBusy) return [];
  const { leases, warm } = partsOf(pool);
  const { adopted, holders } = pool;
  const { holders: found, claims } = leases.sums();
  const holds = sumOf([...claims], ({ count }) => count);
  const warmBytes = sumOf(warm.all(), ({ size }) => size);
  const adoptedBytes = sumOf(adopted?.all() ?? [], ({ size }) => size);
  return [
    ...auditLists(pool, leases, warm),
    ...auditLeases(leases, adoptedBytes),
    ...differ('bytes of adopted spans', adopted?.bytes ?? 0, adoptedBytes),
    ...differ('bytes of warm spans', warm.bytes, warmBytes),
    ...differ('held spans', holders.spans, found.spans),
    ...differ('operations on held spans', holders.operations, found.operations),
    ...differ('holds on held spans', holders.holds, holds),
  ];
}

module.exports = { auditLeases, auditPool, differ, sumOf };
