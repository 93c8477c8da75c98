'use strict';
// tier: tools

// What stays as it is, with its reason: lines of a table that may not be changed, or are not what
// they were.

const test = require('ava');
const fs = require('node:fs');
const { nodeMajor } = require('../../helpers/backend.js');
const { writeFiles } = require('../../helpers/planned.js');
const { shared } = require('../../helpers/child.js');
const { APP, ROWS, ROWS_TEXT, appOf, told, tried } = require('../../helpers/tried.js');

const ALONE = { inside: false, outside: false };

/** The program runs as it would alone, and the one line is told with `why`. */
async function isLeft(t, app, why, options) {
  const { code, result, stderr } = await app.auto('app.js', options);
  t.is(code, 0, stderr);
  t.deepEqual(result, ALONE, stderr);
  const [head, first, ...others] = told(stderr);
  t.is(head, '0 of 1 site was active', stderr);
  t.true(first.startsWith('rows.js:'), first);
  t.true(first.endsWith(` rows: ${why}`), first);
  t.deepEqual(others, []);
}

const SHADOWED = `const Buffer = globalThis.Buffer;\n${ROWS_TEXT}`;
const CHANGED =
  'left: the file was changed since the table was baked, and a line of it is not found any more, or may not be changed. Record and bake again';
const BY_HAND = 'left: no such call stands there: the table was changed by hand. Bake again';

/**
 * What stays, each in a file of one program: its text, what its site is besides, the text that it
 * has `since`, and what is changed in the table by hand.
 */
const LEFT = {
  'where Buffer is another one, the line stays': {
    text: SHADOWED,
    why: "left: Buffer is another one than Node's in line 1",
  },
  'where the file reads what is behind a Buffer, the line stays': {
    text: `${ROWS_TEXT}exports.at = (b) => b.byteOffset;\n`,
    why: 'left: .byteOffset is read in line 2',
  },
  'where eval() may hide Buffer, the line stays': {
    text: `${ROWS_TEXT}exports.x = (s) => eval(s);\n`,
    why: 'left: eval() may hide Buffer in line 2',
  },
  'where it is allocUnsafeSlow, the line stays': {
    text: 'exports.rows = (n) => Buffer.allocUnsafeSlow(n);\n',
    site: { call: 'Buffer.allocUnsafeSlow(' },
    why: 'left: allocUnsafeSlow() says that it is to live long',
  },
  'a file that was changed since, so that the line is gone': {
    since: 'const { from } = Buffer;\nexports.rows = (n) => from(new Uint8Array(n));\n',
    why: CHANGED,
  },
  'a file that was changed since, so that the line is there twice': {
    since: ROWS_TEXT + ROWS_TEXT,
    why: CHANGED,
  },
  'a file that was changed since, so that something reads what is behind a Buffer': {
    since: `${ROWS_TEXT}exports.at = (b) => b.byteOffset;\n`,
    why: CHANGED,
  },
  'a table of an earlier version, which does not say that the call may be changed': {
    change: (site) => delete site.edit,
    why: 'left: the table does not say that its call may be changed. Bake again',
  },
  'a table that was changed by hand: another place': {
    change: (site) => (site.offset += 1),
    why: BY_HAND,
  },
  'a table that was changed by hand: a place behind the end': {
    change: (site) => (site.offset = 1e9),
    why: BY_HAND,
  },
  'a table that was changed by hand: another call': {
    change: (site) => (site.callee = 'Buffer.from'),
    why: 'left: it is not written as Buffer.allocUnsafe(…)',
  },
  'a line called by another name is told': {
    text: 'const make = Buffer.allocUnsafe;\nexports.rows = (n) => make(n);\n',
    site: { call: 'make(n', source: 'Buffer.allocUnsafe', at: [2, 23] },
    why: 'left: it calls Buffer.allocUnsafe() as make(). Write Buffer.allocUnsafe(…)',
  },
};

const AT_ONCE = 6; // more than eight are not told one by one

const titles = Object.keys(LEFT);
for (let from = 0; from < titles.length; from += AT_ONCE) {
  const some = titles.slice(from, from + AT_ONCE);
  const all = some.map((title, i) => ({ text: ROWS_TEXT, ...LEFT[title], file: `rows${i}.js` }));

  const run = shared((t) => {
    const files = Object.fromEntries(all.map(({ file, text }) => [file, text]));
    const app = appOf(Object.fromEntries(all.map(({ file }) => [file, `./${file}`])));
    const sites = all.map(({ file, site }) => ({ ...ROWS, file, ...site }));
    const trial = tried(t, { files: { ...files, 'app.js': app }, sites });
    trial.edit((table) => {
      for (const { file, change } of all) change?.(table.sites.find((site) => site.file === file));
    });
    for (const { file, since } of all)
      if (since !== undefined) fs.writeFileSync(trial.file(file), since);
    return trial.auto();
  });

  for (const [i, { file, why }] of all.entries()) {
    test(some[i], async (t) => {
      const { code, result, stderr } = await run(t);
      t.is(code, 0, stderr);
      t.deepEqual(result[file], ALONE, stderr);
      const [head, ...others] = told(stderr);
      t.is(head, `0 of ${all.length} sites were active`, stderr);
      t.is(others.length, all.length, stderr);
      const own = others.filter((line) => line.startsWith(`${file}:`));
      t.is(own.length, 1, stderr);
      t.true(own[0].endsWith(` rows: ${why}`), own[0]);
    });
  }
}

test('a file that was changed since, so that it does not parse', async (t) => {
  const app = tried(t);
  fs.writeFileSync(app.file('rows.js'), `${ROWS_TEXT}<!\n`);
  const { stderr } = await app.auto();
  t.is(told(stderr)[1], `rows.js:1:30 rows: ${CHANGED}`, stderr);
});

test('Buffer.alloc is changed where that is asked for', async (t) => {
  const files = { 'rows.js': 'exports.rows = (n) => Buffer.alloc(n);\n' };
  const app = tried(t, { files, sites: [{ ...ROWS, call: 'Buffer.alloc(' }] });
  await isLeft(t, app, 'left: Buffer.alloc is changed with --alloc alone');
  const { result } = await app.auto('app.js', { env: { RALLOC_AUTO_ALLOC: '1' } });
  t.true(result.inside);
});

test('what Node has a pool for is changed where that is asked for', async (t) => {
  const app = tried(t, { sites: [{ ...ROWS, size: 1024 }] });
  await isLeft(
    t,
    app,
    'left: most of its Buffers have 1024 bytes or less, for which Node has a pool',
  );
  const { result } = await app.auto('app.js', { env: { RALLOC_AUTO_ANY_SIZE: '1' } });
  t.true(result.inside);
});

test('a package is changed where it is named', async (t) => {
  const file = 'node_modules/@of/rows/index.js';
  const files = { [file]: ROWS_TEXT, 'app.js': APP.replace('./rows.js', '@of/rows') };
  const app = tried(t, { files, sites: [{ ...ROWS, file }] });
  const { result, stderr } = await app.auto();
  t.deepEqual(result, ALONE);
  const [, left] = told(stderr);
  t.is(
    left,
    `${file}:1:30 rows: left: it is of the package @of/rows. To change it: --package @of/rows`,
  );
  const named = await app.auto('app.js', { env: { RALLOC_AUTO_PACKAGES: 'other,@of/rows' } });
  t.true(named.result.inside, named.stderr);
});

test('a file outside of the folder of the table', async (t) => {
  const app = tried(t, { table: 'inner/ralloc.table.json', files: { 'inner/no.js': '' } });
  const env = { RALLOC_AUTO_TABLE: app.file('inner/ralloc.table.json') };
  const { result, stderr } = await app.auto('app.js', { env });
  t.deepEqual(result, ALONE);
  t.regex(
    told(stderr)[1],
    /^\.\.\/rows\.js:1:30 rows: left: it is outside of .*inner, the application of the table$/,
  );
});

test('a file that was changed since, and has the line elsewhere, is changed there', async (t) => {
  const rows = `const { isPart, serve } = require('./serve.js');\nconst rows = (n) => Buffer.allocUnsafe(n);\n`;
  const main = (mount) => `'use strict';
${mount}
${rows}
let inside;
exports.done = serve((req, res) => {
  inside = req.arena.owns(rows(65536));
  res.end();
}, 1, OPTIONS).then(() => console.log(JSON.stringify({ inside, outside: isPart(rows(65536)) })));
`;
  const before = main('').replace(', 1, OPTIONS', '');
  const app = tried(t, { files: { 'app.js': before }, sites: [{ ...ROWS, file: 'app.js' }] });
  const mount =
    "// mounted by hand\nconst { requestArena } = require('ralloc');\nvoid requestArena;\n";
  fs.writeFileSync(app.file('app.js'), main(mount).replace('OPTIONS', '{ context: true }'));
  const { code, result, stderr } = await app.auto();
  t.is(code, 0, stderr);
  t.deepEqual(result, { inside: true, outside: false }, stderr);
  t.regex(told(stderr)[0], /^1 of 1 site was active: 1 Buffer /);
});

test('a line that may be changed since its file was changed, is, as apply does it', async (t) => {
  const app = tried(t, { files: { 'rows.js': `${ROWS_TEXT}exports.at = (b) => b.byteOffset;\n` } });
  fs.writeFileSync(app.file('rows.js'), ROWS_TEXT);
  const { result, stderr } = await app.auto();
  t.true(result.inside, stderr);
  t.regex(told(stderr)[0], /^1 of 1 site was active: 1 Buffer /);
});

test('of a file that was changed since, the lines that may still be changed are, as apply does it', async (t) => {
  const other = 'exports.other = (n) => Buffer.allocUnsafe(n + 1);\n';
  const sites = [ROWS, { ...ROWS, call: 'Buffer.allocUnsafe(n + 1', name: 'other' }];
  const app = tried(t, { files: { 'rows.js': ROWS_TEXT + other }, sites });
  fs.writeFileSync(app.file('rows.js'), `${ROWS_TEXT}/*\n${other}*/\n`);
  const { result, stderr } = await app.auto();
  t.true(result.inside, stderr);
  const [head, left] = told(stderr);
  t.regex(head, /^1 of 2 sites was active: 1 Buffer /);
  t.is(left, 'rows.js:2:31 other: never reached, or its call may not be changed any more');
});

test('a line that apply has changed already', async (t) => {
  const app = tried(t);
  fs.writeFileSync(
    app.file('rows.js'),
    `const { perRequest } = require('ralloc');\n\n${ROWS_TEXT.replace('Buffer', 'perRequest')}`,
  );
  const { result, stderr } = await app.auto();
  t.true(result.inside, stderr);
  t.deepEqual(told(stderr), [
    '0 of 1 site was active',
    'rows.js:1:30 rows: left: "ralloc apply" has changed it',
  ]);
});

test('a file that is gone, and one that is never loaded', async (t) => {
  const app = tried(t, {
    sites: [ROWS, { ...ROWS, file: 'other.js' }],
    files: { 'other.js': ROWS_TEXT },
  });
  fs.rmSync(app.file('rows.js'));
  writeFiles(app.dir, { 'app.js': "console.log('{}');\n" });
  const { code, stderr } = await app.auto();
  t.is(code, 0);
  t.deepEqual(told(stderr), [
    '0 of 2 sites were active',
    'other.js:1:30 rows: its file was not loaded, or by something else than Node',
    'rows.js:1:30 rows: left: there is no such file any more. Bake again',
  ]);
});

test('a place that is told twice is changed once', async (t) => {
  const app = tried(t);
  app.edit(({ sites }) => sites.push(sites[0]));
  const { result, stderr } = await app.auto();
  t.true(result.inside, stderr);
  t.regex(told(stderr)[0], /^1 of 1 site was active/);
});

test('a file or a program that has the name already', async (t) => {
  const why = 'left: the file contains the name that was to be put there';
  await isLeft(t, tried(t, { files: { 'rows.js': `${ROWS_TEXT}const $ra000 = 1;\n` } }), why);
  const app = tried(t, { files: { 'pre.js': 'globalThis.$ra000 = 1;\n' } });
  const required = { execArgv: ['--require', './pre.js', '--require', 'ralloc/auto'] };
  const { result, stderr } = await app.plain('app.js', required);
  t.deepEqual(result, ALONE);
  t.is(told(stderr)[1], `rows.js:1:30 rows: ${why}`);
});

for (const [what, since, why] of [
  [
    'what is compiled by something else',
    '',
    'left: something else compiles the file, as tsx, ts-node and test runners do',
  ],
  ['what was changed since, and is compiled by something else', '// since\n', CHANGED],
]) {
  test(what, async (t) => {
    const compiles = `const Module = require('node:module');
const { _compile } = Module.prototype;
Module._extensions['.js'] = (module, file) =>
  module._compile(require('node:fs').readFileSync(file, 'utf8') + '\\n// compiled\\n', file);
`;
    const app = tried(t, { files: { 'pre.js': compiles } });
    fs.appendFileSync(app.file('rows.js'), since);
    const { result, stderr } = await app.auto('app.js', { execArgv: ['--require', './pre.js'] });
    t.deepEqual(result, ALONE, stderr);
    const unseen = 'its file was not loaded, or by something else than Node';
    t.is(told(stderr)[1], `rows.js:1:30 rows: ${nodeMajor < 24 ? why : unseen}`);
  });
}

test('lines that are only suggested are no sites', async (t) => {
  const { result, stderr } = await tried(t, { sites: [{ ...ROWS, samples: 100 }] }).auto();
  t.deepEqual(result, ALONE);
  t.deepEqual(told(stderr), [
    'the table proves of no line that its Buffers die with their request. To try what it suggests: --suggested',
  ]);
});

test('lines that are suggested are changed where that is asked for', async (t) => {
  const app = tried(t, { sites: [{ ...ROWS, samples: 100 }] });
  const { result, stderr } = await app.auto('app.js', { env: { RALLOC_AUTO_SUGGESTED: '1' } });
  t.true(result.inside, stderr);
  t.regex(told(stderr)[0], /^1 of 1 site was active/);
});

test('a line of listeners is told', async (t) => {
  const listening = tried(t, { sites: [{ ...ROWS, listened: 1 }] });
  await isLeft(
    t,
    listening,
    'left: most of its calls are in listeners where current() is undefined. Bind these by AsyncResource.bind(), or allocate from req.arena',
  );
});

test('without requests that have arenas', async (t) => {
  const main = "console.log(JSON.stringify({ bytes: require('./rows.js').rows(65536).length }));\n";
  const { result, stderr } = await tried(t, { files: { 'app.js': main } }).auto();
  t.deepEqual(result, { bytes: 65536 });
  t.deepEqual(told(stderr), [
    '0 of 1 site was active',
    'No requestArena() was made: until requests have arenas, all Buffers are those of Node',
    'rows.js:1:30 rows: no request had an arena',
  ]);
});

test('a context that is off is on', async (t) => {
  const main = APP.replace('res.end();\n}', 'res.end();\n}, 1, { context: false }');
  const { result } = await tried(t, { files: { 'app.js': main } }).auto();
  t.true(result.inside);
});

test('what a test runner loads', async (t) => {
  const files = { 'other.js': ROWS_TEXT, 'third.js': ROWS_TEXT, 'app.js': "console.log('{}');\n" };
  const sites = ['rows.js', 'other.js', 'third.js'].map((file) => ({ ...ROWS, file }));
  const { stderr } = await tried(t, { files, sites }).auto('app.js', {
    env: { JEST_WORKER_ID: '1' },
  });
  t.deepEqual(told(stderr), [
    '0 of 3 sites were active',
    '3 sites of other.js, rows.js, third.js: jest loads files past the hooks of Node',
  ]);
});
