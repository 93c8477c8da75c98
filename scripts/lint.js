'use strict';

// `npm run lint`: every check, two at a time, all of them even if one fails. Each is a program of
// its own (`node scripts/check-words.js`) and says what is wrong with file:line.
// The last line, `lint: N passed, N failed`, is read by scripts/ci/count.js.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const path = require('node:path');
const { program } = require('./lib/program.js');

const CHECKS = [
  'check-clippy.js', // takes longest
  'check-rustfmt.js',
  'check-windows.js',
  'check-biome.js',
  'check-imports.js',
  'check-words.js',
  'check-figures.js',
  'check-tests.js',
  'check-lock.js',
  'check-package.js',
  'check-platforms.js',
  'check-version.js',
  'check-workflows.js',
  'check-self.js',
];

async function run(check) {
  const started = Date.now();
  const child = spawn(process.execPath, [path.join(__dirname, check)], {
    cwd: path.join(__dirname, '..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[status], ...said] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${said.join('')}${status === 0 ? 'ok  ' : 'FAIL'} ${check} (${seconds} s)`);
  return status === 0;
}

program(async () => {
  const next = CHECKS.values();
  let failed = 0;
  const runRest = async () => {
    for (const check of next) if (!(await run(check))) failed++;
  };
  await Promise.all([runRest(), runRest()]);
  console.log(`lint: ${CHECKS.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
});
