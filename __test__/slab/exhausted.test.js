'use strict';
// tier: run-time

// What it costs to be told that a pool is exhausted: the same for few slots and for many.

const test = require('ava');
const { Slab } = require('../..');
const { kinds } = require('../helpers/slab-kinds.js');

const FEW = 2 ** 8;
const MANY = 2 ** 18; // a walk over so many words takes a thousand times as long as over FEW

/** The least time of a call, in microseconds: of many short rounds one is undisturbed. */
function cost(call) {
  let least = Infinity;
  for (let round = 0; round < 60; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 20; i++) call();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / 20_000);
  }
  return least;
}

/** A slab with a pool of 64 bytes, in which every slot is taken, and a larger one that has some. */
function full(count, { make, ...options }) {
  const slab = make({ sizes: [64, 128], count: [count, 64], maxBytes: 2 ** 30, ...options });
  while (slab.tryAllocUnsafe(64) !== null);
  return slab;
}

const make = (options) => new Slab(options);
const cases = {
  'a pool that has grown to its end': { make, maxCount: [2 * MANY, 64] },
  'a pool that recycles': { make, safety: 'recycle' },
};
for (const { kind, make } of kinds) cases[`a pool of fixed size, ${kind}`] = { make };

for (const [kind, { maxCount, ...options }] of Object.entries(cases)) {
  const makeFull = (count) => {
    if (maxCount === undefined) return full(count, options);
    return full(16, { ...options, maxCount: [count, 64] });
  };

  test.serial(`${kind}: null and a promotion cost no more with many slots than with few`, (t) => {
    const [few, many] = [makeFull(FEW), makeFull(MANY)].map((slab) => {
      const none = cost(() => slab.tryAllocUnsafe(64));
      const promoted = cost(() => slab.free(slab.allocUnsafe(64)));
      t.true(slab.stats().promotions >= 1200);
      slab.close({ force: true });
      return { none, promoted };
    });
    t.true(many.none < 10 * few.none, `${many.none} µs, with few slots ${few.none}`);
    t.true(many.promoted < 10 * few.promoted, `${many.promoted} µs, with few ${few.promoted}`);
  });

  test.serial(`${kind}: the error costs no more with many slots than with few`, (t) => {
    const [few, many] = [makeFull(FEW), makeFull(MANY)].map((slab) => {
      const large = [];
      for (let last = slab.tryAllocUnsafe(128); last !== null; last = slab.tryAllocUnsafe(128)) {
        large.push(last);
      }
      let code;
      const thrown = cost(() => {
        try {
          slab.allocUnsafe(64);
        } catch (error) {
          code = error.code;
        }
      });
      t.is(code, 'ERR_RALLOC_EXHAUSTED');
      slab.close({ force: true });
      return thrown;
    });
    t.true(many < 10 * few, `${many} µs, with few slots ${few}`);
  });
}

test('slots that come back one by one to a full pool are handed out again', (t) => {
  const slab = new Slab({ sizes: [64], count: 5000 });
  const held = [];
  for (let last = slab.tryAlloc(64); last !== null; last = slab.tryAlloc(64)) held.push(last);
  t.is(held.length, 5000);
  for (const at of [0, 63, 64, 4095, 4096, 4999, 17]) {
    slab.free(held[at]);
    held[at] = slab.tryAlloc(64);
    t.not(held[at], null);
    t.is(slab.tryAlloc(64), null);
  }
  slab.close({ force: true });
});
