'use strict';

// Children whose environment has nothing of `ralloc profile`, since the application gives them one of its own.

const test = require('ava');
const fs = require('node:fs');
const { dirname } = require('node:path');
const { folder } = require('../helpers/folder.js');
const { profiled } = require('../helpers/profile.js');

test('children with an environment of their own are recorded into the same file, and see that environment', async (t) => {
  const cwd = folder(t);
  const { code, stderr, result, file, read } = await profiled(t, 'own-environment.js', { cwd });
  t.is(code, 0, stderr);
  for (const [name, { env, title }] of Object.entries(result)) {
    const { PATH, NODE_V8_COVERAGE: _, ...own } = env; // which Node gives every child of a process that has it
    t.deepEqual(own, { MINE: '1', NODE_OPTIONS: '--title=mine' }, name);
    t.is(PATH, name === 'spawn by a name' ? process.env.PATH : undefined);
    t.is(title, 'mine', name);
  }
  const children = Object.keys(result).length + 1; // one has a child of its own
  t.is(new Set(read().recorders.map(({ pid }) => pid)).size, 1 + children);
  t.deepEqual(fs.readdirSync(cwd), [], 'no other profile');
  t.is(fs.readdirSync(dirname(file)).length, 1);
});
