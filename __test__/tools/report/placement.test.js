'use strict';
// tier: tools

// What a report says of a table, and the command for it.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { textOf } = require('../../../lib/site/table-file.js');
const { bake } = require('../../../tools/placement/bake/bake.js');
const { placementOf } = require('../../../tools/report/placement.js');
const { SIZE, profileOf, sourceFile } = require('../../helpers/baked.js');
const { folder } = require('../../helpers/folder.js');
const { ralloc } = require('../../helpers/profile.js');

/** A profile with a line, two sites by name and one with few samples; its table; a folder with both. */
function recorded(t) {
  const dir = folder(t);
  const at = sourceFile(dir, 'const make = (n) => Buffer.alloc(n);\n')('Buffer.alloc');
  const profile = profileOf(
    [
      { at, ms: 20_000 },
      { at, source: 'site(rows)', samples: 200, inRequest: true },
      { at, source: 'site(few)', samples: 10 },
      { at, source: 'site(rest)', ends: 0 },
    ],
    { collections: 10_000 },
  );
  const { table } = bake(profile, { folder: dir });
  profile.write(path.join(dir, 'app.jsonl'));
  fs.writeFileSync(path.join(dir, 'x.json'), textOf(table));
  return { dir, profile, table };
}

test('the bytes of a profile go where its table says', (t) => {
  const { dir, profile, table } = recorded(t);
  const { strategies, sites, sizes } = placementOf(profile, table, dir);
  t.deepEqual(strategies, [
    { strategy: 'leave', bytes: 100 * SIZE },
    { strategy: 'request', bytes: 200 * SIZE },
    { strategy: 'slab', bytes: 0 },
    { strategy: 'region', bytes: 100 * SIZE },
    { strategy: 'none', bytes: 10 * SIZE },
  ]);
  t.deepEqual(
    sites.map(({ title, strategy, samples }) => [title, strategy, samples]),
    [
      ["site('rows')", 'request', 200],
      ['app.js:1:28 Buffer.alloc', 'region', 100],
      ["site('rest')", 'leave', 100],
    ],
  );
  t.is(sizes.length, 1);
  t.is(sizes[0].size, SIZE);
  t.deepEqual(sizes[0].borders, table.lifetimes[0].borders);
  t.is(sizes[0].borders.length, 1);
  const sum = sizes[0].lifetimes.reduce((all, { bytes }) => all + bytes, 0);
  t.is(sum, 410 * SIZE);
});

test('a table of other code has nothing of the profile', (t) => {
  const { profile, table } = recorded(t);
  const { strategies, sites } = placementOf(profile, { ...table, named: undefined }, folder(t));
  t.deepEqual(
    sites.map(({ bytes }) => bytes),
    [0],
  );
  t.is(strategies.at(-1).bytes, 410 * SIZE);
});

test('ralloc report FILE TABLE: a page beside the profile, and JSON', async (t) => {
  const { dir, profile, table } = recorded(t);
  const report = (...args) => ralloc(['report', ...args], { cwd: dir });
  const { code, stderr } = await report('app.jsonl', 'x.json');
  t.is(code, 0, stderr);
  const html = fs.readFileSync(path.join(dir, 'app.html'), 'utf8');
  const [, data] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html);
  const expected = { name: 'x.json', ...placementOf(profile, table, dir) };
  t.deepEqual(JSON.parse(data).placement, expected);
  const json = await report('--json', 'app.jsonl', 'x.json');
  t.deepEqual(JSON.parse(json.stdout).placement, expected);
  const wrong = await report('x.json', 'app.jsonl');
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /Give the profile first/);
  fs.writeFileSync(path.join(dir, 'cut.json'), textOf(table).slice(0, -9));
  const cut = await report('-o', 'cut.html', 'app.jsonl', 'cut.json');
  t.is(cut.code, 1);
  t.regex(cut.stderr, /cut off, or was changed by hand/);
  t.false(fs.existsSync(path.join(dir, 'cut.html')));
});
