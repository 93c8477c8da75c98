'use strict';
// tier: run-time, differs

// Test runners evaluate ralloc anew for every file, in one process. What they drop is collected.

const test = require('ava');
const path = require('node:path');
const { join } = require('node:path');
const fs = require('node:fs');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');

for (const [how, args] of [
  ['in this realm', []],
  ['in a realm of its own', ['realms']],
]) {
  // The last one has the depot of the process. Another one leaves after a minute, for which the
  // soak waits.
  test(`of many registries that evaluated ralloc, each ${how}, two are left at most`, async (t) => {
    const { code, stderr, result } = await run('memory/registries.js', { args });
    t.is(code, 0, stderr);
    t.true(result.left <= budget(2, 1, 2), `${result.left} are left`);
  });
}

test.serial('they are collected while a profiler runs, too', async (t) => {
  const dir = folder(t);
  const { code, stderr, result } = await run('memory/registries.js', {
    execArgv: ['--require', require.resolve('ralloc/profile')],
    env: { RALLOC_PROFILE_FILE: join(dir, 'registries.jsonl') },
  });
  t.is(code, 0, stderr);
  t.true(result.left <= 2, `${result.left} are left`);
});

// Up to Node 24 V8 tells no FinalizationRegistry of a thread anything any more once one has died
// that it was to tell something: no copy of ralloc may drop one.

for (const [backend, ...dropped] of [
  ['native', 'region'],
  ['js', 'region', 'arena', 'profiler'],
]) {
  test(`a dropped ${dropped.join(', ')} silences no registry of the application (${backend})`, async (t) => {
    const env = { RALLOC_BACKEND: backend };
    const args = dropped;
    const { result, stderr } = await run('memory/registries-heard.js', { args, env });
    t.deepEqual(result, Object.fromEntries(dropped.map((one) => [one, 500])), stderr);
  });
}

test('each registry of ralloc is one of a module, and lives as long as that', (t) => {
  const root = path.join(__dirname, '..', '..');
  const files = ['lib', 'tools']
    .flatMap((name) =>
      fs
        .readdirSync(path.join(root, name), { recursive: true })
        .map((file) => path.join(root, name, file)),
    )
    .filter((file) => file.endsWith('.js') && !file.includes(`dist${path.sep}`));
  t.true(files.length > 100);
  for (const file of files) {
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    for (const line of lines.filter((one) => /new (?:Finalization)?Registry\(/.test(one)))
      t.regex(line, /^const /, file);
  }
});
