'use strict';
// tier: tools

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const commonjs = require('../..');
const { version } = require('../../package.json');

test('import and require give the same classes', async (t) => {
  const { 'module.exports': _, ...esm } = await import('../../lib/index.mjs'); // Node 23 and later
  t.is(esm.default, commonjs);
  for (const [name, value] of Object.entries(commonjs)) t.is(esm[name], value, name);
  t.deepEqual(Object.keys(esm).sort(), [...Object.keys(commonjs), 'default'].sort());
});

const doors = {
  express: ['rawBody', 'requestArena'],
  fastify: ['admission', 'requestArena'],
  hono: ['admission', 'requestArena'],
  http: ['requestArena'],
  koa: ['admission', 'requestArena'],
  nest: ['ARENAS', 'Arena', 'ArenaRoute', 'requestArena'],
};

for (const [door, names] of Object.entries(doors)) {
  test(`ralloc/${door} has the same by import and by require`, async (t) => {
    const required = require(`ralloc/${door}`);
    t.deepEqual(Object.keys(required).sort(), names);
    const { default: whole, 'module.exports': _, ...named } = await import(`ralloc/${door}`);
    t.is(whole, required);
    t.deepEqual(Object.keys(named).sort(), names);
    for (const name of names) t.is(named[name], required[name]);
  });
}

test("the middleware of ralloc is that of ralloc/express, and Fastify's is the plugin itself", (t) => {
  t.is(require('ralloc/express').requestArena, commonjs.requestArena);
  t.is(require('ralloc/fastify').requestArena, require('ralloc/fastify'));
});

test('what is inside is not of the package', (t) => {
  t.throws(() => require('ralloc/lib/memory/native.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
});

/** Names that index.d.ts, or a file of types/ that it exports, exports by one of these keywords. */
function declared(keywords) {
  const read = (file) => fs.readFileSync(join(__dirname, '..', '..', file), 'utf8');
  const index = read('index.d.ts');
  const nouns = [...index.matchAll(/^export \* from '\.\/(types\/\w+)\.js';$/gm)];
  const types = [index, ...nouns.map(([, file]) => read(`${file}.d.ts`))].join('\n');
  const found = types.matchAll(new RegExp(`^export (?:${keywords}) (\\w+)`, 'gm'));
  return [...new Set([...found].map(([, name]) => name))].sort();
}

test('the package exports what index.d.ts says', async (t) => {
  const names = Object.keys(commonjs).sort();
  t.deepEqual(names, declared('const|class|function'));
  t.true(names.includes('Arena'));
  t.is(commonjs.version, version);
  // Node finds the names in the text of the CommonJS file too, for those who import that.
  const { 'module.exports': whole, ...found } = await import('../../lib/index.js');
  t.deepEqual(Object.keys(found).sort(), [...names, 'default'].sort());
  t.is(whole ?? commonjs, commonjs);
});

test('only the methods of the API can be reached on an arena', (t) => {
  const arena = new commonjs.Arena();
  t.deepEqual(Reflect.ownKeys(arena), []);
  const methods = new Set();
  let prototype = Object.getPrototypeOf(arena);
  while (prototype !== Object.prototype) {
    for (const key of Reflect.ownKeys(prototype)) methods.add(key);
    prototype = Object.getPrototypeOf(prototype);
  }
  const names = [...methods].filter((key) => typeof key === 'string').sort();
  t.deepEqual(
    names,
    (
      'adopt alloc allocUnsafe array body checkpoint chunkStats chunks close collect concat constructor copyOut from hold owns ' +
      'reserve reset rewind scope shrink stats'
    ).split(' '),
  );
  t.deepEqual(Reflect.ownKeys(commonjs.Arena).sort(), ['length', 'name', 'prototype']);
  arena.close();
});
