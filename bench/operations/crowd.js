'use strict';

// What must not grow with how much there is: a refusal, the heap instead, and stats(), with 100 to
// 10,000 live requests that have all of `maxBytes`; a wait for a budget with 100,000 who wait; and
// what a scrape costs with 10,000 arenas, 1,000 budgets and 100 slabs.
//
// Caveats: a request has one chunk of 64 KiB of address space, of which nothing is touched. The
// error's own stack trace is in the figures: "a RallocError alone" is that. With the heap instead,
// a request is begun and ended for each refusal. What a scrape sums is still in the processor's
// caches.

const { EventEmitter } = require('node:events');
const promClient = require('prom-client');
const { Budget, Slab, collectMetrics, metricsText, requestArena } = require('../..');
const { RallocError } = require('../../lib/base/errors.js');
const { sum } = require('../../lib/metrics/sums.js');
const { compare, turn } = require('../method/compare.js');

const CHUNK = 64 * 1024;
const COUNTS = [100, 1000, 10_000];
const KEPT = []; // what would be collected

const named = (what) => (count) => `${count.toLocaleString('en')} ${what}`;
const overCounts = (counts, nameOf, make) =>
  Object.fromEntries(counts.map((count) => [nameOf(count), make(count)]));

function begin(middleware) {
  const req = { httpVersionMajor: 1, socket: new EventEmitter() };
  const res = Object.assign(new EventEmitter(), { writableFinished: true, destroyed: false });
  middleware(req, res, () => {});
  return { arena: req.arena, res };
}

/** A middleware whose memory `count` requests have, all of it. */
function fullWith(count, onOverflow) {
  const middleware = requestArena({ maxBytes: count * CHUNK, onOverflow });
  const live = Array.from({ length: count }, () => begin(middleware));
  for (const { arena } of live) arena.allocUnsafe(64);
  KEPT.push(live);
  return middleware;
}

const times = (act) => (n) => {
  let last;
  for (let i = 0; i < n; i++) last = act(i);
  return last;
};

function refusals(count) {
  const { arena } = begin(fullWith(count, 'error'));
  return times(() => {
    try {
      return arena.allocUnsafe(64);
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_LIMIT') throw error;
      return error;
    }
  });
}

function heapInstead(count) {
  const middleware = fullWith(count, 'heap');
  return async (n) => {
    for (let i = 0; i < n; i++) {
      const { arena, res } = begin(middleware);
      arena.allocUnsafe(64);
      res.emit('close');
      if ((i & 31) === 31) await turn();
    }
  };
}

function statsOf(count) {
  const middleware = fullWith(count, 'heap');
  return times(() => middleware.stats());
}

/** `count` wait in a budget; each operation is one more at the end, and one that is served. */
function waits(count) {
  const budget = new Budget({ maxBytes: 4096 });
  let current = budget.charge(4096);
  const queue = Array.from({ length: count }, () => budget.acquire(4096));
  let next = 0;
  return async (n) => {
    for (let i = 0; i < n; i++) {
      queue.push(budget.acquire(4096));
      current.release();
      current = await queue[next];
      queue[next++] = undefined;
    }
    return current;
  };
}

function scrapes() {
  const arenas = requestArena({ maxBytes: 2 ** 30 });
  const live = Array.from({ length: 10_000 }, () => begin(arenas));
  for (const { arena } of live) arena.alloc(64);
  const make = (length, one) => Array.from({ length }, (_, i) => one(i));
  const budgets = make(1000, (i) => new Budget({ name: `tenant ${i}`, maxBytes: 1 << 20 }));
  const slabs = make(100, (i) => new Slab({ name: `slab ${i}`, sizes: [64, 1024], count: 16 }));
  KEPT.push(live, budgets, slabs);
  const register = new promClient.Registry();
  collectMetrics(promClient, { register });
  return {
    'the sums': times(() => sum(true)),
    'metricsText()': times(() => metricsText()),
    'prom-client with collectMetrics()': async (n) => {
      let text;
      for (let i = 0; i < n; i++) text = await register.metrics();
      return text;
    },
  };
}

const requests = named('live requests');

module.exports = {
  notMeasured: 'an event loop with sockets; memory that is written to; other threads',
  scenarios: {
    'a refusal': () =>
      compare({
        'a RallocError alone': times(
          (i) => new RallocError('ERR_RALLOC_LIMIT', 'alone', { used: i }),
        ),
        ...overCounts(COUNTS, requests, refusals),
      }),
    'the heap instead': () => compare(overCounts(COUNTS, requests, heapInstead)),
    'stats()': () => compare(overCounts(COUNTS, requests, statsOf)),
    'acquire, wait, release': () => compare(overCounts([1, 100_000], named('who wait'), waits)),
    'a scrape': () => compare(scrapes()),
  },
};
