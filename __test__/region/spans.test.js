'use strict';
// tier: run-time

// The records of free spans, and free memory that goes back to the system: by collect(), and in idle times.

const test = require('ava');
const { Region } = require('../..');
const idle = require('../../lib/memory/idle.js');
const { AFTER, CLEAN, SIZE } = require('../../lib/region/record.js');
const { auditRecords } = require('../../lib/region/audit.js');
const { Collector } = require('../../lib/region/collector.js');
const { RegionCore } = require('../../lib/region/core.js');
const { regionSettings } = require('../../lib/region/options.js');
const { release } = require('../../lib/region/buffer.js');
const { Spans } = require('../../lib/region/spans.js');
const { isNative, nativeTest } = require('../helpers/backend.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { soundRegion } = require('../helpers/region.js');

const GRANULES = 4096;

test('a free span is found where there is one, by a search also one of about the size that is asked for', (t) => {
  const spans = new Spans();
  spans.grow(16);
  spans.addChunk(0, GRANULES, CLEAN);
  const take = (size) => {
    const id = spans.find(size);
    const left = spans.table[id + SIZE] - size;
    const block = left > 0 ? spans.unused : id;
    spans.take(id, size);
    return block;
  };
  for (const size of [1, 31, 32, 33, 100, 4000, GRANULES]) {
    const id = spans.find(size);
    t.true(id >= 0 && spans.table[id + SIZE] >= size, String(size));
  }
  t.is(spans.find(GRANULES + 1), -1);
  t.is(spans.search(GRANULES + 1, 10), -1);
  const blocks = [1022, 1009].map((size) => {
    const id = take(size);
    take(5); // between them
    return id;
  });
  while (spans.largestFree() > 0) take(spans.largestFree());
  for (const id of blocks) spans.give(id); // of one bin, of which the last is the first
  t.is(spans.find(1015), -1);
  t.is(spans.search(1015, 1), -1);
  t.is(spans.table[spans.search(1015, 2) + SIZE], 1022);
  t.is(spans.search(1023, 9), -1);
});

test('links that were cut off are made again from the records', (t) => {
  const spans = new Spans();
  spans.grow(16);
  const first = spans.addChunk(0, GRANULES, CLEAN);
  const blocks = Array.from({ length: 6 }, () => {
    const { unused } = spans;
    spans.take(spans.find(100), 100);
    return unused;
  });
  for (const id of blocks.slice(1, 3)) spans.give(id);
  // As a take() that was cut off after its first call leaves them.
  const { unused, table } = spans;
  spans.isBusy = true;
  spans.unlink(spans.find(20));
  table[unused + AFTER] = 17;
  spans.rebuild([first]);
  t.false(spans.isBusy);
  const chunks = [{ index: 0, first, granules: GRANULES }];
  t.deepEqual(auditRecords(spans, chunks), []);
  for (let i = 0; i < 2; i++) spans.lose(first); // as of a chunk that was transferred away
  t.deepEqual([spans.held, spans.heldGranules, spans.largestFree()], [0, 0, 0]);
  t.deepEqual(auditRecords(spans, chunks), []);
});

// Free memory goes back to the system: by collect(), and in idle times.

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

test('a region with chunks is watched by the idle timer, and one without is not', (t) => {
  const core = watched({}, () => false);
  t.true(core.watched);
  t.is(typeof idle.watch, 'function');
  core.close(true);
  t.false(core.tick());
});
