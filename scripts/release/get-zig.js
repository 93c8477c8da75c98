'use strict';

// node scripts/release/get-zig.js   puts zig and cargo-zigbuild, which link the releases for Linux, into target/tools/,
// where scripts/release/build-release.js looks for them. Needs Python 3 with venv. What is there already is kept.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { program } = require('../lib/program.js');
const { ROOT } = require('./targets.js');

const PACKAGES = ['ziglang==0.17.0', 'cargo-zigbuild==0.24.1'];

const TOOLS = path.join(ROOT, 'target', 'tools');
const VENV = path.join(TOOLS, 'zig');
const WINDOWS = process.platform === 'win32';
const binOf = (tools) => path.join(tools, 'zig', WINDOWS ? 'Scripts' : 'bin');
const pythonOf = (tools) => path.join(binOf(tools), WINDOWS ? 'python.exe' : 'python3');
const PYTHON = pythonOf(TOOLS);

/** `env` in which cargo finds cargo-zigbuild, and that one finds zig. */
function withZig(env) {
  return {
    ...env,
    PATH: [binOf(TOOLS), env.PATH].join(path.delimiter),
    ...(fs.existsSync(PYTHON) ? { CARGO_ZIGBUILD_PYTHON_PATH: PYTHON } : {}),
  };
}

/** @returns {string | undefined} what is missing for a build by zig: it is looked for before anything is built */
function zigProblem(env, tools = TOOLS) {
  const folders = [binOf(tools), ...(env.PATH ?? '').split(path.delimiter)];
  const isThere = (name) =>
    folders.some((folder) => fs.existsSync(path.join(folder, WINDOWS ? `${name}.exe` : name)));
  const missing = ['cargo-zigbuild', 'zig'].filter(
    (name) => !isThere(name) && !(name === 'zig' && fs.existsSync(pythonOf(tools))),
  );
  if (missing.length === 0) return undefined;
  return `there is no ${missing.join(' and no ')}; node scripts/release/get-zig.js installs them`;
}

function run(program, args) {
  console.error(`${program} ${args.join(' ')}`);
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${program} failed: ${error ? error.message : status}`);
}

function main() {
  if (!fs.existsSync(PYTHON)) run(WINDOWS ? 'python' : 'python3', ['-m', 'venv', VENV]);
  run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
}

module.exports = { withZig, zigProblem };

if (require.main === module) program(main);
