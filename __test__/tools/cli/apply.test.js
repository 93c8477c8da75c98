'use strict';
// tier: tools

// `ralloc apply`: what it prints and changes. It makes a diff of all or nothing: not of files that are not what they were, nor by tables that were changed.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { patch } = require('../../../bench/rows/prepare.js');
const { readTable, textOf } = require('../../../lib/site/table-file.js');
const { calledIn } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { needsGit } = require('../../helpers/needs.js');
const { FILES, NOW, ROWS, application, plan } = require('../../helpers/planned.js');

needsGit('prints a diff that git takes, tells the rest, and changes nothing', async (t) => {
  const { dir, apply, texts } = application(t);
  const { code, stdout, stderr } = await apply();
  t.is(code, 0, stderr);
  t.deepEqual(texts(), FILES);
  t.deepEqual(stderr.trimEnd().split('\n'), [
    'ralloc: src/rows.js:1:30 rows: from the arena of its request: of 4,000 samples none outlived it',
    'ralloc: src/text.mjs:1:35 text: from the arena of its request: of 4,000 samples none outlived it',
    'ralloc: src/cache.js:2:41 put: belongs in a slab, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place',
    'ralloc: perRequest takes the arena of current(), which needs requestArena({ context: true }). Without it these Buffers are what they were',
    'ralloc: 2 files to change. To do so: the same command, and behind it | git apply',
  ]);
  t.is(stdout.match(/^--- a\//gm).length, 2);
  fs.writeFileSync(path.join(dir, 'of.patch'), stdout);
  execFileSync('git', ['apply', 'of.patch'], { cwd: dir, stdio: 'pipe' });
  t.deepEqual(texts(), NOW);
});

needsGit('in a folder of a repository git takes it too', async (t) => {
  const dir = fs.realpathSync(folder(t));
  execFileSync('git', ['init', '-q'], { cwd: dir });
  const inner = path.join(dir, 'packages', 'a');
  plan(inner, FILES, [ROWS]);
  const { stdout } = await calledIn(inner, ['apply']);
  fs.writeFileSync(path.join(inner, 'of.patch'), stdout);
  execFileSync('git', ['apply', 'of.patch'], { cwd: inner, stdio: 'pipe' });
  t.is(fs.readFileSync(path.join(inner, 'src/rows.js'), 'utf8'), NOW['src/rows.js']);
});

test('-o writes the diff, and a second run finds nothing to do', async (t) => {
  const { dir, apply, texts, file } = application(t);
  const printed = (await apply()).stdout;
  const { code, stdout } = await apply('-o', 'of.patch');
  t.is(code, 0);
  t.is(stdout, '');
  t.is(fs.readFileSync(file('of.patch'), 'utf8'), printed);
  t.deepEqual(texts(), FILES);
  patch(dir, printed);
  t.deepEqual(texts(), NOW);
  const again = await apply();
  t.is(again.code, 0);
  t.is(again.stdout, '');
  t.true(
    again.stderr.endsWith('ralloc: Nothing to change, 2 sites changed before\n'),
    again.stderr,
  );
});

test('files that are given are changed alone', async (t) => {
  const { write, texts } = application(t);
  const { code } = await write('src/rows.js');
  t.is(code, 0);
  t.deepEqual(texts(), { ...FILES, 'src/rows.js': NOW['src/rows.js'] });
  const other = await write('src/other.js');
  t.is(other.code, 2);
  t.true(other.stderr.startsWith('ralloc: The table has no sites of src/other.js\n'));
});

test('packages are changed by name alone, and nothing outside of the folder', async (t) => {
  const name = 'node_modules/@a/b/x.js';
  const files = { ...FILES, [name]: FILES['src/rows.js'] };
  const { dir, write, texts } = application(t, { files, sites: [{ ...ROWS, file: name }] });
  const { code, stderr } = await write();
  t.is(code, 1);
  t.true(
    stderr.startsWith(
      `ralloc: ${name}: left: 1 site of the package @a/b. To change it: --package @a/b\n`,
    ),
  );
  t.deepEqual(texts(), files);
  const inner = await calledIn(path.join(dir, 'src'), [
    ...['apply', '-t', '../ralloc.table.json', '--package', '@a/b'],
  ]);
  t.is(inner.code, 1);
  t.is(inner.stdout, '');
  t.regex(inner.stderr, /^ralloc: \.\.\/node_modules\/@a\/b\/x\.js: left: 1 site outside of /);
  t.deepEqual(texts(), files);
  t.is((await write('--package', '@a/b')).code, 0);
  t.is(texts()[name], NOW['src/rows.js']);
});

test('lines that moved are followed', async (t) => {
  const { write, file, texts } = application(t);
  const moved = `// one\n\n  ${FILES['src/rows.js']}f();\n`;
  fs.writeFileSync(file('src/rows.js'), moved);
  const { code, stderr } = await write();
  t.is(code, 0, stderr);
  t.is(
    texts()['src/rows.js'],
    moved
      .replace('  exports', "const { perRequest } = require('ralloc');\n\n  exports")
      .replace('Buffer', 'perRequest'),
  );
  t.true(stderr.includes('ralloc: src/rows.js:3:32 rows: from the arena'), stderr);
});

/** What is wrong with one file keeps all of them as they are. */
for (const [what, break_, message] of [
  ['is gone', (file) => fs.rmSync(file), /: there is no such file any more\. Bake again$/],
  [
    'does not parse',
    (file) => fs.appendFileSync(file, 'const const;\n'),
    /: it does not parse: .* \(2:6\)\. Mend it, or change it by hand$/,
  ],
  [
    'is no UTF-8',
    (file) => fs.appendFileSync(file, Buffer.from([0x2f, 0x2f, 0xff, 0x0a])),
    /: it is no text of UTF-8\. Change it by hand$/,
  ],
  [
    'has another line there',
    (file) => fs.writeFileSync(file, 'exports.rows = 1;\n'),
    /:1:30 rows: the line is not there any more, or more than once\. Record and bake again$/,
  ],
  [
    'has the line twice',
    (file) => fs.appendFileSync(file, FILES['src/rows.js']),
    /:1:30 rows: the line is not there any more, or more than once\. /,
  ],
  [
    'is a folder',
    (file) => {
      fs.rmSync(file);
      fs.mkdirSync(file);
    },
    /: it cannot be read: it is a folder/,
  ],
]) {
  test(`nothing is changed where a file ${what}`, async (t) => {
    const { apply, write, file } = application(t);
    const text = file('src/text.mjs');
    break_(file('src/rows.js'));
    const { code, stdout, stderr } = await apply();
    t.is(code, 1);
    t.is(stdout, '');
    const [first, second, ...rest] = stderr.trimEnd().split('\n');
    t.true(first.startsWith('ralloc: src/rows.js:'), first);
    t.regex(first, message);
    t.is(
      second,
      'ralloc: Nothing was changed. To change the other files alone, give them: ralloc apply FILE...',
    );
    t.deepEqual(rest, []);
    t.is(fs.readFileSync(text, 'utf8'), FILES['src/text.mjs']);
    const others = await write('src/text.mjs');
    t.is(others.code, 0, others.stderr);
    t.is(fs.readFileSync(text, 'utf8'), NOW['src/text.mjs']);
  });
}

const rowsOf = ({ sites }) => sites.find((site) => site.function === 'rows');
const atRows =
  (change) =>
  ({ sites }) => {
    const rows = rowsOf({ sites });
    for (const [key, by] of Object.entries(change)) rows[key] += by;
  };

const NO_PROOF =
  /: sites\[\d\] is no proof: \d+ samples, \d exceptions\. Make it anew: ralloc bake\n$/;
const NOT_THERE = /^ralloc: src\/rows\.js:\d+:\d+ rows: the line is not there any more/;

for (const [what, change, message] of [
  ['has too few samples for its proof', atRows({ samples: -3960 }), NO_PROOF],
  ['has exceptions for its proof', atRows({ exceptions: 1 }), NO_PROOF],
  [
    'has a proof of a slab',
    ({ sites }) => {
      sites.find(({ strategy }) => strategy === 'slab').certainty = 'proved';
    },
    NO_PROOF,
  ],
  ['has an offset before the file', atRows({ offset: -1 }), NOT_THERE],
  ['has another line', atRows({ line: 1 }), NOT_THERE],
  [
    'is of an application of another name',
    (table) => Object.assign(table, { application: 'other' }),
    /^ralloc: The table ralloc\.table\.json .*"other".*"this"/,
  ],
]) {
  test(`a table that ${what} changes nothing`, async (t) => {
    const { apply, texts, file } = application(t);
    fs.writeFileSync(file('package.json'), '{"name":"this"}');
    const table = readTable(file('ralloc.table.json'));
    change(table);
    fs.writeFileSync(file('ralloc.table.json'), textOf(table));
    const { code, stdout, stderr } = await apply();
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.deepEqual(texts(), FILES);
  });
}

test('a table that is cut off, and none: a line that says what to do', async (t) => {
  const { dir, apply, file } = application(t);
  fs.truncateSync(file('ralloc.table.json'), 100);
  const cut = await apply();
  t.deepEqual([cut.code, cut.stdout], [1, '']);
  t.regex(
    cut.stderr,
    /: The table ralloc\.table\.json: .* It is cut off, or was changed by hand\n$/,
  );
  const none = await calledIn(path.join(dir, 'src'), ['apply']);
  t.is(none.code, 1);
  t.is(
    none.stderr,
    'ralloc: The table ralloc.table.json: there is no such file. "ralloc bake -o FILE app.jsonl" writes one\n',
  );
});

test('a table of another application', async (t) => {
  const { apply, dir, texts } = application(t);
  const away = application(t).file('ralloc.table.json');
  const outside = await apply('-t', away);
  t.is(outside.code, 1);
  t.is(outside.stderr.match(/ outside of /g).length, 3);
  t.true(outside.stderr.endsWith('ralloc: Nothing to change\n'));
  fs.copyFileSync(away, path.join(dir, 'src', 'ralloc.table.json'));
  const gone = await calledIn(path.join(dir, 'src'), ['apply']);
  t.is(gone.code, 1);
  t.regex(gone.stderr, /^ralloc: src\/rows\.js: there is no such file any more\. Bake again$/m);
  t.deepEqual(texts(), FILES);
});
