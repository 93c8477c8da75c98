'use strict';
// tier: tools

// The example that merges the profiles of a fleet by a query: DuckDB and `ralloc merge` find the same.

const fs = require('node:fs');
const path = require('node:path');
const { Profile } = require('../../tools/recorder/profile.js');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { exactCells, writeProfile } = require('../helpers/profiles.js');
const { duckdb, hasDuckdb } = require('../helpers/readers.js');

const example = path.join(__dirname, '..', '..', 'examples', 'fleet.js');
const bin = path.join(__dirname, '..', '..', 'bin', 'ralloc.js');

const duckdbTest = (title, body) =>
  testWhere(hasDuckdb, 'DuckDB (scripts/ci/get-readers.js)', title, body);

function load() {
  process.env.RALLOC_DUCKDB = duckdb;
  return require(example);
}

duckdbTest('a query over a hundred profiles has the result of ralloc merge', async (t) => {
  const dir = folder(t);
  const files = Array.from({ length: 100 }, (_, seed) =>
    writeProfile(dir, seed, { sites: 200, cells: 200 }),
  );
  // A sum among them, with integers beyond 2^53, and what processes left that were killed.
  const sum = path.join(dir, 'sum.jsonl');
  await run('', { path: bin, args: ['merge', '-o', sum, ...files] });
  fs.appendFileSync(files[0], '\n{"type":"block","format":1,"id":"00');
  const merged = path.join(dir, 'merged');
  const args = ['merge', '-o', merged, sum, ...files];
  const { code, stderr } = await run('', { path: bin, args });
  t.is(code, 0, stderr);
  const numbers = ({ sizeClass, event, bucket, ...row }) => ({
    ...{ sizeClass: Number(sizeClass), event: Number(event), bucket: Number(bucket), ...row },
  });
  const place = ({ site, sizeClass, event, bucket }) => [site, sizeClass, event, bucket].join();
  const sorted = (rows) => Array.from(rows, numbers).sort((a, b) => (place(a) < place(b) ? -1 : 1));
  const rows = sorted(await load().merge(path.join(dir, '*.jsonl')));
  t.true(rows.length > 5000);
  t.true(rows.some(({ bytes }) => bytes > Number.MAX_SAFE_INTEGER));
  t.deepEqual(rows, sorted(exactCells(Profile.read(merged))));
});
