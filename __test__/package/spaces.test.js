'use strict';
// tier: tools

// What npm publishes of ralloc, in a folder with spaces in its name; package.test.js has npm pack and install it.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { backend } = require('../helpers/backend.js');
const { fixturePath, run } = require('../helpers/child.js');
const { install } = require('../helpers/installed.js');
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

test('ralloc in "My App" is loaded by require and by import, and its command runs', async (t) => {
  const cwd = install(t, { prefix: 'My App ', files: PROGRAMS });
  for (const name of Object.keys(PROGRAMS)) {
    const { result, stderr } = await run('', { path: path.join(cwd, name), cwd });
    t.like(
      result,
      { version, backend, body: 'from the arena', owned: true, keptLength: 0 },
      stderr,
    );
  }
  const command = path.join(cwd, 'node_modules', 'ralloc', 'bin', 'ralloc.js');
  const args = ['profile', '-o', 'my app.jsonl', '--', process.execPath, 'use.mjs'];
  const { code, stderr } = await run('', { path: command, args, cwd });
  t.is(code, 0, stderr);
  t.is(Profile.read(path.join(cwd, 'my app.jsonl')).recorders.length, 1);
  const report = await run('', { path: command, args: ['report', 'my app.jsonl'], cwd });
  t.is(report.code, 0, report.stderr);
  t.true(fs.existsSync(path.join(cwd, 'my app.html')));
});
