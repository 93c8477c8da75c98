'use strict';
// tier: run-time

// Which slots wait for which operations of Node, with the option `guard`. Here nothing is really in flight: operations begin
// and end by hand.

const test = require('ava');
const { Writable } = require('node:stream');
const { Slab, slab: defaultSlab } = require('../..');
const { begin, beginAll } = require('../../lib/guard/operation.js');
const { release } = require('../../lib/slab/buffer.js');
const { SlabCore } = require('../../lib/slab/core.js');
const { slabSettings } = require('../../lib/slab/options.js');
const { run } = require('../helpers/child.js');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { untilCollected } = require('../helpers/until.js');

/** The inside of a guarded slab, and its first pool. */
function makeCore(options) {
  const core = new SlabCore({ ...slabSettings(options), guard: true });
  core.open();
  return { core, pool: core.pools[0] };
}

for (const { title, make: makeKind } of modes) {
  const make = () => makeKind({ sizes: [64], count: 8, guard: true });

  test(`${title}: a slot waits for all of its operations, in whatever order they end`, (t) => {
    const slab = make();
    const all = Array.from({ length: 8 }, () => slab.alloc(64));
    const [{ buffer }] = all;
    const ends = [
      begin(all[0], 'fs'),
      begin(all[0].subarray(10), 'fs'),
      begin(new Uint8Array(buffer, 0, 65), 'fs'),
      begin(new DataView(buffer, 64, 448), 'fs'),
      begin(new Float64Array(buffer, 448, 0), 'fs'),
    ];
    t.is(ends[0], ends[1], 'one function, so that a stream sees the same callback');
    for (const one of all) slab.free(one);
    const waiting = () => {
      addsUp(t, slab);
      return slab.stats().inFlight;
    };
    t.is(waiting(), 8);
    ends[3]();
    ends[3]();
    t.is(waiting(), 2);
    ends[0]();
    t.is(waiting(), 2);
    ends[2]();
    t.is(waiting(), 1);
    ends[1]();
    t.is(waiting(), 0);
    ends[4]();
    t.is(slab.stats().guarded.fs.operations, 4, 'none over no bytes');
    t.is(new Set(Array.from({ length: 8 }, () => slab.alloc(1).byteOffset)).size, 8);
    slab.close({ force: true });
  });

  test(`${title}: a view of several slots holds these and no others`, (t) => {
    const slab = make();
    const all = Array.from({ length: 8 }, () => slab.alloc(64));
    const end = begin(new Uint8Array(all[0].buffer, 100, 100), 'fs'); // the second to the fourth
    for (const one of all) slab.free(one);
    t.is(slab.stats().inFlight, 3);
    end();
    t.is(slab.stats().inFlight, 0);
    slab.close();
  });

  test(`${title}: a slot that a dropped stream had comes back when V8 has collected it`, async (t) => {
    const slab = make();
    const drop = (chunk) => new Writable({ write() {} }).write(chunk);
    const [first, second, third] = [slab.alloc(64), slab.alloc(64), slab.alloc(64)];
    drop(first);
    drop(new Uint8Array(first.buffer, 64, 128));
    slab.free(first);
    slab.free(second);
    t.like(slab.stats(), { inFlight: 2, held: 1 });
    await untilCollected(() => slab.stats().inFlight === 0);
    const forgotten = new WeakRef(begin(third, 'fs'));
    await untilCollected(() => forgotten.deref() === undefined);
    const end = begin(third, 'fs');
    slab.free(third);
    t.is(slab.stats().inFlight, 1);
    end();
    t.is(slab.stats().inFlight, 0);
    slab.close();
  });
}

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: an end that is cut off is finished by the next call`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], maxCount: 256, safety });
    const buffer = core.allocSlow(64, false);
    const end = begin(buffer, 'fs');
    release(core, buffer);
    pool.limit = 0; // so that it asks for the limit
    core.leased.room = () => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    t.throws(end, { instanceOf: RangeError });
    t.is(pool.inFlight, 1);
    delete core.leased.room;
    core.settle();
    t.deepEqual([pool.inFlight, pool.held, pool.top], [0, 0, 64]);
    core.close(false);
  });

  test(`${safety}: what comes back from operations does not overfill the cache`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], maxCount: 256, safety });
    const all = Array.from({ length: 20 }, () => core.tryAllocSlow(64, false));
    const ends = all.map((buffer) => begin(buffer, 'fs'));
    for (const one of all) release(core, one);
    core.leased.room = () => 4;
    pool.flushExcess(0);
    for (const end of ends) {
      end();
      t.true(pool.top <= 4);
    }
    t.deepEqual([pool.held, pool.inFlight, pool.claimed], [0, 0, pool.top]);
    core.close(false);
  });

  test(`${safety}: while something is in flight the other Buffers of the pool are freed and cached`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], maxCount: 256, safety });
    const all = Array.from({ length: 64 }, () => core.tryAllocSlow(64));
    const end = begin(all[0], 'fs');
    const other = begin(all[1], 'fs');
    t.is(pool.capacity, 0);
    other();
    other();
    t.is(pool.capacity, 0, 'one is not over');
    for (const one of all) release(core, one);
    t.deepEqual([pool.top, pool.inFlight, pool.held, pool.claimed], [63, 1, 0, 64]);
    for (let i = 0; i < 63; i++) pool.take(64, false);
    core.allocSlow(64, false);
    t.deepEqual([pool.held, pool.peak], [64, 64], 'what waits is not held');
    pool.flushExcess(0);
    t.is(pool.capacity, 0);
    end();
    t.deepEqual([pool.top, pool.inFlight, pool.held, pool.claimed], [64, 0, 64, 128]);
    t.is(pool.capacity, pool.limit);
    for (let i = 0; i < 64; i++) pool.take(64, false);
    t.deepEqual([pool.held, pool.peak], [128, 128]);
    core.close(true);
  });

  test(`${safety}: warnAfterMs does not count what was freed and is in flight`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], count: 8, safety, warnAfterMs: 60_000 });
    const buffer = core.allocSlow(64, false);
    const end = begin(buffer, 'fs');
    t.is(pool.stuck(pool.now).count, 1, 'nobody has freed it');
    release(core, buffer);
    t.is(pool.stuck(pool.now).count, 0);
    end();
    t.is(pool.stuck(pool.now).count, 0);
    core.close();
  });
}

test('operations of several Buffers end before the callback where all are of slabs', (t) => {
  const slab = new Slab({ sizes: [64], count: 8, guard: true });
  const pair = [slab.alloc(10), slab.alloc(10)];
  const end = beginAll(pair, 'fs');
  t.true(end.isFirst);
  end();
  for (const one of pair) slab.free(one);
  t.is(slab.stats().inFlight, 0);
  slab.close();
});

test('the default slab is guarded where Node is wrapped', (t) => {
  const buffer = defaultSlab.alloc(10);
  const end = begin(buffer, 'fs');
  defaultSlab.free(buffer);
  t.is(defaultSlab.stats().inFlight, 1);
  end();
  t.is(defaultSlab.stats().inFlight, 0);
});

test('only a slab that asks for the guard wraps anything of Node', async (t) => {
  const { code, stderr, result } = await run('slab/guard-installed.js');
  t.is(code, 0, stderr);
  t.deepEqual(result, { required: false, made: false, used: false, asked: true });
  const off = await run('slab/guard-installed.js', { env: { RALLOC_GUARD: 'off' } });
  t.deepEqual(Object.values({ ...off.result, shares: false }).some(Boolean), false, off.stderr);
});
