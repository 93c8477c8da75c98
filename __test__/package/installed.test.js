'use strict';
// tier: tools

// What npm publishes of ralloc, as an application has it: in a folder with spaces in its name, and in a process that Node's permission model lets read the
// application and nothing else. package.test.js has npm pack and install it.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { backend, testWhere } = require('../helpers/backend.js');
const { fixturePath, run } = require('../helpers/child.js');
const { builtBinary } = require('../helpers/copy-of-package.js');
const { installOnce } = require('../helpers/installed.js');
const { Profile } = require('../../tools/recorder/profile.js');
const { version } = require('../../package.json');

const FIXTURE = JSON.stringify(fixturePath('package/use-installed.js'));
const PROGRAMS = {
  'use.cjs': `const ralloc = require('ralloc');\nrequire(${FIXTURE}).useInstalled(ralloc);\n`,
  'use.mjs': `import { createRequire } from 'node:module';
import * as ralloc from 'ralloc';
createRequire(import.meta.url)(${FIXTURE}).useInstalled(ralloc);
`,
};

const installed = installOnce({ prefix: 'My App ', files: PROGRAMS });

test('ralloc in "My App" is loaded by require and by import, and its command runs', async (t) => {
  const folder = installed();
  for (const name of Object.keys(PROGRAMS)) {
    const { result, stderr } = await run('', { path: join(folder, name), cwd: folder });
    const expected = { version, backend, body: 'from the arena', owned: true, keptLength: 0 };
    t.like(result, expected, stderr);
  }
  const command = join(folder, 'node_modules', 'ralloc', 'bin', 'ralloc.js');
  const ralloc = async (...args) => {
    const { code, stderr } = await run('', { path: command, args, cwd: folder });
    t.is(code, 0, stderr);
  };
  await ralloc('profile', '-o', 'my app.jsonl', '--', process.execPath, 'use.mjs');
  t.is(Profile.read(join(folder, 'my app.jsonl')).recorders.length, 1);
  await ralloc('report', 'my app.jsonl');
  t.true(fs.existsSync(join(folder, 'my app.html')));
});

const flags = process.allowedNodeEnvironmentFlags;
const permission = flags.has('--permission') ? '--permission' : '--experimental-permission';
const fixtures = join(__dirname, '..', 'fixtures');

const binaryTest = (title, body) =>
  testWhere(builtBinary !== undefined, 'a binary built here', title, body);

/** What it does in a process with these flags: { backend, works, warnings }. */
async function loads(t, execArgv, asked = '') {
  const folder = installed();
  const readable = [folder, fixtures].map((path) => `--allow-fs-read=${path}`);
  const { code, stderr, result } = await run('memory/which-backend.js', {
    execArgv: execArgv[0] === permission ? [...execArgv, ...readable] : execArgv,
    args: [join(folder, 'node_modules', 'ralloc')],
    // A process without permissions may write no coverage either.
    env: { RALLOC_BACKEND: asked, NODE_V8_COVERAGE: '' },
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
    const { backend: told, warnings } = await loads(t, execArgv);
    t.is(told, 'js');
    t.is(warnings.length, 1);
    t.is(warnings[0].code, 'RALLOC_JS_BACKEND');
    t.regex(warnings[0].message, /: ERR_DLOPEN_DISABLED: Cannot load native addon .+ disabled$/);
  });
}

binaryTest('with --allow-addons memory is native, without a word', async (t) => {
  t.like(await loads(t, [permission, '--allow-addons']), { backend: 'native', warnings: [] });
});

test('who asks for the fallback is not warned under the permission model', async (t) => {
  t.like(await loads(t, [permission], 'js'), { backend: 'js', warnings: [] });
});
