'use strict';
// tier: run-time

// Free memory goes back to the system: by collect(), and in idle times.

const test = require('ava');
const { Region } = require('../..');
const { Collector } = require('../../lib/region/collector.js');
const { RegionCore } = require('../../lib/region/core.js');
const { regionSettings } = require('../../lib/region/options.js');
const { release } = require('../../lib/region/buffer.js');
const { isNative, nativeTest } = require('../helpers/backend.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { soundRegion } = require('../helpers/region.js');

const MiB = 2 ** 20;

/** A region with holes: every eighth of 2000 Buffers of 10 KiB is held. */
function sparse() {
  const region = new Region({ collectWhenIdle: false });
  const all = Array.from({ length: 2000 }, (_, i) => stamp(region.allocUnsafe(10_240), i));
  const kept = all.filter((_, i) => i % 8 === 0);
  for (const buffer of all) if (!kept.includes(buffer)) region.free(buffer);
  return { region, kept };
}

const intact = (kept) => kept.every((buffer, i) => isStamped(buffer, 8 * i));

nativeTest(
  'collect() gives pages of free spans back, and blocks keep their bytes',
  'V8 gives back whole chunks alone',
  (t) => {
    const { region, kept } = sparse();
    const before = region.stats();
    t.true(before.committed > before.taken - MiB);
    const { chunks, bytes } = region.collect();
    t.is(chunks, 0);
    t.true(bytes > 0.9 * before.free && bytes <= before.free, `${bytes} of ${before.free}`);
    const after = region.stats();
    t.is(after.committed, before.committed - bytes);
    t.like(after, { reserved: before.reserved, used: before.used, collected: bytes });
    t.true(intact(kept));
    t.deepEqual(region.collect(), { chunks: 0, bytes: 0 }, 'nothing was freed since');
    soundRegion(t, region);
    const again = stamp(region.allocUnsafe(10_240), 5);
    t.true(isStamped(again, 5));
    region.close({ force: true });
  },
);

test('collect() ends chunks that are free as a whole, on every backend', (t) => {
  const { region, kept } = sparse();
  const before = region.stats();
  for (const buffer of kept) region.free(buffer);
  const { chunks, bytes } = region.collect();
  t.is(chunks, before.chunks);
  t.is(bytes, before.reserved);
  t.like(region.stats(), { reserved: 0, taken: 0, chunks: 0, committed: 0 });
  t.is(kept[0].length, 0, 'freed Buffers are dead then');
  t.is(stamp(region.alloc(10), 1).length, 10);
  region.close({ force: true });
});

test('collect() of nothing gives nothing', (t) => {
  const region = new Region();
  t.deepEqual(region.collect(), { chunks: 0, bytes: 0 });
  region.close();
});

/** A core with free memory, whose event loop is as busy as `busy()` says. */
function watched(options, busy) {
  const core = new RegionCore(regionSettings(options));
  core.collector = new Collector(core, { look: () => !busy() });
  const all = Array.from({ length: 300 }, () => core.allocSlow(100_000, false));
  for (const [i, buffer] of all.entries()) if (i % 10 !== 0) release(core, buffer);
  return core;
}

test('in a burst nothing is collected; when the event loop is idle, all is', (t) => {
  let isBusy = true;
  const core = watched({}, () => isBusy);
  const before = core.chunks.bytes;
  for (let second = 0; second < 100; second++) t.true(core.tick());
  t.is(core.collector.collected, 0);
  t.is(core.chunks.bytes, before);
  isBusy = false;
  for (let second = 0; second < 100; second++) t.true(core.tick());
  t.is(core.collector.collected > 20 * MiB, isNative);
  const { collected } = core.collector;
  for (let second = 0; second < 10; second++) core.tick();
  t.is(core.collector.collected, collected, 'there is nothing more');
  core.close(true);
  t.false(core.tick());
});

test('without collectWhenIdle the idle timer collects nothing', (t) => {
  const core = watched({ collectWhenIdle: false }, () => false);
  for (let second = 0; second < 10; second++) t.true(core.tick());
  t.is(core.collector.collected, 0);
  core.close(true);
});
