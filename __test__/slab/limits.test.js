'use strict';
// tier: run-time

// How many slots there are: `count` at first, and then as many as `maxCount` allows and `maxBytes` holds, to the last.

const test = require('ava');
const { Slab } = require('../..');
const { charge, slotsWithin } = require('../../lib/memory/slab-layout.js');
const { addsUp } = require('../helpers/slab.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;

/** Allocates slots of `size` bytes until there are no more. */
function fill(slab, size) {
  const all = [];
  for (let one = slab.tryAllocUnsafe(size); one !== null; one = slab.tryAllocUnsafe(size)) {
    all.push(one);
  }
  return all;
}

const exhausted = (t, slab, size) =>
  t.throws(() => slab.alloc(size), { code: 'ERR_RALLOC_EXHAUSTED' });

for (const [size, maxBytes] of [
  [4096, MiB],
  [4096, 64 * KiB],
  [4096, 2 * MiB],
  [4096, 1_900_000],
  [64, 144],
  [64, 4096],
  [64, MiB],
  [65536, MiB],
  [MiB, 2 * MiB],
  [MiB, 10 * MiB],
]) {
  test(`${maxBytes} bytes hold as many slots of ${size} as fit with their records`, (t) => {
    const slab = new Slab({ sizes: [size], maxCount: 100_000, maxBytes });
    const { length } = fill(slab, size);
    t.true(length > 0 && charge(size, length) <= maxBytes);
    t.true(charge(size, length + 1) > maxBytes, 'one more would not fit');
    const { count, committed, pools } = slab.stats();
    t.like({ count, committed }, { count: length, committed: charge(size, length) });
    t.is(pools[0].maxCount, length, 'and stats() said so from the start');
    const error = exhausted(t, slab, 1);
    t.like(error, { option: 'maxBytes', limit: maxBytes, used: committed });
    t.regex(error.message, /Raise "maxBytes"/);
    addsUp(t, slab);
    slab.close({ force: true });
  });
}

test('a record is 16 bytes and some hints: a MiB holds 254 slots of 4 KiB', (t) => {
  t.is(slotsWithin(4096, 0, 1000, MiB), 254);
  const slab = new Slab({ sizes: [4096], maxCount: 1000, maxBytes: MiB });
  t.is(fill(slab, 4096).length, 254);
  slab.close({ force: true });
});

test('there are just count slots at first, whatever there can be', (t) => {
  for (const [count, maxCount] of [
    [1, 1000],
    [10, 11],
    [10, 1000],
    [256, 512],
    [300, 1000],
  ]) {
    const slab = new Slab({ sizes: [4096], count, maxCount });
    const stats = slab.stats();
    t.is(stats.count, count);
    t.is(stats.committed, charge(4096, count));
    t.is(fill(slab, 4096).length, maxCount);
    t.is(exhausted(t, slab, 1).option, 'maxCount');
    addsUp(t, slab);
    slab.close({ force: true });
  }
});

test('count fits maxBytes by what it takes itself', (t) => {
  const slab = new Slab({ sizes: [4096], count: 10, maxCount: 1000, maxBytes: MiB });
  t.is(slab.stats().count, 10);
  t.is(fill(slab, 4096).length, 254);
  slab.close({ force: true });
});

test('where maxBytes holds count and no more, it is the option to raise', (t) => {
  const maxBytes = charge(4096, 10);
  const slab = new Slab({ sizes: [4096], count: 10, maxCount: 1000, maxBytes });
  t.is(fill(slab, 4096).length, 10);
  t.like(exhausted(t, slab, 1), { option: 'maxBytes', limit: maxBytes, used: maxBytes });
  slab.close({ force: true });
});

test('maxBytes that holds no slot of a pool is refused by the least that would', (t) => {
  for (const [options, least] of [
    [{ sizes: [MiB], maxCount: 10 }, charge(MiB, 1)],
    [{ sizes: [64, 4096], maxCount: 10 }, charge(4096, 1)],
    [{ sizes: [64, 4096], count: 4, maxCount: 10 }, charge(64, 4) + charge(4096, 4)],
    [{ sizes: [64], count: 100 }, charge(64, 100)],
    [{ sizes: [64], count: 100, minCount: 0 }, charge(64, 100)],
  ]) {
    const error = t.throws(() => new Slab({ ...options, maxBytes: least - 1 }), {
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
      instanceOf: RangeError,
    });
    t.regex(error.message, /"options\.maxBytes" is out of range/);
    t.true(error.message.includes(`an integer >= ${least},`), error.message);
    const slab = new Slab({ ...options, maxBytes: least });
    slab.free(slab.alloc(options.sizes.at(-1)));
    slab.close();
  }
});

test('the first small Buffer leaves room for those of the other pools', (t) => {
  for (const maxBytes of [32 * KiB, 64 * KiB, MiB, 3 * MiB]) {
    const slab = new Slab({ sizes: [64, 256, 1024, 4096], maxCount: 100_000, maxBytes });
    for (const size of slab.sizes) t.not(slab.tryAlloc(size), null, `${size} in ${maxBytes}`);
    t.true(slab.stats().committed <= maxBytes);
    addsUp(t, slab);
    slab.close({ force: true });
  }
});

test('a larger pool that maxBytes stops is the reason where the first one has all its slots', (t) => {
  const slab = new Slab({ sizes: [64, 4096], maxCount: [10, 1000], maxBytes: 64 * KiB });
  fill(slab, 4096);
  fill(slab, 64);
  t.true(slab.stats().pools[1].count < 1000);
  t.is(exhausted(t, slab, 64).option, 'maxBytes');
  slab.close({ force: true });
  const full = new Slab({ sizes: [64, 4096], maxCount: [10, 1000], maxBytes: 64 * KiB });
  t.is(fill(full, 64).length, 10);
  fill(full, 4096);
  t.is(exhausted(t, full, 64).option, 'maxBytes');
  full.close({ force: true });
});

test('slots that came in part go when they idle, and come again', async (t) => {
  const slab = new Slab({ sizes: [4096], count: 10, minCount: 0, maxCount: 1000, idleMs: 30 });
  for (let round = 0; round < 3; round++) {
    for (const buffer of fill(slab, 4096)) slab.free(buffer.fill(round));
    await until(() => slab.stats().committed === 0);
    addsUp(t, slab);
    slab.free(slab.alloc(1));
  }
  t.is(fill(slab, 4096).length, 1000);
  slab.close({ force: true });
});
