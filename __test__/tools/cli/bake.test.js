'use strict';
// tier: tools

// `ralloc bake`, of a real program that was recorded, and of files that are none.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { STRATEGIES } = require('../../../lib/site/decisions.js');
const { readTable } = require('../../../lib/site/table-file.js');
const { explain } = require('../../../tools/placement/bake/bake.js');
const { fixturePath } = require('../../helpers/child.js');
const { testWhere } = require('../../helpers/backend.js');
const { folder, newFolder, removeFolder } = require('../../helpers/folder.js');
const { profileOf, sourceFile } = require('../../helpers/baked.js');
const { ralloc } = require('../../helpers/profile.js');
const { writeProfile } = require('../../helpers/profiles.js');

/** Nearly each is a sample. */
const REQUESTS = '4000';

/** A folder with the application and its profile, recorded once. */
const recorded = newFolder();
test.before(async (t) => {
  fs.cpSync(fixturePath('tools/placement/baked'), recorded, { recursive: true });
  const options = ['-o', 'a.jsonl', '--rate', '8k', '--budget', '100'];
  const command = [process.execPath, 'service.js', REQUESTS];
  const { code, stderr } = await ralloc(['profile', ...options, '--', ...command], {
    cwd: recorded,
  });
  t.is(code, 0, stderr);
});
test.after.always(() => removeFolder(recorded));

/** A copy of it; the files have the times of the original. */
function application(t) {
  const dir = path.join(folder(t), 'app');
  fs.cpSync(recorded, dir, { recursive: true, preserveTimestamps: true });
  // The profile names the files that ran.
  const file = (name) => path.join(dir, name);
  return { dir, file, bake: (...args) => ralloc(['bake', ...args], { cwd: dir }) };
}

const of = ({ sites }, name) => sites.find((site) => site.function === name);

test('lines get what a person would give them', async (t) => {
  const { code, stdout, stderr } = await ralloc(['bake', '-o', 'x.json', 'a.jsonl'], {
    cwd: recorded,
  });
  t.is(code, 0, stderr);
  const table = readTable(path.join(recorded, 'x.json'));
  t.is(stdout, `${table.sites.flatMap(explain).join('\n')}\n`);
  const rows = of(table, 'parseRows');
  t.like(rows, { file: 'rows.js', source: 'Buffer.allocUnsafe', callee: 'Buffer.allocUnsafe' });
  t.like(rows, { size: 65536, mostly: 65536 });
  t.true(rows.samples >= 3900, `${rows.samples}`);
  // On a machine that stands still an operation may take longer than its request.
  const isBound = rows.exceptions <= rows.samples / 1000;
  t.is(rows.strategy === 'request', isBound);
  t.is(rows.certainty, rows.exceptions === 0 ? 'proved' : 'suggested');
  const entries = of(table, 'remember');
  t.is(entries.size, 32768);
  t.true(['slab', 'region'].includes(entries.strategy)); // a region, where the machine stood still for 8 s
  t.like(of(table, 'forget'), { strategy: 'leave', reason: 'never-ends', size: 16384 });
  const count = (strategy) => table.sites.filter((site) => site.strategy === strategy).length;
  const each = STRATEGIES.filter((one) => count(one) > 0).map((one) => `${count(one)} ${one}`);
  t.is(stderr, `ralloc: x.json: 3 sites: ${each.join(', ')}\n`);
  for (const { file, offset, callee, line } of table.sites) {
    const text = fs.readFileSync(path.join(recorded, file), 'utf8');
    t.is(text.slice(offset, offset + callee.length), callee);
    t.is(text.slice(0, offset).split('\n').length, line);
  }
  t.true(table.recorded.collectionMs > 0);
});

test('files are named from the folder of the table, and the same profile gives the same bytes', async (t) => {
  const dir = folder(t);
  const bake = (out) => ralloc(['bake', '-o', out, path.join(recorded, 'a.jsonl')], { cwd: dir });
  fs.mkdirSync(path.join(dir, 'sub'));
  for (const out of ['a.json', 'b.json', 'sub/a.json']) t.is((await bake(out)).code, 0);
  const [a, b] = ['a.json', 'b.json'].map((name) => fs.readFileSync(path.join(dir, name), 'utf8'));
  t.is(a, b);
  const table = readTable(path.join(dir, 'sub', 'a.json'));
  for (const { file } of table.files) {
    t.true(fs.existsSync(path.resolve(dir, 'sub', file)), file);
    t.false(file.includes('\\'));
  }
});

test('without -o it is ralloc.table.json, whole, and nothing else is left', async (t) => {
  const dir = folder(t);
  fs.writeFileSync(
    path.join(dir, 'ralloc.table.json'),
    '{\n  "format": "ralloc table", "of": "an earlier time"',
  );
  const { code } = await ralloc(['bake', path.join(recorded, 'a.jsonl')], { cwd: dir });
  t.is(code, 0);
  t.deepEqual(fs.readdirSync(dir), ['ralloc.table.json']);
  t.is(readTable(path.join(dir, 'ralloc.table.json')).sites.length, 3);
});

testWhere(
  process.platform === 'linux',
  '/dev/full',
  'what cannot be written is told',
  async (t) => {
    const profile = path.join(recorded, 'a.jsonl');
    const full = await ralloc(['bake', '-o', '/dev/full', profile]);
    t.is(full.code, 1);
    t.is(
      full.stderr.trim(),
      'ralloc: The table cannot be written to /dev/full: the disk is full. Free some space, or give a file on another disk',
    );
    const dir = folder(t);
    const none = await ralloc(['bake', '-o', path.join(dir, 'none', 't.json'), profile]);
    t.is(none.code, 1);
    t.regex(none.stderr, /The table cannot be written to .*none.*ENOENT/);
    t.deepEqual(fs.readdirSync(dir), []);
  },
);

test('a table that its readers would refuse is not written', async (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, 'const make = (n) => Buffer.alloc(n);\n')('Buffer.alloc');
  profileOf([{ at, name: '' }]).write(path.join(dir, 'a.jsonl'));
  const { code, stderr } = await ralloc(['bake', 'a.jsonl'], { cwd: dir });
  t.is(code, 1);
  t.regex(stderr, /^ralloc: The table ralloc\.table\.json: sites\[0\]\.function must be a text\. /);
  t.deepEqual(fs.readdirSync(dir).sort(), ['a.jsonl', 'app.js']);
});

for (const [args, message] of [
  [[], 'Give a profile'],
  [['-o'], "Option '-o, --output <value>' argument missing"],
  [['--k', '3', 'a.jsonl'], "Unknown option '--k'"],
]) {
  test(`wrong arguments: ralloc bake ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await ralloc(['bake', ...args], { cwd: folder(t) });
    t.is(code, 2);
    t.is(stdout, '');
    t.true(stderr.startsWith(`ralloc: ${message}`), stderr);
    t.true(stderr.endsWith('See: ralloc help bake\n'), stderr);
  });
}

test('what is no profile, and one of another machine, is told in a line, and nothing is written', async (t) => {
  const dir = folder(t);
  const bake = (...args) => ralloc(['bake', ...args], { cwd: dir });
  fs.writeFileSync(path.join(dir, 'text'), 'no profile');
  fs.writeFileSync(path.join(dir, 'empty'), '');
  for (const [name, message] of [
    ['none', /^ralloc: The profile none: There is no such file\./],
    ['text', /^ralloc: The profile text is not valid: /],
    ['empty', /^ralloc: The profile empty is empty: /],
  ]) {
    const { code, stderr } = await bake(name);
    t.is(code, 1);
    t.regex(stderr, message);
    t.is(stderr.trim().split('\n').length, 1);
  }
  const other = await bake(path.relative(dir, writeProfile(dir, 1)));
  t.is(other.code, 1);
  t.regex(other.stderr, /ralloc: There is nothing to bake: /);
  t.deepEqual(fs.readdirSync(dir).sort(), ['1.jsonl', 'empty', 'text']);
});

test('a file with anything else in it is left as it is', async (t) => {
  const { bake, file } = application(t);
  const text = '{\n  "name": "app"\n}\n';
  fs.writeFileSync(file('package.json'), text);
  const { code, stderr } = await bake('-o', 'package.json', 'a.jsonl');
  t.is(code, 1, stderr);
  t.regex(stderr, /ralloc: The file package\.json exists and is no table/);
  t.is(fs.readFileSync(file('package.json'), 'utf8'), text);
});
