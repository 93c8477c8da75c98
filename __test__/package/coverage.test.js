'use strict';
// tier: tools

// What `npm run coverage` tells, of one file.

const test = require('ava');
const { execFile } = require('node:child_process');
const { join } = require('node:path');
const needs = require('../helpers/needs.js');

const ROOT = join(__dirname, '..', '..');

/** The files of tests are those that git knows. */
const needsGit = (title, body) => needs.needsGit(title, body, test);

/** `{ code, stdout }` of the script with `files`. */
const covered = (...files) =>
  new Promise((resolve) => {
    const { NODE_V8_COVERAGE: _, ...env } = process.env;
    const args = [join(ROOT, 'scripts', 'coverage.js'), ...files];
    execFile(process.execPath, args, { cwd: ROOT, env }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, stdout }),
    );
  });

needsGit(
  'coverage of one file: its tests, and the share of the lines that they reach',
  async (t) => {
    const { code, stdout } = await covered('__test__/base/time.test.js');
    t.is(code, 0, stdout);
    t.regex(stdout, /^\d+ passed, 0 failed$/m);
    const [, reached, all] = /^Lines\s+: [\d.]+% \( (\d+)\/(\d+) \)$/m.exec(stdout) ?? [];
    t.true(Number(reached) > 0 && Number(reached) < Number(all), stdout);
  },
);

needsGit('coverage of a file that is none: exit code 1', async (t) => {
  const { code } = await covered('__test__/base/nosuch.test.js');
  t.is(code, 1);
});
