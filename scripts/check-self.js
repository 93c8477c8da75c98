'use strict';

// The checks check themselves: each must find in small wrong trees what it is there to find.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const TESTED = [
  'check-imports.js',
  'check-words.js',
  'check-figures.js',
  'check-tests.js',
  'check-lock.js',
  'check-package.js',
  'check-platforms.js',
  'check-version.js',
  'check-workflows.js',
  'ci/count.js',
];

function passes(name) {
  const script = path.join(__dirname, name);
  const { status } = spawnSync(process.execPath, [script, '--self-test'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) console.log(`scripts/${name}:1: its self-test fails`);
  return status === 0;
}

process.exitCode = TESTED.map(passes).every(Boolean) ? 0 : 1;
