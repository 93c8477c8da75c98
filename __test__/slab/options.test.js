'use strict';
// tier: run-time

// What a slab cannot be is refused, in Node's wording, before anything is made or changed.

const test = require('ava');
const { inspect } = require('node:util');
const { Slab } = require('../..');
const { slabSettings } = require('../../lib/slab/options.js');
const { charge } = require('../../lib/memory/slab-layout.js');
const { addsUp, takeAll } = require('../helpers/slab.js');
const { notNumbers, notSizes, noting } = require('../helpers/values.js');

const CODE = 'ERR_RALLOC_INVALID_ARGUMENT';
const MiB = 1024 * 1024;
const pools = { sizes: [64, 1024], count: 4 };

const bad = [
  [TypeError, undefined, /"options\.sizes" property must be an Array\. Received undefined/],
  [TypeError, null, /"options" argument must be an object/],
  [TypeError, {}, /"options\.sizes" property must be an Array/],
  [TypeError, { count: 1 }, /"options\.sizes"/],
  [TypeError, { sizes: 64, count: 1 }, /must be an Array\. Received type number \(64\)/],
  [TypeError, { sizes: new Set([64]), count: 1 }, /an instance of Set/],
  [RangeError, { sizes: [], count: 1 }, /"options\.sizes\.length" is out of range.* Received 0/],
  [RangeError, { sizes: Array.from({ length: 33 }, (_, i) => 2 ** i), count: 1 }, /<= 32.* 33/],
  [RangeError, { sizes: [100], count: 1 }, /"options\.sizes\[0\]".* a power of two >= 8/],
  [RangeError, { sizes: [64, 96], count: 1 }, /"options\.sizes\[1\]".* a power of two/],
  [RangeError, { sizes: [4], count: 1 }, /"options\.sizes\[0\]".* >= 8/],
  [RangeError, { sizes: [0], count: 1 }, />= 8/],
  [RangeError, { sizes: [-64], count: 1 }, />= 8/],
  [RangeError, { sizes: [2 ** 31], count: 1 }, /<= 1073741824/],
  [RangeError, { sizes: [64.5], count: 1 }, /Received 64\.5/],
  [RangeError, { sizes: [Number.NaN], count: 1 }, /Received NaN/],
  [TypeError, { sizes: ['64'], count: 1 }, /"options\.sizes\[0\]" property must be of type number/],
  [TypeError, { sizes: [64n], count: 1 }, /of type number/],
  [TypeError, { sizes: new Array(1), count: 1 }, /Received undefined/],
  [
    RangeError,
    { sizes: [256, 64], count: 1 },
    /sizes\[1\]".* greater than options\.sizes\[0\] \(256\)/,
  ],
  [RangeError, { sizes: [64, 64], count: 1 }, /greater than options\.sizes\[0\] \(64\)/],
  [TypeError, { sizes: [64] }, /"options\.count" property must be of type number or an instance/],
  [TypeError, { sizes: [64], count: '4' }, /"options\.count"/],
  [TypeError, { sizes: [64], count: null }, /Received null/],
  [TypeError, { sizes: [64], count: ['4'] }, /"options\.count\[0\]"/],
  [RangeError, { sizes: [64], count: 0 }, /"options\.count" is out of range.* >= 1/],
  [RangeError, { sizes: [64], count: -1 }, />= 0/],
  [RangeError, { sizes: [64], count: 0, minCount: 0 }, />= 1 without options\.maxCount/],
  [RangeError, { sizes: [64], count: 1.5 }, /Received 1\.5/],
  [RangeError, { sizes: [64], count: Number.POSITIVE_INFINITY }, /Received Infinity/],
  [RangeError, { sizes: [8], count: 2 ** 32 }, /<= 1073741824/],
  [RangeError, { sizes: [8], count: 2 ** 32 + 1 }, /<= 1073741824/],
  [RangeError, { sizes: [64, 128], count: [4] }, /"options\.count\.length".* \(2\)\. Received 1/],
  [RangeError, { sizes: [64], count: [4, 4] }, /Received 2/],
  [RangeError, { sizes: [64, 128], count: [4, 0] }, /"options\.count".* without options\.maxCount/],
  [RangeError, { ...pools, maxCount: 3 }, /options\.count".* options\.maxCount \(3\) in pool 0/],
  [RangeError, { ...pools, count: [4, 5], maxCount: 4 }, /\(4\) in pool 1\. Received 5/],
  [RangeError, { ...pools, maxCount: 0 }, /"options\.maxCount".* >= 1/],
  [RangeError, { ...pools, maxCount: 9, minCount: 5 }, /minCount".* options\.count \(4\)/],
  [RangeError, { ...pools, minCount: -1 }, /"options\.minCount".* >= 0/],
  [TypeError, { ...pools, minCount: 'none' }, /"options\.minCount"/],
  [RangeError, { ...pools, idleMs: 0 }, /"options\.idleMs".* >= 1/],
  [RangeError, { ...pools, idleMs: 2 ** 31 }, /<= 2147483647/],
  [RangeError, { ...pools, warnAfterMs: 0 }, /"options\.warnAfterMs"/],
  [TypeError, { ...pools, warnAfterMs: true }, /of type number/],
  [RangeError, { ...pools, maxBytes: 0 }, /"options\.maxBytes".* >= 1/],
  [TypeError, { ...pools, maxBytes: '1 MiB' }, /of type number/],
  [RangeError, { ...pools, safety: 'detach' }, /'checked', 'recycle'\. Received 'detach'/],
  [TypeError, { ...pools, safety: 1 }, /of type string/],
  [TypeError, { ...pools, name: 5 }, /"options\.name"/],
  [TypeError, { ...pools, memory: 'huge' }, /"options\.memory" property must be an object/],
  [TypeError, { ...pools, size: 64 }, /Unknown option "size"\. Did you mean "sizes"\?/],
  [TypeError, { ...pools, maxcount: 8 }, /Did you mean "maxCount"\?/],
];

test('options of the wrong name, type or value are refused', (t) => {
  for (const [Type, options, message] of bad) {
    const error = t.throws(() => new Slab(options), { code: CODE, message }, inspect(options));
    t.is(error.constructor, Type, inspect(options));
  }
});

test('pools that take more than maxBytes are refused, by what they take', (t) => {
  const refused = (options) =>
    t.throws(() => new Slab(options), { code: CODE, instanceOf: RangeError }, inspect(options));
  for (const options of [
    { sizes: [2 ** 30], count: 2 ** 30 },
    { sizes: [4096], count: 32769 },
    { sizes: [64, 4096], count: [1, 256], maxBytes: MiB },
  ]) {
    t.regex(refused(options).message, /^The value of "options\.maxBytes" is out of range/);
  }
  // Slots alone would fit: what is kept about each of them counts too.
  const [, least] = /an integer >= (\d+)/.exec(
    refused({ sizes: [8], count: 1024, maxBytes: 8192 }).message,
  );
  t.true(Number(least) > 8192 && Number(least) < 64 * 1024, least);
  const slab = new Slab({ sizes: [8], count: 1024, maxBytes: Number(least) });
  for (let i = 0; i < 1024; i++) slab.alloc(8);
  t.is(slab.stats().held, 1024);
  slab.close({ force: true });
});

test('what is given back when idle, after 10 s by default, never goes below count, unless minCount allows it', (t) => {
  const minCounts = (options) => slabSettings(options).pools.map(({ minCount }) => minCount);
  t.deepEqual(minCounts({ ...pools, maxCount: 8 }), [4, 4]);
  t.deepEqual(minCounts({ ...pools, maxCount: 8, minCount: [0, 3] }), [0, 3]);
  t.deepEqual(minCounts({ sizes: [64], maxCount: 8 }), [0]);
  t.is(slabSettings({ sizes: [64], maxCount: 8 }).idleMs, 10_000);
});

test('every option is read once, and the lists are copied', (t) => {
  const sizes = [64, 256];
  const { reads, noted } = noting({ sizes, count: [2, 3], name: undefined });
  const slab = new Slab(noted);
  sizes[0] = 8;
  t.deepEqual(reads, ['sizes', 'count', 'name']);
  t.deepEqual(slab.sizes, [64, 256]);
  t.deepEqual(
    slab.stats().pools.map(({ count }) => count),
    [2, 3],
  );
  slab.close();
});

const sized = {
  alloc: (slab, size) => slab.alloc(size),
  allocUnsafe: (slab, size) => slab.allocUnsafe(size),
  tryAlloc: (slab, size) => slab.tryAlloc(size),
  tryAllocUnsafe: (slab, size) => slab.tryAllocUnsafe(size),
  use: (slab, size) => slab.use(size, () => {}),
};

for (const [name, act] of Object.entries(sized)) {
  test(`${name}: what is no size is refused, and what is too large by the largest there is`, (t) => {
    const slab = new Slab(pools);
    slab.free(slab.alloc(8));
    const before = slab.stats();
    for (const size of notNumbers) {
      const error = t.throws(() => act(slab, size), { code: CODE }, inspect(size));
      t.is(error.constructor, TypeError);
      t.regex(error.message, /^The "size" argument must be of type number\. Received /);
    }
    for (const size of [...notSizes, 1025, 2 ** 31, 2 ** 32, 2 ** 32 + 8]) {
      const error = t.throws(() => act(slab, size), { code: CODE }, inspect(size));
      t.is(error.constructor, RangeError);
      t.true(error.message.endsWith(`an integer >= 0 and <= 1024. Received ${inspect(size)}`));
    }
    t.deepEqual(slab.stats(), before);
    slab.close();
  });
}

test('use() of what is no function, close() with what is no option', (t) => {
  const slab = new Slab(pools);
  for (const fn of [undefined, null, 1, {}, 'fn']) {
    t.throws(() => slab.use(8, fn), { code: CODE, instanceOf: TypeError });
  }
  t.throws(() => slab.close({ forced: true }), { code: CODE, message: /Did you mean "force"\?/ });
  t.throws(() => slab.close({ force: 1 }), { code: CODE, instanceOf: TypeError });
  t.throws(() => slab.close(true), { code: CODE, instanceOf: TypeError });
  t.true(slab.stats().live);
  t.is(slab.stats().held, 0);
  slab.close({});
});

test('a token that is no integer is an error of the argument, one of nothing is stale', (t) => {
  const slab = new Slab(pools);
  for (const method of ['receive', 'revoke']) {
    for (const token of [undefined, null, '1', {}, 1n]) {
      t.throws(() => slab[method](token), { code: CODE, instanceOf: TypeError }, inspect(token));
    }
    for (const token of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      t.throws(() => slab[method](token), { code: CODE, instanceOf: RangeError }, inspect(token));
    }
    for (const token of [0, 1, 3, 4, 8, 2 ** 22, 2 ** 22 - 1, 2 ** 31, 2 ** 53 - 1]) {
      t.throws(() => slab[method](token), { code: 'ERR_RALLOC_STALE_TOKEN' }, `${token}`);
    }
  }
  t.throws(() => new Slab({ sizes: [64], maxCount: 5 }).receive(0), {
    code: 'ERR_RALLOC_STALE_TOKEN',
  });
  slab.close();
});

test('a handle that is none, or a made up one, attaches nothing', (t) => {
  const nonce = '0123456789abcdef';
  for (const handle of [undefined, null, 5, 'handle', { id: '1', nonce }, { id: 1 }, { nonce }]) {
    t.throws(() => Slab.attach(handle), { code: CODE, instanceOf: TypeError }, inspect(handle));
  }
  for (const handle of [
    { id: 0, nonce },
    { id: 1.5, nonce },
    { id: 1, nonce: '' },
    { id: 1, nonce: 'z'.repeat(16) },
  ]) {
    t.throws(() => Slab.attach(handle), { code: CODE, instanceOf: RangeError }, inspect(handle));
  }
  const options = [{ safety: 'gc' }, { count: 4 }, { warnAfterMs: -1 }, 5];
  for (const given of options) t.throws(() => Slab.attach({ id: 1, nonce }, given), { code: CODE });
});

// How many slots there are: `count` at first, and then as many as `maxCount` allows and `maxBytes` holds, to the last.

const KiB = 1024;

const exhausted = (t, slab, size) =>
  t.throws(() => slab.alloc(size), { code: 'ERR_RALLOC_EXHAUSTED' });

for (const [size, maxBytes] of [
  [4096, 64 * KiB],
  [4096, 1_900_000],
  [64, 144],
  [64, MiB],
  [MiB, 10 * MiB],
]) {
  test(`${maxBytes} bytes hold as many slots of ${size} as fit with their records`, (t) => {
    const slab = new Slab({ sizes: [size], maxCount: 100_000, maxBytes });
    const { length } = takeAll(slab, size);
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
    t.is(takeAll(slab, 4096).length, maxCount);
    t.is(exhausted(t, slab, 1).option, 'maxCount');
    addsUp(t, slab);
    slab.close({ force: true });
  }
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

test('a larger pool that maxBytes stops is the reason where the first one has all its slots', (t) => {
  const slab = new Slab({ sizes: [64, 4096], maxCount: [10, 1000], maxBytes: 64 * KiB });
  takeAll(slab, 4096);
  takeAll(slab, 64);
  t.true(slab.stats().pools[1].count < 1000);
  t.is(exhausted(t, slab, 64).option, 'maxBytes');
  slab.close({ force: true });
  const full = new Slab({ sizes: [64, 4096], maxCount: [10, 1000], maxBytes: 64 * KiB });
  t.is(takeAll(full, 64).length, 10);
  takeAll(full, 4096);
  t.is(exhausted(t, full, 64).option, 'maxBytes');
  full.close({ force: true });
});
