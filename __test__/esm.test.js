'use strict';

const test = require('ava');
const commonjs = require('..');
const { version } = require('../package.json');

test('import and require give the same classes', async (t) => {
  const esm = await import('../lib/index.mjs');
  t.is(esm.default, commonjs);
  for (const [name, value] of Object.entries(commonjs)) t.is(esm[name], value, name);
  t.deepEqual(Object.keys(esm).sort(), [...Object.keys(commonjs), 'default'].sort());
});

test('the package resolves by its name, in both ways', async (t) => {
  const esm = await import('ralloc');
  t.is(require('ralloc'), commonjs);
  t.is(esm.Arena, commonjs.Arena);
  t.is(require('ralloc/package.json').version, version);
});

test('what is inside is not of the package', (t) => {
  t.throws(() => require('ralloc/lib/native.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
});

test('the package exports what index.d.ts says', (t) => {
  t.deepEqual(Object.keys(commonjs).sort(), [
    'Arena',
    'RallocError',
    'backend',
    'requestArena',
    'stats',
    'version',
  ]);
  t.is(commonjs.version, version);
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
      'alloc allocUnsafe array checkpoint chunks close concat constructor copyOut from hold owns ' +
      'reserve reset rewind scope shrink stats'
    ).split(' '),
  );
  t.deepEqual(Reflect.ownKeys(commonjs.Arena).sort(), ['length', 'name', 'prototype']);
  arena.close();
});
