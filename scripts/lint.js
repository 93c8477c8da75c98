'use strict';

// `npm run lint`: every check, one after another, all of them even if one fails. Each is a program of
// its own (`node scripts/check-words.js`) and says what is wrong with file:line.
// The last line, `lint: N passed, N failed`, is read by scripts/ci/count.js.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const CHECKS = [
  'check-rustfmt.js',
  'check-clippy.js',
  'check-windows.js',
  'check-biome.js',
  'check-imports.js',
  'check-words.js',
  'check-figures.js',
  'check-tests.js',
  'check-mutants.js',
  'check-lock.js',
  'check-package.js',
  'check-platforms.js',
  'check-version.js',
  'check-workflows.js',
  'check-self.js',
];

function run(check) {
  const started = Date.now();
  const { status } = spawnSync(process.execPath, [path.join(__dirname, check)], {
    cwd: path.join(__dirname, '..'),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${check} (${seconds} s)`);
  return status === 0;
}

const failed = CHECKS.filter((check) => !run(check)).length;
console.log(`lint: ${CHECKS.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
