'use strict';
// tier: tools

// `ralloc apply` makes a diff of all or nothing: files that are not what they were, and tables that are none or were changed.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { readTable, textOf } = require('../../../lib/site/table-file.js');
const { FILES, NOW, ROWS, application } = require('../../helpers/applied.js');
const { folder } = require('../../helpers/folder.js');
const { writeFiles } = require('../../helpers/planned.js');
const { ralloc } = require('../../helpers/profile.js');

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
    /: it cannot be read: EISDIR/,
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

test('JSX is not parsed', async (t) => {
  const files = {
    ...FILES,
    'src/view.jsx': 'exports.v = (n) => <V x={Buffer.allocUnsafe(n)}/>;\n',
  };
  const { apply, texts } = application(t, {
    files,
    sites: [ROWS, { ...ROWS, file: 'src/view.jsx' }],
  });
  const { code, stderr } = await apply();
  t.is(code, 1);
  t.true(stderr.startsWith('ralloc: src/view.jsx: JSX is not parsed. Change it by hand\n'), stderr);
  t.deepEqual(texts(), files);
});

for (const [what, change, message] of [
  [
    'is cut off',
    (json) => json.slice(0, -20),
    /: The table ralloc\.table\.json: .* It is cut off, or was changed by hand\n$/,
  ],
  ['is empty', () => '', /It is cut off, or was changed by hand\n$/],
  [
    'is something else',
    () => '{"name":"a"}',
    /: The table ralloc\.table\.json: it is none\. Give a file that "ralloc bake" wrote\n$/,
  ],
  [
    'is of a newer ralloc',
    (json) => json.replace('"version": 1', '"version": 9'),
    /has format 9; this ralloc reads formats up to 1\. Update ralloc\n$/,
  ],
  [
    'has a strategy that is none',
    (json) => json.replace('"request"', '"arena"'),
    /sites\[\d\]\.strategy must be one of /,
  ],
  [
    'has too few samples for its proof',
    (json) => json.replace('"samples": 4000', '"samples": 40'),
    /: sites\[\d\] is no proof: 40 samples, 0 exceptions\. Make it anew: ralloc bake\n$/,
  ],
  [
    'has exceptions for its proof',
    (json) => json.replaceAll('"exceptions": 0', '"exceptions": 1'),
    /: sites\[\d\] is no proof: /,
  ],
  [
    'has a proof of a slab',
    (json) => json.replace('"suggested"', '"proved"'),
    /: sites\[\d\] is no proof: /,
  ],
]) {
  test(`a table that ${what}`, async (t) => {
    const { apply, texts, file } = application(t);
    const json = fs.readFileSync(file('ralloc.table.json'), 'utf8');
    fs.writeFileSync(file('ralloc.table.json'), change(json));
    t.not(fs.readFileSync(file('ralloc.table.json'), 'utf8'), json);
    const { code, stdout, stderr } = await apply();
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.deepEqual(texts(), FILES);
  });
}

for (const [what, change] of [
  ['an offset before it', { offset: -1 }],
  ['an offset behind the file', { offset: 1e9 }],
  ['another line', { line: 1 }],
  ['another column', { column: 1 }],
]) {
  test(`a table that was changed by hand: ${what}`, async (t) => {
    const { apply, texts, file } = application(t);
    const name = file('ralloc.table.json');
    const table = readTable(name);
    const rows = table.sites.find(({ function: of }) => of === 'rows');
    const changed = Object.entries(change).map(([key, by]) => [key, rows[key] + by]);
    Object.assign(rows, Object.fromEntries(changed));
    fs.writeFileSync(name, textOf(table));
    const { code, stderr } = await apply();
    t.is(code, 1);
    const { line, column } = rows;
    const where = `src/rows.js:${line}:${column} rows`;
    t.true(stderr.startsWith(`ralloc: ${where}: the line is not there any more`), stderr);
    t.deepEqual(texts(), FILES);
  });
}

test('a table that was changed by hand: a place that is told twice', async (t) => {
  const { write, texts, file } = application(t);
  const name = file('ralloc.table.json');
  const table = readTable(name);
  const rows = table.sites.find(({ function: of }) => of === 'rows');
  table.sites.push(rows);
  fs.writeFileSync(name, textOf(table));
  const { code } = await write();
  t.is(code, 0);
  t.deepEqual(texts(), NOW);
});

test('a table of another application', async (t) => {
  const { apply, dir, texts } = application(t);
  const other = application(t);
  const away = path.join(other.dir, 'ralloc.table.json');
  const outside = await apply('-t', away);
  t.is(outside.code, 0);
  t.is(outside.stderr.match(/ outside of /g).length, 3);
  t.true(outside.stderr.endsWith('ralloc: Nothing to change\n'));
  const inner = path.join(dir, 'inner');
  writeFiles(inner, { 'ralloc.table.json': fs.readFileSync(away) });
  const gone = await ralloc(['apply'], { cwd: inner });
  t.is(gone.code, 1);
  t.regex(gone.stderr, /^ralloc: src\/rows\.js: there is no such file any more\. Bake again$/m);
  t.deepEqual(texts(), FILES);
});

test('a table of an application of another name', async (t) => {
  const { apply, file, texts } = application(t);
  const json = JSON.parse(fs.readFileSync(file('ralloc.table.json'), 'utf8'));
  fs.writeFileSync(file('ralloc.table.json'), JSON.stringify({ ...json, application: 'other' }));
  fs.writeFileSync(file('package.json'), '{"name":"this"}');
  const { code, stdout, stderr } = await apply();
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^ralloc: The table ralloc\.table\.json .*"other".*"this"/);
  t.deepEqual(texts(), FILES);
});

test('without a table it says which command writes one', async (t) => {
  const { code, stderr } = await ralloc(['apply'], { cwd: folder(t) });
  t.is(code, 1);
  t.is(
    stderr,
    'ralloc: The table ralloc.table.json: there is no such file. "ralloc bake -o FILE app.jsonl" writes one\n',
  );
});

for (const args of [['--otput'], ['-t']]) {
  test(`wrong arguments: ralloc apply ${args}`, async (t) => {
    const { code, stderr } = await ralloc(['apply', ...args], { cwd: folder(t) });
    t.is(code, 2);
    t.true(stderr.endsWith('See: ralloc help apply\n'), stderr);
  });
}
