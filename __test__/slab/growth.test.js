'use strict';
// tier: run-time

// Pools that grow and shrink, and the default slab, which takes nothing before it is used.

const test = require('ava');
const { inspect } = require('node:util');
const ralloc = require('../..');
const { Slab } = ralloc;
const { isStamped, isZero, stamp } = require('../helpers/bytes.js');
const { fresh } = require('../helpers/fresh.js');
const { addsUp, takeAll } = require('../helpers/slab.js');
const { kinds } = require('../helpers/slab-kinds.js');
const { until } = require('../helpers/until.js');

const MiB = 1024 * 1024;
const counts = (slab) => slab.stats().pools.map(({ count }) => count);

test('a count of 0 beside maxCount is what is left out: no slots before the first', (t) => {
  const [left, none, mixed] = [{}, { count: 0 }, { count: [0, 3] }].map(
    (options) => new Slab({ sizes: [64, 128], maxCount: 16, ...options }),
  );
  t.deepEqual(
    [counts(left), counts(none), counts(mixed)],
    [
      [0, 0],
      [0, 0],
      [0, 3],
    ],
  );
  for (const slab of [left, none, mixed]) {
    slab.free(slab.tryAlloc(64));
    t.is(counts(slab)[0], 16);
    slab.close();
  }
});

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: a pool grows on demand up to maxCount, and all its slots are there`, (t) => {
    const slab = new Slab({
      sizes: [1024, 65536],
      count: 1,
      maxCount: [4000, 40],
      safety,
    });
    const [small, large] = counts(slab);
    t.true(small >= 1 && small < 4000 && large >= 1 && large < 40);
    const all = Array.from({ length: 4000 }, (_, id) => stamp(slab.tryAlloc(1024), id));
    t.is(slab.tryAlloc(1024), null);
    t.is(counts(slab)[0], 4000);
    all.forEach((buffer, id) => {
      t.true(isStamped(buffer, id));
    });
    t.is(slab.alloc(1024).length, 1024, 'promoted');
    addsUp(t, slab);
    for (let i = 1; i < 40; i++) slab.alloc(65536);
    const error = t.throws(() => slab.alloc(1), { code: 'ERR_RALLOC_EXHAUSTED' });
    t.like(error, { option: 'maxCount', limit: 128 * MiB });
    slab.close({ force: true });
  });

  test(`${safety}: maxBytes bounds all pools together, whoever grew first`, (t) => {
    const options = { sizes: [4096, 65536], maxCount: 2 ** 20, maxBytes: 4.5 * MiB, safety };
    const slab = new Slab(options);
    const all = [];
    for (let i = 0; i < 20; i++) all.push(slab.alloc(65536));
    while (all.at(-1) !== null) all.push(slab.tryAlloc(4096));
    all.pop();
    const { committed, limit } = slab.stats();
    t.true(committed > 4 * MiB && committed <= limit && limit === 4.5 * MiB);
    for (let i = 20; i < 32; i++) all.push(slab.alloc(65536));
    const error = t.throws(() => slab.alloc(4096), { code: 'ERR_RALLOC_EXHAUSTED' });
    t.like(error, { option: 'maxBytes', limit: 4.5 * MiB, used: committed });
    t.true(slab.footprint <= 4.5 * MiB);
    for (const buffer of all) slab.free(buffer);
    t.is(slab.stats().held, 0);
    slab.close();
  });

  test(`${safety}: what idles in one pool makes room for another at once when maxBytes is met`, (t) => {
    const options = { sizes: [4096, MiB], maxCount: 2 ** 12, maxBytes: 4.5 * MiB, safety };
    const slab = new Slab({ ...options, idleMs: 3_600_000 });
    const fill = (size) => takeAll(slab, size);
    for (let round = 0; round < 3; round++) {
      const small = fill(4096);
      t.true(small.length >= 1024, `${small.length}`);
      t.throws(() => slab.alloc(MiB), { code: 'ERR_RALLOC_EXHAUSTED' });
      const kept = small.splice(100, 1)[0];
      stamp(kept, round);
      for (const buffer of small) slab.free(buffer);
      const large = fill(MiB);
      t.is(large.length, 3, 'all but the segment of which a slot is in use');
      large.forEach(stamp);
      t.true(isStamped(kept, round));
      t.is(slab.tryAlloc(MiB), null);
      addsUp(t, slab);
      slab.free(kept);
      large.push(slab.alloc(MiB));
      for (const buffer of large) slab.free(buffer);
      t.true(slab.stats().committed <= 4.5 * MiB);
    }
    slab.close();
  });

  test(`${safety}: caches are given up where maxBytes is met, and not where maxCount is`, (t) => {
    const slab = new Slab({ sizes: [64, MiB], maxCount: [4096, 2], maxBytes: 64 * MiB, safety });
    const fill = (pools) => {
      pools.free(pools.alloc(10));
      const { cached } = pools.stats();
      takeAll(pools, MiB);
      t.is(pools.tryAlloc(MiB), null);
      return { before: cached, after: pools.stats().cached };
    };
    const { before, after } = fill(slab);
    t.true(before > 0);
    t.is(after, before);
    slab.close({ force: true });
    const limited = new Slab({ sizes: [64, MiB], maxCount: 4096, maxBytes: 4.25 * MiB, safety });
    t.is(fill(limited).after, 0);
    limited.close({ force: true });
  });

  test(`${safety}: an overload at maxBytes does not empty the caches at every call, yet a burst's end is seen`, (t) => {
    const slab = new Slab({ sizes: [4096, MiB], maxCount: 4096, maxBytes: 4.5 * MiB, safety });
    const large = takeAll(slab, MiB);
    slab.free(large.pop());
    const burst = Array.from({ length: 200 }, () => slab.alloc(4096));
    t.is(slab.tryAlloc(MiB), null);
    const emptied = () => {
      slab.free(slab.alloc(4096));
      t.is(slab.tryAlloc(MiB), null);
      return slab.stats().pools[0].cached === 0;
    };
    t.is(Array.from({ length: 640 }, emptied).filter(Boolean).length, 10);
    for (const buffer of burst) slab.free(buffer);
    large.push(slab.tryAlloc(MiB));
    t.not(large.at(-1), null);
    slab.close({ force: true });
  });

  test(`${safety}: a burst that needs no growth, and ends, makes room at once`, (t) => {
    const slab = new Slab({ sizes: [64, 4096, MiB], maxCount: 100_000, maxBytes: 5 * MiB, safety });
    slab.alloc(64);
    const kept = slab.alloc(4096);
    while (slab.tryAlloc(MiB) !== null); // empties the caches for the last
    const { committed } = slab.stats();
    slab.alloc(64);
    const burst = Array.from({ length: 100 }, () => slab.alloc(4096));
    t.is(slab.stats().committed, committed);
    for (const buffer of [...burst, kept]) slab.free(buffer);
    t.not(slab.tryAlloc(MiB), null, 'as many are held as then, but more were since');
    slab.close({ force: true });
  });

  test(`${safety}: memory that idles goes back, down to minCount, and comes again`, async (t) => {
    const slab = new Slab({
      sizes: [4096],
      count: 512,
      minCount: 256,
      maxCount: 2048,
      idleMs: 50,
      safety,
    });
    t.deepEqual(counts(slab), [512]);
    const all = Array.from({ length: 2048 }, () => stamp(slab.allocUnsafe(4096), 1));
    t.deepEqual(counts(slab), [2048]);
    const kept = all.splice(700, 1);
    for (const buffer of all) slab.free(buffer);
    await until(() => counts(slab)[0] === 256);
    addsUp(t, slab);
    t.true(isStamped(kept[0], 1), 'what is in use stays');
    slab.free(kept[0]);
    const again = Array.from({ length: 2048 }, () => slab.alloc(4096));
    t.true(again.every(isZero));
    for (const buffer of again) slab.free(buffer);
    await until(() => counts(slab)[0] === 256 && slab.stats().cached === 0);
    slab.close();
  });
}

test('a pool without a minimum gives everything back, and begins anew', async (t) => {
  const slab = new Slab({ sizes: [64, 65536], maxCount: 100, idleMs: 30 });
  t.deepEqual(counts(slab), [0, 0]);
  t.is(slab.stats().committed, 0);
  for (let round = 0; round < 3; round++) {
    const buffers = [slab.alloc(10), slab.alloc(60_000)];
    t.true(counts(slab).every((count) => count > 0));
    for (const buffer of buffers) slab.free(buffer);
    await until(() => slab.stats().committed === 0);
  }
  slab.close();
});

test('a slab that is in use all the time keeps what it needs', async (t) => {
  const idleMs = 40;
  const slab = new Slab({ sizes: [4096], maxCount: 1024, idleMs });
  let turns = 0;
  let last = Number.NEGATIVE_INFINITY;
  await until(() => {
    // What the timer has left since the turn before. On a busy machine that is too long ago now and then.
    const count = counts(slab)[0];
    if (performance.now() - last < idleMs) {
      t.true(count >= 100);
      turns++;
    }
    last = performance.now();
    const buffers = Array.from({ length: 100 }, () => slab.allocUnsafe(4096));
    for (const buffer of buffers) slab.free(buffer);
    return turns === 150; // several times idleMs
  });
  slab.close();
});

test('the default slab takes no memory before its first allocation', (t) => {
  const { slab } = fresh('slab/slab.js');
  const tell = () => ({ ...slab.stats(), footprint: slab.footprint });
  const before = tell();
  t.like(before, { committed: 0, footprint: 0, limit: 128 * MiB });
  inspect(slab);
  t.deepEqual(slab.sizes, [64, ...Array.from({ length: 14 }, (_, i) => 128 * 2 ** i)]);
  slab.owns(Buffer.alloc(1));
  t.deepEqual(tell(), before, 'to look at it takes none');
  slab.free(slab.alloc(0));
  t.deepEqual(tell(), before, 'nor does a Buffer of no bytes');
  slab.free(slab.alloc(100));
  const { committed, limit } = tell();
  t.true(committed > 0 && committed <= 2 * MiB);
  t.is(limit, 128 * MiB);
});

test('the default slab serves any size up to 1 MiB, and is not closed', (t) => {
  const { slab } = ralloc;
  const buffers = [0, 1, 64, 65, 5000, MiB].map((size, id) => stamp(slab.alloc(size), id));
  buffers.slice(1).forEach((buffer, id) => {
    t.true(isStamped(buffer, id + 1));
  });
  t.throws(() => slab.alloc(MiB + 1), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  for (const buffer of buffers) slab.free(buffer);
  for (const act of [
    () => slab.close(),
    () => slab.close({ force: true }),
    () => slab[Symbol.dispose](),
  ]) {
    const message = 'The default slab cannot be closed. To close one, create a slab of your own';
    t.throws(act, { code: 'ERR_RALLOC_UNSUPPORTED', message });
  }
  const error = t.throws(() => slab.handle(), { code: 'ERR_RALLOC_UNSUPPORTED' });
  t.regex(error.message, /grow|JavaScript backend/);
  t.regex(inspect(slab), /^Slab 'default' \{ live/);
  t.is(
    slab.use(100, ({ length }) => length),
    100,
  );
});

test('a slab takes 128 MiB by default, and not more', (t) => {
  const slab = new Slab({ sizes: [64, 2 ** 20], maxCount: 2 ** 30 });
  const all = [];
  const error = t.throws(
    () => {
      for (;;) all.push(slab.allocUnsafe(2 ** 20));
    },
    { code: 'ERR_RALLOC_EXHAUSTED' },
  );
  t.is(error.option, 'maxBytes');
  t.true(all.length >= 127 && all.length <= 128, `${all.length}`);
  slab.close({ force: true });
});

// What it costs to be told that a pool is exhausted: the same for few slots and for many.

const FEW = 2 ** 8;
const MANY = 2 ** 16; // a walk over so many words takes 256 times as long as over FEW

/** The least time of a call, in microseconds: of many short rounds one is undisturbed. */
function cost(call) {
  let least = Infinity;
  for (let round = 0; round < 40; round++) {
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

const makeOwn = (options) => new Slab(options);
const cases = {
  'a pool that has grown to its end': { make: makeOwn, maxCount: [2 * MANY, 64] },
  'a pool that recycles': { make: makeOwn, safety: 'recycle' },
};
for (const { kind, make } of kinds.slice(0, 2)) cases[`a pool of fixed size, ${kind}`] = { make };

for (const [kind, { maxCount, ...options }] of Object.entries(cases)) {
  const makeFull = (count) => {
    if (maxCount === undefined) return full(count, options);
    return full(16, { ...options, maxCount: [count, 64] });
  };

  test.serial(
    `${kind}: null, a promotion and the error cost no more with many slots than with few`,
    (t) => {
      const [few, many] = [makeFull(FEW), makeFull(MANY)].map((slab) => {
        const none = cost(() => slab.tryAllocUnsafe(64));
        const promoted = cost(() => slab.free(slab.allocUnsafe(64)));
        t.true(slab.stats().promotions >= 800);
        takeAll(slab, 128);
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
        return { none, promoted, thrown };
      });
      for (const [what, least] of Object.entries(few))
        t.true(many[what] < 10 * least, `${what}: ${many[what]} µs, with few slots ${least}`);
    },
  );
}

test('slots that come back one by one to a full pool are handed out again', (t) => {
  const slab = new Slab({ sizes: [64], count: 5000 });
  const held = takeAll(slab, 64);
  t.is(held.length, 5000);
  for (const at of [0, 63, 64, 4095, 4096, 4999, 17]) {
    slab.free(held[at]);
    held[at] = slab.tryAlloc(64);
    t.not(held[at], null);
    t.is(slab.tryAlloc(64), null);
  }
  slab.close({ force: true });
});
