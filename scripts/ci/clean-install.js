'use strict';

// node scripts/ci/clean-install.js   whether `npm ci`, with which every job of the release begins, accepts package.json and
// its lock: run by npm 11, which checks more than npm 10 does, in a copy that has nothing else. An npm that is
// older is asked to fetch that one.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { program } = require('../lib/program.js');

const ROOT = path.join(__dirname, '..', '..');
const NPM = 11;

function npm(args, cwd, stdio) {
  const { status, stdout, error } = spawnSync('npm', args, {
    cwd,
    stdio,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  return { status, stdout };
}

/** The arguments that have npm 11 run. */
function npm11(folder) {
  const { stdout } = npm(['--version'], folder, ['ignore', 'pipe', 'ignore']);
  return Number.parseInt(stdout, 10) >= NPM ? [] : ['exec', '--yes', `npm@${NPM}`, '--'];
}

function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-clean-install-'));
  try {
    for (const file of ['package.json', 'package-lock.json'])
      fs.copyFileSync(path.join(ROOT, file), path.join(folder, file));
    const show = ['ignore', 'inherit', 'inherit'];
    const args = [...npm11(folder), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'];
    if (npm(args, folder, show).status !== 0) throw new Error('npm ci failed');
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

program(main);
