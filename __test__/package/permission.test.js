'use strict';
// tier: tools

// Node's permission model: a process that may read the application and nothing else. Where it may not load
// binaries either, the fallback serves.

const test = require('ava');
const { join } = require('node:path');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { builtBinary } = require('../helpers/copy-of-package.js');
const { install } = require('../helpers/installed.js');

const flags = process.allowedNodeEnvironmentFlags;
const permission = flags.has('--permission') ? '--permission' : '--experimental-permission';
const fixtures = join(__dirname, '..', 'fixtures');

const binaryTest = (title, body) =>
  testWhere(builtBinary !== undefined, 'a binary built here', title, body);

/** What an installed ralloc does in a process with these flags: { backend, works, warnings }. */
async function loads(t, execArgv, backend = '') {
  const folder = install(t);
  const readable = [folder, fixtures].map((path) => `--allow-fs-read=${path}`);
  const { code, stderr, result } = await run('memory/which-backend.js', {
    execArgv: execArgv[0] === permission ? [...execArgv, ...readable] : execArgv,
    args: [join(folder, 'node_modules', 'ralloc')],
    // A process without permissions may write no coverage either.
    env: { RALLOC_BACKEND: backend, NODE_V8_COVERAGE: '' },
  });
  t.is(code, 0, stderr);
  t.true(result.works);
  return result;
}

for (const [title, execArgv] of [
  ['where the permission model forbids binaries', [permission]],
  ['with --no-addons', ['--no-addons']],
]) {
  binaryTest(`${title}, the fallback serves with one warning that says why`, async (t) => {
    const { backend, warnings } = await loads(t, execArgv);
    t.is(backend, 'js');
    t.is(warnings.length, 1);
    t.is(warnings[0].code, 'RALLOC_JS_BACKEND');
    t.regex(warnings[0].message, /: ERR_DLOPEN_DISABLED: Cannot load native addon .+ disabled$/);
  });
}

binaryTest('with --allow-addons memory is native, without a word', async (t) => {
  const { backend, warnings } = await loads(t, [permission, '--allow-addons']);
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
});

test('who asks for the fallback is not warned under the permission model', async (t) => {
  const { backend, warnings } = await loads(t, [permission], 'js');
  t.is(backend, 'js');
  t.deepEqual(warnings, []);
});
