'use strict';
// tier: run-time

// Where the table of sites comes from, and what is said of one that cannot be.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { folder } = require('../helpers/folder.js');
const { fresh } = require('../helpers/fresh.js');
const { KiB, named, tableFile, withTable } = require('../helpers/site.js');

const strategyOf = (site) => site.stats().strategy;

/** A copy with RALLOC_TABLE, which is read at the first site. */
function withVariable(t, file) {
  const before = process.env.RALLOC_TABLE;
  process.env.RALLOC_TABLE = file;
  t.teardown(() => {
    if (before === undefined) delete process.env.RALLOC_TABLE;
    else process.env.RALLOC_TABLE = before;
  });
  return fresh('index.js');
}

test('a table is for the sites that are there, and for those that come', (t) => {
  const { loadTable, site } = fresh('index.js');
  const rows = site('rows');
  t.is(strategyOf(rows), null);
  const file = tableFile(t, [
    named('rows', 'slab'),
    named('cells', 'region'),
    named('old', 'leave'),
  ]);
  loadTable(file);
  t.deepEqual([rows, site('cells'), site('none')].map(strategyOf), ['slab', 'region', null]);
  const { table, unused } = site.stats();
  t.deepEqual([table, unused], [file, ['old']]);
  loadTable(pathToFileURL(tableFile(t, [named('rows', 'region')])));
  t.deepEqual([rows, site('cells')].map(strategyOf), ['region', null]);
});

test.serial('RALLOC_TABLE names one, which is read with the first site', (t) => {
  const { site } = withVariable(t, tableFile(t, [named('rows', 'slab')]));
  t.is(site.stats().table, null);
  t.is(strategyOf(site('rows')), 'slab');
  t.true(site('rows').free(site('rows').alloc(10)));
});

test.serial('a table that was loaded comes before that of the variable', (t) => {
  const { loadTable, site } = withVariable(t, 'none.json');
  loadTable(tableFile(t, [named('rows', 'slab')]));
  t.is(strategyOf(site('rows')), 'slab');
  t.is(strategyOf(withVariable(t, '').site('rows')), null);
});

test.serial('a wrong table of the variable is an error of each site, until it is mended', (t) => {
  const file = tableFile(t, [named('rows', 'slab')]);
  const whole = fs.readFileSync(file);
  fs.writeFileSync(file, whole.subarray(0, -9));
  const { site } = withVariable(t, file);
  for (let i = 0; i < 2; i++) t.throws(() => site('rows'), { code: 'ERR_RALLOC_TABLE_INVALID' });
  fs.writeFileSync(file, whole);
  t.is(strategyOf(site('rows')), 'slab');
});

test('each thread has a table of its own', async (t) => {
  const file = tableFile(t, [named('rows', 'slab')]);
  const program = `
    const { site } = require(${JSON.stringify(path.join(__dirname, '../../lib/index.js'))});
    const rows = site('rows');
    const isFreed = rows.free(rows.alloc(10));
    require('node:worker_threads').parentPort.postMessage([rows.stats().strategy, isFreed]);`;
  const worker = new Worker(program, { eval: true, env: { ...process.env, RALLOC_TABLE: file } });
  t.deepEqual((await once(worker, 'message'))[0], ['slab', true]);
  await worker.terminate();
});

test.serial('a table of another application is refused; without names nobody knows', (t) => {
  const { loadTable, site } = fresh('index.js');
  const file = tableFile(t, [named('rows', 'slab')], { application: 'shop' });
  const manifest = (dir, text) => fs.writeFileSync(path.join(dir, 'package.json'), text);
  const dir = path.dirname(file);
  const found = () => {
    loadTable(file);
    return strategyOf(site('rows'));
  };
  t.is(found(), 'slab', 'no package.json');
  manifest(dir, '{"name":"shop"}');
  t.is(found(), 'slab');
  manifest(dir, '{"name":"blog"}');
  const error = t.throws(found, { code: 'ERR_RALLOC_TABLE_FOREIGN' });
  t.deepEqual([error.file, error.found, error.expected], [file, 'shop', 'blog']);
  t.is(
    error.message,
    `The table ${file} was baked for the application "shop", and this one is "blog". Bake a table for it: ralloc bake`,
  );
  // The nearest that has a name.
  const inner = path.join(dir, 'dist', 'tables');
  fs.mkdirSync(inner, { recursive: true });
  manifest(path.join(dir, 'dist'), '{"type":"commonjs"}');
  manifest(inner, 'no JSON');
  const moved = path.join(inner, 'ralloc.table.json');
  fs.copyFileSync(file, moved);
  t.throws(() => loadTable(moved), { code: 'ERR_RALLOC_TABLE_FOREIGN' });
  manifest(dir, '{"name":""}');
  t.is(found(), 'slab');
});

test('what is refused changes nothing', (t) => {
  const ralloc = withTable(t, [named('rows', 'slab')]);
  const { loadTable, site } = ralloc;
  const rows = site('rows');
  const { table } = site.stats();
  const good = tableFile(t, [named('rows', 'region')]);
  for (const file of [path.join(folder(t), 'none.json'), folder(t), __filename]) {
    t.throws(() => loadTable(file), { code: 'ERR_RALLOC_TABLE_INVALID' }, file);
  }
  for (const [options, type] of [
    [{ maxSlabBytes: 1 }, RangeError],
    [{ maxRegionBytes: '1' }, TypeError],
    [{ guard: 1 }, TypeError],
    [{ suggested: 'yes' }, TypeError],
    [{ maxBytes: 1 << 30 }, TypeError],
    [5, TypeError],
  ]) {
    t.throws(() => loadTable(good, options), {
      instanceOf: type,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
    });
  }
  for (const file of [undefined, '', 5, {}]) {
    t.throws(() => loadTable(file), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  t.is(strategyOf(rows), 'slab');
  t.is(site.stats().table, table);
});

test('limits are set before there is a Buffer, and stay', (t) => {
  const sites = [named('rows', 'slab')];
  const ralloc = withTable(t, sites, { maxSlabBytes: 8192 * KiB });
  const { loadTable, site } = ralloc;
  const file = tableFile(t, sites);
  loadTable(file, { maxSlabBytes: 4096 * KiB, guard: false });
  const rows = site('rows');
  const kept = rows.alloc(10);
  t.throws(() => loadTable(file), {
    code: 'ERR_RALLOC_UNSUPPORTED',
    message:
      'The slab of sites is in use, with maxSlabBytes: 4194304. Load the table with its options before the first Buffer',
  });
  t.notThrows(() => loadTable(file, { maxSlabBytes: 4096 * KiB, maxRegionBytes: 8192 * KiB }));
  loadTable(tableFile(t, []), { maxSlabBytes: 4096 * KiB });
  t.is(strategyOf(rows), null);
  t.true(rows.free(kept), 'what an earlier table placed is freed as before');
});
