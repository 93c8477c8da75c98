'use strict';
// tier: run-time

// The cache of free slots that each thread keeps: what an idle tick releases, and when the timer stops. The ticks are
// made by hand here, so that no clock decides.

const test = require('ava');
const { nativeTest } = require('../helpers/backend.js');
const { release } = require('../../lib/slab/buffer.js');
const { SlabCore } = require('../../lib/slab/core.js');
const { slabSettings } = require('../../lib/slab/options.js');
const { readPools } = require('../../lib/slab/stats.js');

const SIZE = 64;
const NEVER = 2 ** 31 - 1; // milliseconds
const SHARED = 'a slab stays in its thread';

/** The inside of a slab with one pool, which is closed at the end of the test. */
function makeCore(t, options) {
  const core = new SlabCore(slabSettings({ sizes: [SIZE], idleMs: NEVER, ...options }));
  core.open();
  t.teardown(() => core.close(true));
  return { core, pool: core.pools[0] };
}

function take(core, count) {
  const [pool] = core.pools;
  return Array.from({ length: count }, () => pool.take(SIZE) ?? core.allocSlow(SIZE));
}

function free(core, buffers) {
  for (const buffer of buffers) release(core, buffer);
}

/** How often slots are claimed and released from now on. */
function countCalls(leased) {
  const calls = { claim: 0, release: 0 };
  for (const name of Object.keys(calls)) {
    const call = leased[name];
    leased[name] = (...args) => {
      calls[name]++;
      return call.apply(leased, args);
    };
  }
  return calls;
}

for (const safety of ['checked', 'recycle']) {
  const growing = { maxCount: 1000, safety };

  test(`${safety}: a tick releases what was not needed since the tick before, and nothing else`, (t) => {
    const { core, pool } = makeCore(t, growing);
    free(core, take(core, 40));
    t.is(pool.top, 64, 'one refill');
    core.tick();
    t.is(pool.top, 64, 'the slots were used since the slab was made');
    free(core, take(core, 10));
    core.tick();
    t.true(pool.top >= 10, `the ten that were used stay: ${pool.top}`);
    t.true(pool.top < 64, 'and others go');
    core.tick();
    t.is(pool.top, 0);
    t.is(pool.claimed, 0);
    t.is(readPools(core.leased)[0].claimed, 0);
  });

  test(`${safety}: the timer stops when nothing is cached or held, and not before`, (t) => {
    const { core } = makeCore(t, { ...growing, idleMs: 1000 });
    const held = take(core, 1);
    for (let i = 0; i < 30; i++) t.true(core.tick());
    free(core, held);
    let ticks = 0;
    while (core.tick() && ticks < 30) ticks++;
    t.true(ticks > 2 && ticks < 30, `${ticks} ticks`);
    core.close(true);
    t.false(core.tick());
  });

  test(`${safety}: when a segment cannot be mapped, no slot is lost`, (t) => {
    const { core, pool } = makeCore(t, growing);
    core.leased.segment = () => ({ kind: 'map', syscall: 'mmap', errno: 12, code: 'ENOMEM' });
    t.throws(() => take(core, 1), { code: 'ERR_RALLOC_MAP' });
    t.deepEqual([pool.claimed, pool.top], [0, 0]);
    t.is(readPools(core.leased)[0].claimed, 0);
    delete core.leased.segment;
    free(core, take(core, 1000));
    t.is(core.held, 0);
  });

  test(`${safety}: close() goes on where an ArrayBuffer cannot be detached, but at the end of the stack`, (t) => {
    const { core, pool } = makeCore(t, growing);
    free(core, take(core, 1));
    core.leased.detach = () => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    t.throws(() => core.close(false), { instanceOf: RangeError });
    core.leased.detach = () => {
      throw new TypeError('Cannot perform ArrayBuffer.prototype.transfer');
    };
    core.close(false);
    t.deepEqual([core.isLive, pool.segments.length], [false, 0]);
  });

  nativeTest(`${safety}: a full cache is halved, and what stays is not all idle`, SHARED, (t) => {
    const { core, pool } = makeCore(t, { count: 256, safety });
    core.handle(); // limits the cache to a quarter of the pool
    const held = take(core, 97);
    t.is(pool.top, 0);
    free(core, held.splice(0, 64));
    core.tick();
    t.is(pool.top, 64, 'full');
    free(core, held.splice(0, 1));
    t.is(pool.top, 32);
    core.tick();
    t.is(pool.top, 1, 'the slot that was freed since the last tick');
    t.is(readPools(core.leased)[0].claimed, 33);
    free(core, held);
  });

  nativeTest(
    `${safety}: what a thread uses over and over stays in its cache, up to its share`,
    SHARED,
    (t) => {
      for (const [count, live, refills] of [
        [256, 64, 2],
        [4096, 1000, 5],
        [4096, 1024, 5],
      ]) {
        const { core, pool } = makeCore(t, { count, safety });
        core.handle();
        const calls = countCalls(core.leased);
        free(core, take(core, live));
        t.deepEqual(calls, { claim: refills, release: 0 }, 'more at once, the more it has');
        t.true(pool.claimed <= count / 4);
        for (let round = 0; round < 10; round++) free(core, take(core, live));
        t.deepEqual(calls, { claim: refills, release: 0 });
      }
    },
  );

  nativeTest(
    `${safety}: a large cache is flushed by a thousand slots, and holds 16,384 at most`,
    SHARED,
    (t) => {
      const { core, pool } = makeCore(t, { count: 2 ** 17, safety });
      core.handle();
      const held = take(core, 2 ** 14 + 1024);
      t.is(pool.limit, 2 ** 14);
      free(core, held.splice(0, 2 ** 14 - pool.top));
      t.is(pool.top, 2 ** 14);
      free(core, held.splice(0, 1));
      t.is(pool.top, 2 ** 14 - 1024);
      free(core, held);
    },
  );

  nativeTest(`${safety}: a refill keeps to the share that there is now`, SHARED, (t) => {
    const { core, pool } = makeCore(t, { count: 4096, safety });
    core.handle();
    core.leased.room = () => 8;
    const held = take(core, 1);
    t.is(pool.claimed, 5, 'half, and the one');
    free(core, held);
  });

  nativeTest(
    `${safety}: a tick releases what is the share of threads that came since`,
    SHARED,
    (t) => {
      const { core, pool } = makeCore(t, { count: 4096, safety });
      core.handle();
      core.tick();
      free(core, take(core, 1000));
      t.true(pool.top >= 1000);
      core.leased.room = () => 100;
      core.tick();
      t.is(pool.top, 50);
      t.is(readPools(core.leased)[0].claimed, 50);
    },
  );
}
