'use strict';
// tier: tools

// Tables of sites that have a name: by all that was allocated at them, and by size class.

const test = require('ava');
const { bake, explain } = require('../../../tools/placement/bake/bake.js');
const { SIZE, profileOf, sourceFile } = require('../../helpers/baked.js');
const { folder } = require('../../helpers/folder.js');

const ONE = 'module.exports = (rows) => rows.alloc(9);\n';

function baked(t, sites) {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('rows.alloc');
  const placed = sites.map((one, n) => ({ at: [at[0], 1, n + 1], source: 'site(rows)', ...one }));
  return bake(profileOf(placed), { folder: dir });
}

test('all places of a name are one site, and no file is named for it', (t) => {
  const { table, few, warnings } = baked(t, [
    { samples: 2000, inRequest: true },
    { samples: 1500, inRequest: true },
    { samples: 29, source: 'site(few)' },
    { at: ['evalmachine.<anonymous>', 1, 1], samples: 40, source: 'site(a (b))', ends: 0 },
  ]);
  t.deepEqual([table.sites, table.files, warnings, few], [[], [], [], 1]);
  t.deepEqual(table.named, [
    {
      ...{ name: 'a (b)', strategy: 'leave', certainty: 'suggested', reason: 'never-ends' },
      ...{ size: SIZE, bytes: 40 * SIZE, samples: 40, exceptions: 0 },
      ...{ mostly: SIZE, shares: [1, 0, 0], sizes: [] },
    },
    {
      ...{ name: 'rows', strategy: 'request', certainty: 'proved', reason: 'with-request' },
      ...{ size: SIZE, bytes: 3500 * SIZE, samples: 3500, exceptions: 0 },
      ...{ mostly: SIZE, shares: [1, 0, 0], sizes: [] },
    },
  ]);
});

test('a size class that belongs elsewhere is told, others are as the whole', (t) => {
  const { table } = baked(t, [
    { samples: 4000, inRequest: true },
    { samples: 200, size: 128, ms: 10_000 },
    { samples: 29, size: 1024, ms: 10_000 },
    { samples: 40, size: 512, ends: 0 },
  ]);
  const [{ strategy, size, sizes }] = table.named;
  t.deepEqual([strategy, size], ['request', SIZE]);
  t.deepEqual(sizes, [
    {
      ...{ strategy: 'region', certainty: 'suggested', reason: 'long' },
      ...{ size: 128, bytes: 200 * 128, samples: 200, exceptions: 0 },
    },
    {
      ...{ strategy: 'leave', certainty: 'suggested', reason: 'never-ends' },
      ...{ size: 512, bytes: 40 * 512, samples: 40, exceptions: 0 },
    },
  ]);
  t.deepEqual(explain(table.named[0]), [
    "site('rows'): request, proved: of 4,269 samples none outlived its request",
    "site('rows'), 64 B to 128 B: region, suggested: half of its bytes or more lived 8 s or longer",
    "site('rows'), 256 B to 512 B: leave: less than 10 % of its bytes had ended with the recording: they grow, or live longer",
  ]);
});

test('what has many sizes is of the region with all of them', (t) => {
  const sizes = [64, 256, 1024, 4096];
  const { table } = baked(
    t,
    sizes.map((size) => ({ size })),
  );
  t.like(table.named[0], { strategy: 'region', reason: 'medium-mixed', size: 4096, sizes: [] });
});
