'use strict';
// tier: run-time, differs

// Test runners evaluate ralloc anew for every file, in one process. What they drop is collected.

const { join } = require('node:path');
const test = require('ava');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');

for (const [how, args] of [
  ['in this realm', []],
  ['in a realm of its own', ['realms']],
]) {
  // The last one has the depot of the process.
  test(`of many registries that evaluated ralloc, each ${how}, one is left at most`, async (t) => {
    const { code, stderr, result } = await run('memory/registries.js', { args });
    t.is(code, 0, stderr);
    t.true(result.left <= 1, `${result.left} are left`);
  });
}

test.serial('they are collected while a profiler runs, too', async (t) => {
  const dir = folder(t);
  const { code, stderr, result } = await run('memory/registries.js', {
    execArgv: ['--require', require.resolve('ralloc/profile')],
    env: { RALLOC_PROFILE_FILE: join(dir, 'registries.rprof') },
  });
  t.is(code, 0, stderr);
  t.true(result.left <= 2, `${result.left} are left`);
});
