'use strict';

// Rust on this machine: where it is, whether it will do, and the programs of it that scripts run.

const { spawnSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

/** napi 3.16 needs it; Cargo.toml's `rust-version` says the same, and check-crate.js compares. */
const MIN_RUST = '1.88.0';

/** What every build of the binary has in common; see addon/Cargo.toml. */
const buildFlags = (profile = 'addon') => [
  ...['--manifest-path', 'addon/Cargo.toml', '--profile', profile],
  ...['--platform', '--no-js'],
];

const isThere = (program, env) =>
  spawnSync(program, ['--version'], { env, stdio: 'ignore' }).status === 0;

/** npm often runs without rustup's folder on its PATH, and a distribution's old Rust may stand there before a good one. */
function* environments(env) {
  yield env;
  const home = path.join(env.CARGO_HOME || path.join(os.homedir(), '.cargo'), 'bin');
  const name = Object.keys(env).find((key) => /^path$/i.test(key)) ?? 'PATH';
  yield { ...env, [name]: [home, env[name]].join(path.delimiter) };
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ env: NodeJS.ProcessEnv, rust: string } | { problem: string }} the environment that has Rust on its PATH, or a phrase for one line
 */
function findToolchain(env = process.env) {
  let problem = 'cargo was found neither on PATH nor in $CARGO_HOME/bin nor in ~/.cargo/bin';
  for (const found of environments(env)) {
    const { stdout } = spawnSync('rustc', ['--version'], { env: found, encoding: 'utf8' });
    const [, rust] = /^rustc ([\d.]+)/.exec(stdout ?? '') ?? [];
    if (rust === undefined || !isThere('cargo', found)) continue;
    problem = `rustc is ${rust} and must be ${MIN_RUST} or newer`;
    if (rust.localeCompare(MIN_RUST, 'en', { numeric: true }) < 0) continue;
    // With MSVC rustc itself finds link.exe.
    if (process.platform === 'win32' || isThere('cc', found)) return { env: found, rust };
    problem = 'there is no C linker on PATH (cc)';
  }
  return { problem };
}

/** @returns {boolean} whether every one of the command lines of cargo ended well */
function cargo(...commands) {
  const { env, problem } = findToolchain();
  if (problem !== undefined) console.error(`cannot run cargo: ${problem}`);
  return (
    problem === undefined &&
    commands.every((args) => {
      const options = { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] };
      return spawnSync('cargo', args, options).status === 0;
    })
  );
}

/** The napi program of this clone's node_modules, run by this Node: no npx, no network; null where it is not installed. */
function findNapi() {
  try {
    const manifest = require.resolve('@napi-rs/cli/package.json');
    return path.join(path.dirname(manifest), require(manifest).bin.napi);
  } catch {
    return null;
  }
}

module.exports = { buildFlags, cargo, findNapi, findToolchain };
