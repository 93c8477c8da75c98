'use strict';
// tier: run-time

// The records of a region, without memory: after each step of random programs all of them are right.

const test = require('ava');
const {
  AFTER,
  CHUNK,
  CLEAN,
  DIRTY,
  HELD,
  MARK,
  OWN,
  SIZE,
  START,
} = require('../../lib/region/record.js');
const { Spans } = require('../../lib/region/spans.js');
const { auditRecords } = require('../../lib/region/audit.js');
const { random } = require('../helpers/random.js');
const { Region } = require('../..');
const idle = require('../../lib/memory/idle.js');
const { Collector } = require('../../lib/region/collector.js');
const { RegionCore } = require('../../lib/region/core.js');
const { regionSettings } = require('../../lib/region/options.js');
const { release } = require('../../lib/region/buffer.js');
const { isNative, nativeTest } = require('../helpers/backend.js');
const { isSoak } = require('../helpers/budget.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { soundRegion } = require('../helpers/region.js');

const GRANULES = 4096;

/** Spans with chunks of `GRANULES`, and what is held of them. */
class Model {
  spans = new Spans();
  chunks = [];
  held = new Map(); // id → { chunk, start, size }

  constructor(chunks) {
    this.spans.grow(8);
    for (let index = 0; index < chunks; index++) {
      this.room();
      const first = this.spans.addChunk(index, GRANULES, index % 2 === 0 ? CLEAN : DIRTY);
      this.chunks.push({ index, first, granules: GRANULES });
    }
  }

  room() {
    const { spans } = this;
    if (spans.unused < 0) spans.grow(16);
  }

  alloc(size) {
    this.room();
    const { spans } = this;
    let id = spans.find(size);
    if (id < 0) id = spans.search(size, GRANULES);
    if (id < 0) return undefined;
    const left = spans.table[id + SIZE] - size;
    const block = left > 0 ? spans.unused : id;
    const start = spans.table[id + START] + left;
    spans.take(id, size);
    this.held.set(block, { start, size });
    return block;
  }

  free(id) {
    this.spans.give(id);
    this.held.delete(id);
  }

  problems() {
    const found = auditRecords(this.spans, this.chunks);
    for (const [id, { start, size }] of this.held) {
      const { table } = this.spans;
      const isSame = table[id + START] === start && table[id + SIZE] === size;
      if (!isSame || table[id + MARK] !== HELD) found.push(`block ${id} has changed`);
    }
    return found;
  }
}

const sizes = {
  'one size': () => 7,
  small: (draw) => 1 + draw(40),
  'of two kinds': (draw) => (draw(8) === 0 ? 300 + draw(300) : 1 + draw(4)),
  'of every magnitude': (draw) => 1 + (draw(2 ** 31) >>> (19 + draw(12))),
};

for (const [kind, sizeOf] of Object.entries(sizes)) {
  for (const seed of isSoak ? [1, 2, 3] : [1]) {
    test(`after each step of a random program all records are right: ${kind}, seed ${seed}`, (t) => {
      const draw = random(seed);
      const model = new Model(2);
      for (let step = 0; step < 2000; step++) {
        const ids = [...model.held.keys()];
        const grows = draw(1000) < (step % 1000 < 500 ? 650 : 350);
        if (ids.length === 0 || grows) model.alloc(sizeOf(draw));
        else model.free(ids[draw(ids.length)]);
        const problems = model.problems();
        if (problems.length > 0) return t.deepEqual(problems, [], `step ${step}`);
      }
      for (const id of model.held.keys()) model.free(id);
      t.deepEqual(model.problems(), []);
      for (const { first } of model.chunks) t.is(model.spans.table[first + SIZE], GRANULES);
      t.is(model.spans.largestFree(), GRANULES);
    });
  }
}

test('a span is found where there is one, and is at most a step of its bin larger than it has to be', (t) => {
  const { spans } = new Model(1);
  for (const size of [1, 31, 32, 33, 100, 4000, GRANULES]) {
    const id = spans.find(size);
    t.true(id >= 0 && spans.table[id + SIZE] >= size, String(size));
  }
  t.is(spans.find(GRANULES + 1), -1);
  t.is(spans.search(GRANULES + 1, 10), -1);
});

test('of about the size that is asked for, one that is large enough is found by a search', (t) => {
  const model = new Model(1);
  const { spans } = model;
  const blocks = [1022, 1009].map((size) => {
    const id = model.alloc(size);
    model.alloc(5); // between them
    return id;
  });
  while (spans.largestFree() > 0) model.alloc(spans.largestFree());
  for (const id of blocks) model.free(id); // of one bin, of which the last is the first
  t.is(spans.find(1015), -1);
  t.is(spans.search(1015, 1), -1);
  t.is(spans.table[spans.search(1015, 2) + SIZE], 1022);
  t.is(spans.search(1023, 9), -1);
});

test('a chunk of one block is no free span, and leaves nothing behind', (t) => {
  const model = new Model(1);
  const { spans } = model;
  const first = spans.addChunk(1, 70_000, HELD | OWN);
  model.chunks.push({ index: 1, first, granules: 70_000 });
  t.deepEqual(model.problems(), []);
  t.is(spans.find(5000), -1);
  t.is(spans.largestFree(), GRANULES);
  spans.removeChunk(first);
  model.chunks.pop();
  t.deepEqual(model.problems(), []);
  t.is(spans.heldGranules, 0);
});

test('links that were cut off are made again from the records', (t) => {
  const draw = random(9);
  const model = new Model(3);
  const { spans, chunks } = model;
  for (let i = 0; i < 300; i++) model.alloc(1 + draw(60));
  for (const id of [...model.held.keys()].filter(() => draw(2) === 0)) model.free(id);
  const { unused, table } = spans;
  // As a take() that was cut off after its first call leaves them.
  const id = spans.find(20);
  spans.isBusy = true;
  spans.unlink(id);
  table[unused + AFTER] = 17;
  spans.rebuild(chunks.map(({ first }) => first));
  t.false(spans.isBusy);
  t.deepEqual(model.problems(), []);
});

test('what was lost is neither free nor held', (t) => {
  const model = new Model(2);
  const { spans, chunks } = model;
  const blocks = Array.from({ length: 20 }, (_, i) => model.alloc(100 + i));
  const { first } = chunks[spans.table[blocks[0] + CHUNK]];
  const before = spans.held;
  spans.lose(first);
  const { held } = spans;
  t.true(held < before);
  spans.lose(first);
  t.is(spans.held, held);
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
