'use strict';
// tier: tools

// What a table's file may be, and what is said of one that is not.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { readTable, textOf } = require('../../lib/site/table-file.js');
const { folder } = require('../helpers/folder.js');

const site = {
  file: 'a.js',
  ...{ line: 1, column: 8, offset: 0, function: 'f', source: 'Buffer.from', callee: 'Buffer.from' },
  ...{ strategy: 'slab', certainty: 'suggested', reason: 'medium-alike', size: 64, bytes: 1 },
  ...{ samples: 30, exceptions: 0, mostly: 64, shares: [0.25, 0.75] },
  fingerprint: '0:7:0123456789abcdef',
};
const decided = {
  strategy: 'region',
  certainty: 'suggested',
  reason: 'long',
  bytes: 2,
  samples: 31,
};
const table = {
  application: 'shop',
  recorded: { recorders: 1, seconds: 2, collectionMs: 12.5 },
  files: [{ file: 'a.js', sha256: '0'.repeat(64) }],
  sites: [site],
  named: [
    {
      ...{ name: 'rows', ...decided, size: 4096, exceptions: 0, mostly: 64, shares: [1] },
      sizes: [{ ...decided, strategy: 'slab', size: 64, exceptions: 1 }],
    },
  ],
};

function written(t, text) {
  const file = path.join(folder(t), 'table.json');
  fs.writeFileSync(file, text);
  return file;
}

/** The table with something changed, as somebody could by hand. */
const changed = (change) => {
  const copy = JSON.parse(textOf(table));
  change(copy);
  return JSON.stringify(copy);
};

const withSite = (more) => changed(({ sites }) => Object.assign(sites[0], more));

test('what is written is read', (t) => {
  const { format, version, ...rest } = readTable(written(t, textOf(table)));
  t.deepEqual({ format, version }, { format: 'ralloc table', version: 1 });
  t.deepEqual(rest, table);
  const { application: _a, named: _n, ...lines } = table;
  const { format: _f, version: _v, ...read } = readTable(written(t, textOf(lines)));
  t.deepEqual(read, lines);
  const { fingerprint: _, ...without } = site;
  t.deepEqual(readTable(written(t, textOf({ ...table, sites: [without] }))).sites, [without]);
});

test('a byte order mark before it, as editors write it, is none of it', (t) => {
  const { format, version, ...rest } = readTable(written(t, `\uFEFF${textOf(table)}`));
  t.deepEqual(rest, table);
});

test('a place that is told twice in the same way', (t) => {
  const { sites } = readTable(written(t, textOf({ ...table, sites: [site, site] })));
  t.deepEqual(sites, [site, site]);
});

test('lists of numbers stand in a line', (t) => {
  t.true(textOf(table).includes('"shares": [0.25, 0.75],\n'));
});

const STRATEGY = 'must be one of leave, request, slab, region.';

for (const [said, ...texts] of [
  ['cut off, or was changed by hand', textOf(table).slice(0, -20), 'ralloc'],
  ['it is empty. Make it anew: ralloc bake', ''],
  ['it is no table. Give a file that "ralloc bake" wrote', '{"version":1}', 'null', '[]'],
  ['files[1].file is there twice', changed(({ files }) => files.push(files[0]))],
  [
    'sites[1] is there twice, with another strategy',
    changed(({ sites }) => sites.push({ ...sites[0], strategy: 'region' })),
    changed(({ sites }) => sites.push({ ...sites[0], certainty: 'proved' })),
  ],
  ['its version is no integer >= 1', changed((one) => delete one.version)],
  ['sites must be a list', changed((one) => delete one.sites)],
  [`sites[0].strategy ${STRATEGY}`, withSite({ strategy: 'heap' })],
  ['sites[0].line must be an integer >= 1.', withSite({ line: 0 })],
  ['sites[0].edit must be true, or a text, or absent.', withSite({ edit: 1 })],
  ['sites[0].size must be a power of two.', withSite({ size: 100 })],
  ['sites[0].shares must be numbers from 0 to 1.', withSite({ shares: [2] })],
  ['sites[0].fingerprint must be a fingerprint, or absent.', withSite({ fingerprint: 'x' })],
  ['sites[1] must be an object.', changed((one) => one.sites.push(7))],
  ['sites[0] has "stratgy", which is nothing of format 1.', withSite({ stratgy: 'slab' })],
  ['files[0].sha256 must be 64 hex digits.', changed(({ files }) => (files[0].sha256 = 'beef'))],
  ['sites[0].file is none of its files', withSite({ file: 'b.js' })],
  ['recorded must be an object.', changed((one) => delete one.recorded)],
  ['application must be a text, or absent', changed((one) => (one.application = 5))],
  ['named must be a list', changed((one) => (one.named = {}))],
  ['named[0].name must be a text.', changed(({ named }) => delete named[0].name)],
  ['named[1].name is there twice', changed(({ named }) => named.push(named[0]))],
  [
    `named[0].sizes[0].strategy ${STRATEGY}`,
    changed(({ named }) => (named[0].sizes[0].strategy = 'heap')),
  ],
  ['named[0].sizes do not rise', changed(({ named }) => named[0].sizes.push(named[0].sizes[0]))],
  ['named[0].sizes must be a list.', changed(({ named }) => delete named[0].sizes)],
]) {
  test(`a wrong table: ${said}`, (t) => {
    for (const text of texts) {
      const file = written(t, text);
      const error = t.throws(() => readTable(file), { code: 'ERR_RALLOC_TABLE_INVALID' });
      t.is(error.file, file);
      t.true(error.message.startsWith(`The table ${file}: `));
      t.true(error.message.includes(said), error.message);
    }
  });
}

test('a table of a newer version', (t) => {
  const file = written(
    t,
    changed((one) => Object.assign(one, { version: 2, sites: 'other' })),
  );
  const error = t.throws(() => readTable(file), { code: 'ERR_RALLOC_TABLE_VERSION' });
  t.is(
    error.message,
    `The table ${file} has format 2; this ralloc reads formats up to 1. Update ralloc`,
  );
  t.deepEqual([error.file, error.found, error.expected], [file, 2, 1]);
});

test('a table that is not there, or is a folder', (t) => {
  const file = path.join(folder(t), 'none.json');
  const none = t.throws(() => readTable(file), { code: 'ERR_RALLOC_TABLE_INVALID' });
  t.is(
    none.message,
    `The table ${file}: there is no such file. "ralloc bake -o FILE app.jsonl" writes one`,
  );
  t.is(none.cause.code, 'ENOENT');
  t.throws(() => readTable(path.dirname(file)), {
    message: /: it is a folder\. Give a file that can be read$/,
  });
});

test('a file that is larger than any table is refused before it is read', (t) => {
  const file = written(t, '{');
  fs.truncateSync(file, 64 * 1024 * 1024 + 1);
  const error = t.throws(() => readTable(file), { code: 'ERR_RALLOC_TABLE_INVALID' });
  t.is(
    error.message,
    `The table ${file}: it has more than 64 MiB. Give a file that "ralloc bake" wrote`,
  );
});
