'use strict';
// tier: tools

// ralloc's own arenas, slabs and regions are seen as well, and those of another copy of it.

const { serial: test } = require('ava');
const { Arena, Region, Slab, perRequest, requestArena, site } = require('../../..');
const { events } = require('../../../tools/recorder/events.js');
const { copyOfPackage } = require('../../helpers/copy-of-package.js');
const { inRequest, named, withTable } = require('../../helpers/site.js');
const { Tally, record } = require('../../helpers/tally.js');

const namesOf = (tally, { id }) =>
  Object.keys(events).filter((name) => tally.of(id, events[name]).bytes > 0);

test('what an arena gives out is counted, once', (t) => {
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

test('what perRequest gives is counted once, by the line that asked for it', (t) => {
  const recorder = record(t);
  const make = (size) => [perRequest.allocUnsafe(size), perRequest.alloc(size, 1)];
  make(3000);
  inRequest({ requestArena }, () => make(5000));
  const tally = new Tally(recorder.take());
  const told = tally
    .at(__filename)
    .map(({ id, source }) => [source, tally.of(id, events.BORN).bytes])
    .sort();
  t.deepEqual(told, [
    ['Buffer.alloc', 3000],
    ['Buffer.allocUnsafe', 3000],
    ['arena', 5000],
    ['arena', 5000],
  ]);
});

test('what a slab gives out lives until free() or send()', (t) => {
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

test('what a site gives out is its own, by its name, once, and wherever it is called', (t) => {
  const recorder = record(t);
  const rows = site('rows of (a) table');
  const bytes = Buffer.alloc(1000);
  for (const make of [
    () => rows.alloc(1000),
    () => rows.alloc(1000, 'x'),
    () => rows.allocUnsafe(1000),
    () => rows.from('x'.repeat(1000)),
    () => rows.from(bytes.toString('base64'), 'base64'),
    () => rows.from(bytes),
    () => rows.concat([bytes, bytes], 1000),
  ]) {
    make();
  }
  t.throws(() => rows.alloc(-1), { code: 'ERR_OUT_OF_RANGE' });
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'site(rows of (a) table)');
  t.is(sites.length, 7);
  for (const { id, frames } of sites) {
    t.is(frames[0].file, __filename);
    t.is(tally.of(id, events.BORN).bytes, 1000);
  }
  const others = tally.sites.filter(({ source }) => source.startsWith('Buffer'));
  t.deepEqual(
    others.map(({ source }) => source),
    ['Buffer.alloc'], // `bytes`
  );
});

test('of a site with a table, the arena, the slab and the region say when it ends', async (t) => {
  const ralloc = withTable(t, [
    named('rows', 'request'),
    named('parts', 'slab'),
    named('entries', 'region'),
  ]);
  const recorder = record(t);
  const [rows, parts, entries] = ['rows', 'parts', 'entries'].map(ralloc.site);
  const { exchange } = inRequest(ralloc, () => rows.alloc(5000));
  for (const one of [parts, entries]) {
    const freed = one.alloc(5000);
    one.alloc(5000);
    one.free(freed);
  }
  await exchange.finish();
  const tally = new Tally(recorder.take(), recorder.settle());
  const of = (name) =>
    tally.sites
      .filter(({ source }) => source === `site(${name})`)
      .map((one) => namesOf(tally, one).filter((event) => event !== 'PEAK'));
  t.deepEqual(of('parts'), [
    ['BORN', 'DIED'],
    ['BORN', 'ALIVE'],
  ]);
  t.deepEqual(of('entries'), of('parts'));
  t.is(of('rows').length, 1);
  const sources = new Set(tally.sites.map(({ source }) => source));
  t.deepEqual(
    ['arena', 'slab', 'region'].filter((source) => sources.has(source)),
    [],
  );
  t.false(sources.has('Buffer.alloc'));
});

test('what a region gives out lives until free()', (t) => {
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

/** Another copy of ralloc, as an application has beside the one that profiles it. */
function copy(t) {
  const { RALLOC_BACKEND } = process.env;
  process.env.RALLOC_BACKEND = 'js'; // it has no binary, and would warn of that
  t.teardown(() => {
    if (RALLOC_BACKEND === undefined) delete process.env.RALLOC_BACKEND;
    else process.env.RALLOC_BACKEND = RALLOC_BACKEND;
  });
  return require(copyOfPackage(t));
}

for (const when of ['before the profiler runs', 'later']) {
  test(`a copy that is loaded ${when} is seen`, (t) => {
    const early = when === 'later' ? undefined : copy(t);
    const recorder = record(t);
    const arena = new (early ?? copy(t)).Arena();
    arena.alloc(5000);
    const tally = new Tally(recorder.take());
    const sites = tally.sites.filter(({ source }) => source === 'arena');
    t.deepEqual(
      sites.map(({ id }) => tally.of(id, events.BORN).bytes),
      [5000],
    );
    arena.close();
  });
}
