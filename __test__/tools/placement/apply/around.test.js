'use strict';
// tier: tools

// What `ralloc apply` finds around the lines that it changes: where requests get their arenas, and where entries are let go.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { folder } = require('../../../helpers/folder.js');
const { PROVED, plan, planned } = require('../../../helpers/planned.js');

const ROWS = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';
const SITE = { file: 'rows.js', call: 'Buffer.allocUnsafe(', ...PROVED };

/** What becomes of app.js, where requests get their arenas. */
function mounted(t, text, { name = 'app.js', files = {}, ...options } = {}) {
  const dir = folder(t);
  plan(dir, { 'rows.js': ROWS, [name]: text, ...files }, [SITE]);
  const result = planned(dir, options);
  t.deepEqual(result.faults, []);
  t.true('rows.js' in result.texts);
  fs.writeFileSync(path.join(dir, 'rows.js'), result.texts['rows.js']);
  if (result.texts[name] !== undefined) {
    fs.writeFileSync(path.join(dir, name), result.texts[name]);
    t.deepEqual(planned(dir, options).texts, {});
  }
  return { ...result, text: result.texts[name] };
}

const RALLOC = "const { requestArena } = require('ralloc');\n";
for (const [given, expected] of [
  ['app.use(requestArena());', 'app.use(requestArena({ context: true }));'],
  ['requestArena(); // its context is on', 'requestArena({ context: true }); // its context is on'],
  ['app.use(requestArena({}));', 'app.use(requestArena({ context: true }));'],
  ['requestArena({ maxBytes });', 'requestArena({ context: true, maxBytes });'],
  ['requestArena({\n  a: 1,\n  b,\n});', 'requestArena({\n  context: true,\n  a: 1,\n  b,\n});'],
  ['requestArena({ context: true });', undefined],
  ["requestArena({ 'context': true });", undefined],
]) {
  test(`the context of ${given}`, (t) => {
    const { text, changes, suggestions } = mounted(t, RALLOC + given);
    t.is(text, expected && RALLOC + expected);
    t.deepEqual(suggestions, []);
    t.is(
      changes.includes('app.js:2: context: true, which current() needs'),
      expected !== undefined,
    );
  });
}

for (const [head, call, expected] of [
  [
    "import { requestArena } from 'ralloc/express';",
    'requestArena()',
    'requestArena({ context: true })',
  ],
  ["import r from 'ralloc';", 'r.requestArena()', 'r.requestArena({ context: true })'],
  [
    "const r = require('ralloc/koa');",
    'r.requestArena({ a })',
    'r.requestArena({ context: true, a })',
  ],
  [
    '',
    "require('ralloc/http').requestArena()",
    "require('ralloc/http').requestArena({ context: true })",
  ],
]) {
  test(`where requests get their arenas: ${head} ${call}`, (t) => {
    const { text } = mounted(t, `${head}\n${call};\n`);
    t.is(text, `${head}\n${expected};\n`);
  });
}

for (const text of [
  `${RALLOC}requestArena(options);`,
  `${RALLOC}requestArena({ context: isOn });`,
  `${RALLOC}requestArena({ context: false });`,
  `${RALLOC}requestArena({ maxBytes, context });`,
  `${RALLOC}requestArena();requestArena();`,
  `${RALLOC}<App/>;requestArena();`,
  "import { requestArena as make } from 'ralloc';\nmake();",
  "const plugin = require('ralloc/fastify');\napp.register(plugin);",
]) {
  test(`a context that is turned on by hand is told: ${JSON.stringify(text)}`, (t) => {
    const { text: changed, suggestions } = mounted(t, text);
    t.is(changed, undefined);
    t.is(suggestions.length, 1);
    t.regex(suggestions[0], /^app\.js:\d: context: true, which current\(\) needs$/);
  });
}

for (const text of [
  "requestArena(); // of ralloc's",
  "const { requestArena } = require('./ralloc');\nrequestArena();",
]) {
  test(`requestArena of somebody else: ${text.split('\n')[0]}`, (t) => {
    const { text: changed, suggestions } = mounted(t, text);
    t.is(changed, undefined);
    t.regex(suggestions[0], /^No requestArena\(\) was found\. /);
  });
}

test('arenas of several files are told, and none is changed; tests and packages are not looked at', (t) => {
  const mount = `${RALLOC}requestArena();\n`;
  const files = { 'a/b.js': mount };
  const { text, suggestions } = mounted(t, mount, { files });
  t.is(text, undefined);
  t.is(suggestions.length, 2);
  const others = Object.fromEntries(
    [
      'test/a.js',
      '__tests__/a.js',
      'a.test.js',
      'a.spec.mjs',
      'node_modules/a/a.js',
      '.git/a.js',
      'a.d.ts',
    ].map((name) => [name, mount]),
  );
  t.is(mounted(t, mount, { files: others }).suggestions.length, 0);
});

test('of files that were given, no other one is changed', (t) => {
  const { text, suggestions } = mounted(t, `${RALLOC}requestArena();\n`);
  t.truthy(text);
  t.deepEqual(suggestions, []);
  const dir = folder(t);
  plan(dir, { 'rows.js': ROWS, 'app.js': `${RALLOC}requestArena();\n` }, [SITE]);
  const given = planned(dir, { files: ['rows.js'] });
  t.deepEqual(Object.keys(given.texts), ['rows.js']);
  t.is(given.suggestions.length, 1);
  t.deepEqual(planned(dir, { files: ['app.js'] }).texts, {});
});

/** What is said of an entry that lives longer than its request. */
function suggested(t, text, site = {}) {
  const dir = folder(t);
  plan(dir, { 'cache.js': text }, [
    { file: 'cache.js', call: 'Buffer.from(', samples: 100, ...site },
  ]);
  const { suggestions, texts } = planned(dir);
  t.deepEqual(texts, {});
  t.is(suggestions.length, 1);
  return suggestions[0];
}

test('what is let go somewhere belongs in a slab', (t) => {
  t.true(
    suggested(t, 'c.set(k, Buffer.from(x));\nc.delete(k);\n').endsWith(
      ': belongs in a slab, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place',
    ),
  );
});

test('what lives long belongs in a region', (t) => {
  t.regex(
    suggested(t, 'c.set(k, Buffer.from(x));\n', { ms: 20_000 }),
    /: belongs in a region, which /,
  );
});
