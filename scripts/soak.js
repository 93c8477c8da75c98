'use strict';

// What `npm test` runs a part of, in full: every ending on every adapter, a million requests of the random mix, 200,000 uploads, and
// a thousand kills of processes that share a slab. By hand, on any
// Node: `npm run soak`, or `path/to/node scripts/soak.js`. Takes about ten minutes.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..');
const cli = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const files = [
  'adapters/endings.test.js',
  'adapters/mix.test.js',
  'request/soak.test.js',
  'request/body-soak.test.js',
  'slab/named-kills.test.js',
];

const { status } = spawnSync(
  process.execPath,
  [cli, '--timeout=40m', ...files.map((file) => path.join('__test__', file))],
  { cwd: root, stdio: 'inherit', env: { ...process.env, RALLOC_SOAK: '1' } },
);
process.exitCode = status ?? 1;
