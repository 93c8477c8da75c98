'use strict';
// tier: run-time

// sampleStats(): figures over time. No time is waited for.

const { AsyncLocalStorage } = require('node:async_hooks');
const { setImmediate: turn } = require('node:timers/promises');
const test = require('ava');
const { Arena, Region, Slab, requestArena, sampleStats, stats } = require('../..');
const { Clock } = require('../helpers/clock.js');
const { Exchange } = require('../helpers/exchange.js');
const { untilCollected } = require('../helpers/until.js');

/** A series in time of its own; `pass(ms)` moves that. */
function sampled(intervalMs, options) {
  const clock = new Clock();
  const series = clock.use(() => sampleStats(intervalMs, options));
  clock.pass(0);
  return { series, clock, pass: (ms) => clock.pass(ms) };
}

test('the first sample is taken at once, and then one at each interval', (t) => {
  const { series, pass } = sampled(1000);
  t.is(series.samples.length, 1);
  pass(999);
  t.is(series.samples.length, 1);
  pass(1);
  t.is(series.samples.length, 2);
  pass(3000);
  t.is(series.samples.length, 5);
  const [{ at, of, ...told }] = series.samples;
  t.deepEqual(of, {});
  t.true(Math.abs(at - Date.now()) < 60_000);
  t.deepEqual(Object.keys(told.stats), Object.keys(stats()));
  series.stop();
});

test('the last ones are kept', (t) => {
  const slab = new Slab({ sizes: [64], count: 16 });
  const { series, pass } = sampled(10, { count: 3, of: { slab } });
  const used = () => series.samples.map(({ of }) => of.slab.used);
  for (let i = 0; i < 5; i++) {
    slab.alloc(1);
    pass(10);
  }
  t.deepEqual(used(), [3 * 64, 4 * 64, 5 * 64]);
  series.samples.length = 0;
  t.is(used().length, 3, 'the list is the caller’s');
  series.stop();
  slab.close({ force: true });
});

test('after stop() there are no more, and the timer is gone', (t) => {
  const { series, clock, pass } = sampled(10);
  pass(10);
  t.is(clock.timers.length, 1);
  t.false(clock.timers[0].refed, 'it keeps no process');
  clock.use(() => {
    series.stop();
    series[Symbol.dispose]();
  });
  t.deepEqual(clock.timers, []);
  pass(100);
  t.is(series.samples.length, 2);
});

test('stop() in the turn of its begin is heard too', (t) => {
  const clock = new Clock();
  const series = clock.use(() => {
    const begun = sampleStats(10);
    begun.stop();
    return begun;
  });
  clock.pass(0);
  t.deepEqual(clock.timers, []);
  t.is(series.samples.length, 1);
});

test('the timer keeps no store of a request', async (t) => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const slab = new Slab({ sizes: [64], count: 16 });
  const owner = {
    stats() {
      seen.push(storage.getStore());
      return slab.stats();
    },
  };
  const series = storage.run('a request', () => sampleStats(1, { of: { owner } }));
  while (seen.length < 2) await turn();
  series.stop();
  slab.close();
  t.deepEqual(seen.slice(0, 2), ['a request', undefined]);
});

test('each kind has its figures', (t) => {
  const arena = new Arena();
  const slab = new Slab({ sizes: [64, 4096], count: 64 });
  const region = new Region();
  const arenas = requestArena();
  const of = { arena, slab, region, arenas };
  const { series, pass } = sampled(10, { of });
  const [empty] = series.samples;
  for (const name of Object.keys(of)) {
    const { used, committed, fragmentation, perChunk } = empty.of[name];
    t.is(used, 0, name);
    t.is(fragmentation, committed === 0 ? 0 : 1, name);
    t.is(perChunk, 0);
  }
  arena.alloc(10_000);
  slab.alloc(10);
  slab.alloc(1000);
  region.alloc(5000);
  const exchange = new Exchange();
  exchange.begin(arenas).alloc(100);
  pass(10);
  const { of: figures } = series.samples[1];
  t.is(figures.arena.used, arena.stats().allocated);
  t.is(figures.slab.used, 64 + 4096);
  t.is(slab.stats().used, 64 + 4096);
  t.is(figures.slab.chunks, 2);
  t.is(figures.slab.perChunk, (64 + 4096) / 2);
  t.is(figures.region.used, 5008);
  t.is(figures.region.committed, region.stats().committed);
  t.true(figures.arenas.used >= 100);
  for (const { used, committed, fragmentation, chunks } of Object.values(figures)) {
    t.is(fragmentation, 1 - used / committed);
    t.true(chunks >= 1);
  }
  exchange.res.writableFinished = true;
  arenas.end(exchange.req);
  arena.close();
  slab.close({ force: true });
  region.close({ force: true });
  pass(10);
  const { of: closed } = series.samples[2];
  for (const name of ['slab', 'region']) t.like(closed[name], { used: 0, committed: 0, chunks: 0 });
  series.stop();
});

test('what is adopted is used, and committed', (t) => {
  const arena = new Arena();
  const { series, pass } = sampled(10, { of: { arena } });
  const before = series.samples[0].of.arena.committed;
  arena.adopt(Buffer.alloc(100_000));
  pass(10);
  const { used, committed } = series.samples[1].of.arena;
  t.deepEqual([used, committed], [100_000, before + 100_000]);
  series.stop();
  arena.close();
});

test('more used than committed, as where nothing is touched yet, is no fragmentation', (t) => {
  const memory = { adopted: 0, leased: 0, committed: 64, chunks: 1 };
  const { series } = sampled(1000, {
    of: { arena: { stats: () => ({ memory, allocated: 128 }) } },
  });
  t.is(series.samples[0].of.arena.fragmentation, 0);
  series.stop();
});

test('after stop() nothing keeps the owners', async (t) => {
  let series;
  const owner = (() => {
    const arena = new Arena();
    ({ series } = sampled(1000, { of: { arena } }));
    return new WeakRef(arena);
  })();
  series.stop();
  await untilCollected(() => owner.deref() === undefined);
  t.is(series.samples.length, 1);
});

test('bad arguments are refused, and no timer is set', (t) => {
  const slab = new Slab({ sizes: [64], count: 16 });
  const clock = new Clock();
  const code = 'ERR_RALLOC_INVALID_ARGUMENT';
  const refused = (instanceOf, ...args) =>
    clock.use(() => t.throws(() => sampleStats(...args), { code, instanceOf }));
  for (const every of [0, -1, 1.5, Number.NaN, 2 ** 31]) refused(RangeError, every);
  for (const every of [undefined, null, '5', {}]) refused(TypeError, every);
  for (const count of [0, 1.5, 1_000_001]) refused(RangeError, 5, { count });
  for (const options of [null, 5, [], { most: 5 }, { count: '5' }]) refused(TypeError, 5, options);
  for (const of of [null, 5, [slab], { slab: null }, { slab: {} }, { slab: Buffer }])
    refused(TypeError, 5, { of });
  for (const told of [null, 5, {}, { chunks: 1 }, { memory: {} }])
    refused(TypeError, 5, { of: { fake: { stats: () => told } } });
  clock.pass(0);
  t.deepEqual(clock.timers, []);
  slab.close();
});
