'use strict';

// Where Rust is on this machine, and whether it will do. npm often runs without `~/.cargo/bin` on
// its PATH, so the usual places are looked through as well; the first toolchain that is new enough
// wins, for a distribution's old cargo may stand before a good one.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** napi 3.16 needs it; Cargo.toml's `rust-version` says the same. */
const MIN_RUST = [1, 88];

const EXE = process.platform === 'win32' ? '.exe' : '';

/** The folders in which cargo may be, best first, without duplicates. */
function cargoFolders(env) {
  const folders = pathFolders(env);
  if (env.CARGO_HOME) folders.push(path.join(env.CARGO_HOME, 'bin'));
  const home = env.HOME || env.USERPROFILE || os.homedir();
  if (home) folders.push(path.join(home, '.cargo', 'bin'));
  return [...new Set(folders)];
}

function pathFolders(env) {
  return (env.PATH || env.Path || '').split(path.delimiter).filter(Boolean);
}

function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function onPath(name, env) {
  return pathFolders(env).some((folder) => isProgram(path.join(folder, name + EXE)));
}

/** `env` with `folder` on its PATH, before everything else. */
function withFolder(env, folder) {
  const name = env.PATH === undefined && env.Path !== undefined ? 'Path' : 'PATH';
  const folders = pathFolders(env).filter((other) => other !== folder);
  return { ...env, [name]: [folder, ...folders].join(path.delimiter) };
}

/** @returns {[number, number] | null} the version of the rustc that is found with `env` */
function rustVersion(env) {
  const answer = spawnSync(`rustc${EXE}`, ['--version'], { env, encoding: 'utf8' });
  const match = /^rustc (\d+)\.(\d+)/.exec(answer.stdout || '');
  return match ? [Number(match[1]), Number(match[2])] : null;
}

function isOlder([major, minor], [wantedMajor, wantedMinor]) {
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

function hasLinker(env) {
  // With MSVC rustc itself finds link.exe; elsewhere it calls a C compiler by name.
  return process.platform === 'win32' || ['cc', 'gcc', 'clang'].some((name) => onPath(name, env));
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ env: NodeJS.ProcessEnv, cargo: string, rust: string, problem: null }
 *   | { env: null, cargo: null, rust: null, problem: string }} `problem` is a phrase for one line
 */
function findToolchain(env = process.env) {
  let problem = 'cargo was found neither on PATH nor in $CARGO_HOME/bin nor in ~/.cargo/bin';
  for (const folder of cargoFolders(env)) {
    const cargo = path.join(folder, `cargo${EXE}`);
    if (!isProgram(cargo)) continue;
    const found = withFolder(env, folder);
    const version = rustVersion(found);
    if (version && !isOlder(version, MIN_RUST)) {
      if (!hasLinker(found)) return nothing('there is no C linker on PATH (cc, gcc or clang)');
      return { env: found, cargo, rust: version.join('.'), problem: null };
    }
    problem = version
      ? `rustc is ${version.join('.')} and must be ${MIN_RUST.join('.')} or newer`
      : 'cargo is there, but rustc does not run';
  }
  return nothing(problem);
}

function nothing(problem) {
  return { env: null, cargo: null, rust: null, problem };
}

module.exports = { findToolchain };
