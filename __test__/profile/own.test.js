'use strict';

// ralloc's own arenas, slabs and regions are seen as well, and those of another copy of it.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { Arena, Region, Slab } = require('../..');
const { events } = require('../../lib/profile/events.js');
const { Recorder } = require('../../lib/profile/recorder.js');
const { folder } = require('../helpers/folder.js');
const { Tally } = require('../helpers/tally.js');

function record(t, options) {
  const recorder = new Recorder({ rate: 1, seed: 5, ...options });
  recorder.start();
  t.teardown(() => recorder.stop());
  return recorder;
}

const namesOf = (tally, { id }) =>
  Object.keys(events).filter((name) => tally.of(id, events[name]).bytes > 0);

test.serial('what an arena gives out is counted, once', (t) => {
  const recorder = record(t);
  const arena = new Arena();
  const source = Buffer.alloc(1000);
  arena.alloc(1000);
  arena.alloc(1000, 'x');
  arena.allocUnsafe(1000);
  arena.from(source);
  arena.concat([source]);
  arena.close();
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'arena');
  t.is(sites.length, 5);
  for (const { id, frames } of sites) {
    t.true(frames.some(({ file }) => file === __filename));
    t.is(tally.of(id, events.BORN).bytes, 1000);
  }
  t.is(tally.sites.filter(({ source }) => source.startsWith('Buffer')).length, 1); // the source
});

test.serial('what a slab gives out lives until free() or send()', (t) => {
  const recorder = record(t);
  for (const safety of ['checked', 'recycle']) {
    const slab = new Slab({ sizes: [4096], count: 64, safety });
    t.teardown(() => slab.close({ force: true }));
    const freed = slab.allocUnsafe(4000);
    const kept = slab.alloc(3000);
    slab.free(freed);
    t.throws(() => slab.free(freed), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.is(slab.allocUnsafe(4000).length + kept.length, 7000);
    slab.use(100, (buffer) => buffer.length); // which frees it
  }
  const tally = new Tally(recorder.take(), recorder.settle());
  const sites = tally.sites.filter(({ source }) => source === 'slab');
  t.deepEqual(
    sites.map((site) => namesOf(tally, site)),
    [
      ['BORN', 'DIED', 'PEAK'],
      ['BORN', 'PEAK', 'ALIVE'],
      ['BORN', 'PEAK', 'ALIVE'],
    ],
  );
});

test.serial('what a region gives out lives until free()', (t) => {
  const recorder = record(t);
  const region = new Region();
  t.teardown(() => region.close({ force: true }));
  const freed = region.allocUnsafe(40_000);
  const kept = region.alloc(3000);
  const large = region.tryAlloc(2_000_000);
  region.free(freed);
  region.free(large);
  t.throws(() => region.free(freed), { code: 'ERR_RALLOC_DOUBLE_FREE' });
  t.is(kept.length, 3000);
  const tally = new Tally(recorder.take(), recorder.settle());
  const sites = tally.sites.filter(({ source }) => source === 'region');
  t.deepEqual(
    sites.map((site) => namesOf(tally, site)),
    [
      ['BORN', 'DIED', 'PEAK'],
      ['BORN', 'PEAK', 'ALIVE'],
      ['BORN', 'DIED', 'PEAK'],
    ],
  );
});

test.serial('methods are as before, afterwards', (t) => {
  const before = [Arena, Slab, Region].map(({ prototype }) =>
    Object.getOwnPropertyDescriptors(prototype),
  );
  const recorder = record(t);
  t.not(Arena.prototype.alloc, before[0].alloc.value);
  t.is(Arena.prototype.alloc.length, before[0].alloc.value.length);
  recorder.stop();
  t.deepEqual(
    [Arena, Slab, Region].map(({ prototype }) => Object.getOwnPropertyDescriptors(prototype)),
    before,
  );
});

/** Another copy of ralloc, as an application has beside the one that profiles it. */
function copy(t) {
  const there = folder(t);
  const root = join(__dirname, '..', '..');
  fs.cpSync(join(root, 'lib'), join(there, 'lib'), { recursive: true });
  fs.copyFileSync(join(root, 'package.json'), join(there, 'package.json'));
  const { RALLOC_BACKEND } = process.env;
  process.env.RALLOC_BACKEND = 'js'; // it has no binary, and would warn of that
  t.teardown(() => {
    if (RALLOC_BACKEND === undefined) delete process.env.RALLOC_BACKEND;
    else process.env.RALLOC_BACKEND = RALLOC_BACKEND;
  });
  return require(there);
}

const arenaBytes = (recorder) => {
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'arena');
  return sites.reduce((sum, { id }) => sum + tally.of(id, events.BORN).bytes, 0);
};

test.serial('a copy that is loaded before the profiler runs is seen', (t) => {
  const other = copy(t);
  const recorder = record(t);
  const arena = new other.Arena();
  arena.alloc(5000);
  t.is(arenaBytes(recorder), 5000);
  arena.close();
});

test.serial('so is one that is loaded later', (t) => {
  const recorder = record(t);
  const other = copy(t);
  const arena = new other.Arena();
  arena.alloc(5000);
  t.is(arenaBytes(recorder), 5000);
  arena.close();
});
