'use strict';

// How much of lib/ and tools/ is reached by the tests: those of run-time and tools, which fail where it is less than package.json asks (`c8`), or by some files, without a limit.
//
//   node scripts/coverage.js [FILE…]
//
// Not in .ci/run: what a test starts takes up to twice as long while it is counted.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const C8 = path.join('node_modules', 'c8', 'bin', 'c8.js');

const runs = (args, env = {}) =>
  spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  }).status === 0;

const files = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-coverage-'));
try {
  const tests = files.length > 0 ? [['all', ...files]] : [['run-time'], ['tools']];
  const passed = tests.map((args) =>
    runs([path.join('scripts', 'test.js'), ...args], { NODE_V8_COVERAGE: folder }),
  );
  const report = [C8, 'report', '--temp-directory', folder, '--reporter', 'text-summary'];
  const isEnough = runs([...report, `--check-coverage=${files.length === 0}`]);
  process.exitCode = isEnough && passed.every(Boolean) ? 0 : 1;
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
