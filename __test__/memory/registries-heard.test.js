'use strict';
// tier: run-time, differs

// Up to Node 24 V8 tells no FinalizationRegistry of a thread anything any more once one has died that it was to tell something: no copy of ralloc may drop one.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { run } = require('../helpers/child.js');

for (const [what, backend] of [
  ['a region', 'native'],
  ['a region', 'js'],
  ['an arena', 'js'],
  ['a profiler', 'js'],
]) {
  test(`${what} dropped, no registry of the application is silenced (${backend})`, async (t) => {
    const env = { RALLOC_BACKEND: backend };
    const { result, stderr } = await run('memory/registries-heard.js', {
      args: [what.split(' ')[1]],
      env,
    });
    t.is(result?.heard, 500, stderr);
  });
}

test('each registry of ralloc is one of a module, and lives as long as that', (t) => {
  const lib = path.join(__dirname, '..', '..', 'lib');
  const files = fs
    .readdirSync(lib, { recursive: true })
    .filter((file) => file.endsWith('.js') && !file.includes(`dist${path.sep}`));
  t.true(files.length > 100);
  for (const file of files) {
    const lines = fs.readFileSync(path.join(lib, file), 'utf8').split('\n');
    for (const line of lines.filter((one) => /new (?:Finalization)?Registry\(/.test(one)))
      t.regex(line, /^const /, file);
  }
});
