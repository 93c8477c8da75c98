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

for (const [what, text, message] of [
  ['a table that is cut off', textOf(table).slice(0, -20), /cut off, or was changed by hand$/],
  ['no JSON', 'ralloc', /cut off, or was changed by hand$/],
  ['an empty file', '', /: it is empty\. Make it anew: ralloc bake$/],
  ['other JSON', '{"version":1}', /: it is no table\. Give a file that "ralloc bake" wrote$/],
  ['null', 'null', /: it is no table/],
  ['a list', '[]', /: it is no table/],
  [
    'a file twice, as a merge of two branches leaves it',
    changed(({ files }) => files.push(files[0])),
    /: files\[1\]\.file is there twice$/,
  ],
  [
    'a place with two strategies',
    changed(({ sites }) => sites.push({ ...sites[0], strategy: 'region' })),
    /: sites\[1\] is there twice, with another strategy$/,
  ],
  [
    'a place that is proved and is not',
    changed(({ sites }) => sites.push({ ...sites[0], certainty: 'proved' })),
    /: sites\[1\] is there twice, with another strategy$/,
  ],
  ['no version', changed((one) => delete one.version), /: its version is no integer >= 1$/],
  ['no sites', changed((one) => delete one.sites), /: sites must be a list$/],
  [
    'a strategy',
    changed(({ sites }) => Object.assign(sites[0], { strategy: 'heap' })),
    /: sites\[0\]\.strategy must be one of leave, request, slab, region\./,
  ],
  [
    'a line',
    changed(({ sites }) => Object.assign(sites[0], { line: 0 })),
    /: sites\[0\]\.line must be an integer >= 1\./,
  ],
  [
    'a size',
    changed(({ sites }) => Object.assign(sites[0], { size: 100 })),
    /: sites\[0\]\.size must be a power of two\./,
  ],
  [
    'shares',
    changed(({ sites }) => Object.assign(sites[0], { shares: [2] })),
    /: sites\[0\]\.shares must be numbers from 0 to 1\./,
  ],
  [
    'a fingerprint',
    changed(({ sites }) => Object.assign(sites[0], { fingerprint: 'x' })),
    /: sites\[0\]\.fingerprint must be a fingerprint, or absent\./,
  ],
  ['a site that is none', changed((one) => one.sites.push(7)), /: sites\[1\] must be an object\./],
  [
    'another field',
    changed(({ sites }) => Object.assign(sites[0], { stratgy: 'slab' })),
    /: sites\[0\] has "stratgy", which is nothing of format 1\./,
  ],
  [
    'a hash',
    changed(({ files }) => Object.assign(files[0], { sha256: 'beef' })),
    /: files\[0\]\.sha256 must be 64 hex digits\./,
  ],
  [
    'a site of another file',
    changed(({ sites }) => Object.assign(sites[0], { file: 'b.js' })),
    /: sites\[0\]\.file is none of its files$/,
  ],
  ['recorded', changed((one) => delete one.recorded), /: recorded must be an object\./],
  [
    'an application',
    changed((one) => Object.assign(one, { application: 5 })),
    /: application must be a text, or absent$/,
  ],
  ['names', changed((one) => Object.assign(one, { named: {} })), /: named must be a list$/],
  ['a name', changed(({ named }) => delete named[0].name), /: named\[0\]\.name must be a text\./],
  [
    'a name twice',
    changed(({ named }) => named.push(named[0])),
    /: named\[1\]\.name is there twice$/,
  ],
  [
    'a size class of a name',
    changed(({ named }) => Object.assign(named[0].sizes[0], { strategy: 'heap' })),
    /: named\[0\]\.sizes\[0\]\.strategy must be one of leave, request, slab, region\./,
  ],
  [
    'size classes of a name',
    changed(({ named }) => named[0].sizes.push(named[0].sizes[0])),
    /: named\[0\]\.sizes do not rise$/,
  ],
  [
    'no size classes',
    changed(({ named }) => delete named[0].sizes),
    /: named\[0\]\.sizes must be a list\./,
  ],
]) {
  test(`a wrong table: ${what}`, (t) => {
    const file = written(t, text);
    const error = t.throws(() => readTable(file), { code: 'ERR_RALLOC_TABLE_INVALID', message });
    t.is(error.file, file);
    t.true(error.message.startsWith(`The table ${file}: `));
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
