'use strict';
// tier: tools

// `ralloc bake`: which file it writes, and when it writes none. service.test.js bakes a recording.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { readTable } = require('../../../lib/site/table-file.js');
const { profileOf, sourceFile } = require('../../helpers/baked.js');
const { calledIn } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { writeProfile } = require('../../helpers/profiles.js');

/** A folder with an application and its profile; `site` changes what was recorded. */
function application(t, site) {
  const dir = fs.realpathSync(folder(t));
  const call = sourceFile(dir, 'const make = (n) => [Buffer.alloc(n), Buffer.from([n])];\n');
  const sites = [
    { at: call('Buffer.alloc'), samples: 3000, inRequest: true, ...site },
    { at: call('Buffer.from'), source: 'Buffer.from', ends: 0 },
  ];
  profileOf(sites).write(path.join(dir, 'a.jsonl'));
  return dir;
}

test('tells each line and why, and files are named from the folder of the table', async (t) => {
  const dir = application(t);
  const bake = (out) => calledIn(dir, ['bake', '-o', out, 'a.jsonl']);
  fs.mkdirSync(path.join(dir, 'sub'));
  const { code, stdout, stderr } = await bake('a.json');
  t.is(code, 0, stderr);
  t.deepEqual(stdout.trimEnd().split('\n'), [
    'app.js:1:29 make: Buffer.alloc: request, proved: of 3,000 samples none outlived its request',
    'app.js:1:46 make: Buffer.from: leave: less than 10 % of its bytes had ended with the recording: they grow, or live longer',
  ]);
  t.is(stderr, 'ralloc: a.json: 2 sites: 1 leave, 1 request\n');
  for (const out of ['b.json', 'sub/a.json']) t.is((await bake(out)).code, 0);
  const [a, b] = ['a.json', 'b.json'].map((name) => fs.readFileSync(path.join(dir, name), 'utf8'));
  t.is(a, b, 'the same profile gives the same bytes');
  const { files } = readTable(path.join(dir, 'sub', 'a.json'));
  t.deepEqual(
    files.map(({ file }) => file),
    ['../app.js'],
  );
});

test('without -o it is ralloc.table.json, whole, and nothing else is left', async (t) => {
  const dir = application(t);
  const table = path.join(dir, 'ralloc.table.json');
  fs.writeFileSync(table, '{\n  "format": "ralloc table", "of": "an earlier time"');
  const { code } = await calledIn(dir, ['bake', 'a.jsonl']);
  t.is(code, 0);
  t.deepEqual(fs.readdirSync(dir).sort(), ['a.jsonl', 'app.js', 'ralloc.table.json']);
  t.is(readTable(table).sites.length, 2);
});

test('a table that its readers would refuse is not written', async (t) => {
  const dir = application(t, { name: '' });
  const { code, stderr } = await calledIn(dir, ['bake', 'a.jsonl']);
  t.is(code, 1);
  t.regex(stderr, /^ralloc: The table ralloc\.table\.json: sites\[0\]\.function must be a text\. /);
  t.deepEqual(fs.readdirSync(dir).sort(), ['a.jsonl', 'app.js']);
});

test('of a profile of another machine nothing is written', async (t) => {
  const dir = folder(t);
  const { code, stderr } = await calledIn(dir, ['bake', writeProfile(dir, 1)]);
  t.is(code, 1);
  t.regex(stderr, /ralloc: There is nothing to bake: /);
  t.deepEqual(fs.readdirSync(dir), ['1.jsonl']);
});
