'use strict';
// tier: tools, long

// How files come to be loaded with their sites changed: each way that Node has, and what a text may
// begin with or contain.

const test = require('ava');
const fs = require('node:fs');
const { testWhere } = require('../../helpers/backend.js');
const { needsFileLinks } = require('../../helpers/needs.js');
const { shared } = require('../../helpers/child.js');
const { APP, ROWS, ROWS_TEXT, appOf, told, tried } = require('../../helpers/tried.js');

const ONE =
  /^1 of 1 site was active: 1 Buffer \(64 KiB\) from arenas of requests, 1 outside of requests$/;

/** Whether it was loaded changed, is told, and runs no other way. */
async function isActive(t, app, main) {
  const { code, result, stderr } = await app.auto(main);
  t.is(code, 0, stderr);
  t.deepEqual(result, { inside: true, outside: false }, stderr);
  t.is(told(stderr).length, 1, stderr);
  t.regex(told(stderr)[0], ONE);
}

const { features } = process;
const strips = features.typescript !== undefined && features.typescript !== false;
const requiresModules = features.require_module === true;

const MODULE = 'export const rows = (n) => Buffer.allocUnsafe(n);\n';

/**
 * Tests of the files of one program, `{ title: { file, text, from } }`: each is changed, and
 * nothing else is told.
 */
function areActive(main, cases, isModule) {
  const all = Object.values(cases);
  const run = shared((t) => {
    const froms = all.map(({ file, from = `./${file}` }) => [file, from]);
    const texts = all.map(({ file, text }) => [file, text]);
    const files = {
      ...Object.fromEntries(texts),
      [main]: appOf(Object.fromEntries(froms), isModule),
    };
    return tried(t, { files, sites: all.map(({ file }) => ({ ...ROWS, file })) }).auto(main);
  });
  for (const [title, { file }] of Object.entries(cases)) {
    test(title, async (t) => {
      const { code, result, stderr } = await run(t);
      t.is(code, 0, stderr);
      t.deepEqual(result[file], { inside: true, outside: false }, stderr);
      const { length } = all;
      t.deepEqual(told(stderr).length, 1, stderr);
      t.true(
        told(stderr)[0].startsWith(`${length} of ${length} sites were active: ${length} Buffers (`),
      );
      t.true(told(stderr)[0].endsWith(` from arenas of requests, ${length} outside of requests`));
    });
  }
}

areActive('app.js', {
  'a file of CommonJS is changed': { file: 'rows.js', text: ROWS_TEXT },
  'one with a byte order mark is changed': { file: 'mark.js', text: `\uFEFF${ROWS_TEXT}` },
  'one with a hashbang is changed': { file: 'bang.js', text: `#!/usr/bin/env node\n${ROWS_TEXT}` },
  'one with line ends of Windows is changed': {
    file: 'ends.js',
    text: `'use strict';\r\n\r\n${ROWS_TEXT}`,
  },
  'one with letters of two and more bytes is changed': {
    file: 'letters.js',
    text: `const é = '𝒳€';\n/* 𝒳€ */ ${ROWS_TEXT}`,
  },
  'one that a compiler made is changed': {
    file: 'made.js',
    text: `${ROWS_TEXT}//# sourceMappingURL=rows.js.map\n`,
  },
  ...(requiresModules && {
    'an ES module that is required is changed': { file: 'required.mjs', text: MODULE },
  }),
});

areActive(
  'app.mjs',
  {
    'an ES module, is changed': { file: 'rows.mjs', text: MODULE },
    'one with a byte order mark, is changed': { file: 'mark.mjs', text: `\uFEFF${MODULE}` },
    'one with a query, is changed': { file: 'query.mjs', text: MODULE, from: './query.mjs?a=1#b' },
    'CommonJS that an ES module imports, is changed': { file: 'rows.cjs', text: ROWS_TEXT },
  },
  true,
);

for (const [file, text] of [
  ['rows.cts', 'exports.rows = (n: number): Buffer => Buffer.allocUnsafe(n as number);\n'],
  ['rows.mts', 'export const rows = (n: number): Buffer => Buffer.allocUnsafe(n as number);\n'],
]) {
  testWhere(strips, 'Node that strips types', `${file} is changed`, async (t) => {
    const files = { 'app.mjs': appOf({ [file]: `./${file}` }, true), [file]: text };
    const { code, result, stderr } = await tried(t, {
      files,
      sites: [{ ...ROWS, file }],
    }).auto('app.mjs');
    t.is(code, 0, stderr);
    t.deepEqual(result, { [file]: { inside: true, outside: false } }, stderr);
    t.regex(told(stderr)[0], ONE);
  });
}

/** A program that is one file, of which the table has a line. */
function ofOneFile(t) {
  const text = APP.replace(
    "const { rows } = require('./rows.js');",
    ROWS_TEXT.replace('exports.rows', 'const rows'),
  );
  return tried(t, { files: { 'app.js': text }, sites: [{ ...ROWS, file: 'app.js' }] });
}

test('the main program itself is changed', (t) => isActive(t, ofOneFile(t)));

needsFileLinks('the main program is changed by a link', async (t) => {
  const app = ofOneFile(t);
  fs.symlinkSync(app.file('app.js'), app.file('link.js'));
  await isActive(t, app, 'link.js');
  const { result } = await app.auto('link.js', {
    execArgv: ['--preserve-symlinks-main', '--preserve-symlinks'],
  });
  t.true(result.inside);
});

test('--require does as --import, and a program of an option is the same', async (t) => {
  const app = tried(t);
  const required = await app.plain('app.js', { execArgv: ['--require', 'ralloc/auto'] });
  t.deepEqual(required.result, { inside: true, outside: false });
  t.regex(told(required.stderr)[0], ONE);
  const evaluated = await app.plain('app.js', {
    execArgv: ['--import', 'ralloc/auto', '-e', "require('./app.js')"],
  });
  t.deepEqual(evaluated.result, { inside: true, outside: false }, evaluated.stderr);
});

const EVALUATED = `'use strict';

const { rows } = require('./rows.js');
const { Worker } = require('node:worker_threads');

const text = \`require('node:worker_threads').parentPort.postMessage((\${rows})(65536).length)\`;
new Worker(text, { eval: true }).on('message', (bytes) => console.log(JSON.stringify({ bytes })));
`;

test('with --require, the text of a function runs in a worker too', async (t) => {
  const app = tried(t, { files: { 'app.js': EVALUATED } });
  const execArgv = ['--require', 'ralloc/auto'];
  const { result, stderr } = await app.plain('app.js', { execArgv });
  t.deepEqual(result, { bytes: 65536 }, stderr);
});

const NAMED = { RALLOC_AUTO_TABLE: 'ralloc.table.json' }; // of one that is found a warning comes first

const WORDS = `'use strict';

// Buffer.allocUnsafe(1) stays in a comment
const text = 'Buffer.allocUnsafe(2)';
const template = \`\${'Buffer'}.allocUnsafe(3) Buffer.allocUnsafe(4)\`;
const pattern = /Buffer.allocUnsafe(5)/;
const ofObject = { Buffer: { allocUnsafe: (n) => n } };
exports.rows = (n) => Buffer.allocUnsafe(n);
exports.words = [text, template, pattern.source, ofObject.Buffer.allocUnsafe(6)];
exports.plain = (n) => Buffer.allocUnsafe(n);
`;

const THROWS = `exports.rows = (n) => {
  if (n === 'one') throw new Error(n); else { const a = Buffer.allocUnsafe(n); if (n === 2) throw new Error(a.length); return a; }
};
`;

const WORDS_AND_ERRORS = `${APP}
const { words, rows: made } = require('./words.js');
console.error(JSON.stringify([words, made.toString()]));
for (const n of ['one', 2, -1]) {
  try {
    rows(n);
  } catch ({ stack }) {
    console.error(stack.match(/rows.js:\\d+:\\d+/)[0]);
  }
}
`;

const both = shared(async (t) => {
  const sites = [ROWS, { ...ROWS, file: 'words.js', call: 'Buffer.allocUnsafe(n)' }];
  const files = { 'rows.js': THROWS, 'words.js': WORDS, 'app.js': WORDS_AND_ERRORS };
  const app = tried(t, { files, sites });
  return { plain: await app.plain(), auto: await app.auto('app.js', { env: NAMED }) };
});

test('words in strings, comments and other calls stay', async (t) => {
  const { plain, auto } = await both(t);
  t.deepEqual(auto.result, { inside: true, outside: false }, auto.stderr);
  const [[words], [changed, source]] = [plain, auto].map(({ stderr }) =>
    JSON.parse(stderr.split('\n')[0]),
  );
  t.deepEqual(changed, words);
  t.is(source, '(n) => $ra001.allocUnsafe(n)');
});

test('lines and columns of errors are what they were', async (t) => {
  const { plain, auto } = await both(t);
  const places = ({ stderr }) => stderr.match(/rows\.js:\d+:\d+(?!.*rows)/gm).slice(0, 3);
  t.is(places(plain).length, 3);
  t.deepEqual(places(auto), places(plain));
  t.true(auto.result.inside);
});

test('lines of compiled code are told in its sources', async (t) => {
  const map = { version: 3, sources: ['rows.ts'], names: [], mappings: 'AAAA;AAEA,kBAAkB;AACA' };
  const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
  const main = `${APP}
try {
  rows('one');
} catch ({ stack }) {
  console.error(stack.match(/rows.[jt]s:\\d+:\\d+/)[0]);
}
`;
  const files = { 'rows.js': `${THROWS}//# sourceMappingURL=${url}\n`, 'app.js': main };
  const app = tried(t, { files });
  const options = { execArgv: ['--enable-source-maps'], env: NAMED };
  const [plain, auto] = [await app.plain('app.js', options), await app.auto('app.js', options)];
  t.regex(plain.stderr, /^rows\.ts:3:\d+\n/);
  t.true(auto.stderr.startsWith(plain.stderr), auto.stderr);
  t.true(auto.result.inside);
});

test('several sites of a line, and of several files', async (t) => {
  const text = `exports.rows = (n) => n > 1 ? [Buffer.allocUnsafe(n), Buffer.from('é'.repeat(n)), Buffer.concat([Buffer.from('a')])][0] : Buffer.allocUnsafe(n);\n`;
  const sites = [
    { ...ROWS, nth: 1 },
    ROWS,
    { ...ROWS, call: 'Buffer.concat(' },
    { ...ROWS, call: "Buffer.from('é'" },
    { ...ROWS, file: 'other.js' },
  ];
  const main = APP.replace(
    "rows.js');",
    "rows.js');\nconst other = require('./other.js');",
  ).replace('res.end();', 'other.rows(5);\n  res.end();');
  const files = { 'rows.js': text, 'other.js': ROWS_TEXT, 'app.js': main };
  const { result, stderr } = await tried(t, { files, sites }).auto();
  t.deepEqual(result, { inside: true, outside: false });
  const [head, ...others] = told(stderr);
  t.regex(
    head,
    /^4 of 5 sites were active: 4 Buffers \(.*\) from arenas of requests, 3 outside of requests$/,
  );
  t.deepEqual(others.length, 1);
  t.regex(others[0], /^rows\.js:1:\d+ rows: never reached$/);
});
