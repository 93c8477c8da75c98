'use strict';

// `npm run build`: builds the native binary when a source is newer than it. Says what it does on
// stderr only, for `npm run demo -- --json` pipes its stdout. A machine that cannot build (no Rust,
// too old a Rust, no linker) is no error: the library has a JavaScript fallback, and one line says
// that it is used. A build that was tried and failed is one.
//
// `--for-tests` builds by a profile that compiles in half of the time, and takes any binary that is
// up to date; without it, such a binary is built again: figures are those of a release.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { libcOfProcess } = require('../lib/memory/binary-file.js');
const { withLock } = require('./lib/lock.js');
const { buildFlags, findNapi, findToolchain } = require('./lib/cargo.js');

const ROOT = path.join(__dirname, '..');
/** Exports that a release does not have. */
const FOR_TESTS = ['--features', 'test-exports'];

const TYPES = 'lib/memory/native.d.ts';
const PROFILE = process.argv.includes('--for-tests') ? 'addon-test' : 'addon';
const BUILT_BY = path.join('target', 'ralloc-profile'); // what the binary was built by
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'addon', '.cargo'];

function say(line) {
  process.stderr.write(`ralloc: ${line}\n`);
}

/** Newest change below `file`. A folder's own time counts: it moves when a file in it is removed. */
function newestChange(file) {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  const inside = fs.readdirSync(file).map((name) => newestChange(path.join(file, name)));
  return Math.max(stats.mtimeMs, ...inside);
}

/** The built binary `ralloc.<platform>-<arch>[-<abi>].node`, the newest if there are several. On Linux that of this C library: others may be beside it. */
function findBinary(root) {
  const abi = { glibc: '-gnu\\w*', musl: '-musl\\w*' }[libcOfProcess()] ?? '(-\\w+)?'; // gnueabihf too
  const name = new RegExp(`^ralloc\\.${process.platform}-${process.arch}${abi}\\.node$`);
  const found = fs
    .readdirSync(root)
    .filter((file) => name.test(file))
    .map((file) => ({ file: path.join(root, file), time: newestChange(path.join(root, file)) }));
  return found.sort((a, b) => b.time - a.time)[0] || null;
}

function isOfProfile(root) {
  const file = path.join(root, BUILT_BY);
  const built = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : 'addon';
  return built === 'addon' || built === PROFILE;
}

function isUpToDate(root) {
  const binary = findBinary(root);
  if (!binary || !fs.existsSync(path.join(root, TYPES)) || !isOfProfile(root)) return false;
  return SOURCES.every((name) => newestChange(path.join(root, name)) <= binary.time);
}

function giveUp(root, reason) {
  const binary = findBinary(root);
  say(
    binary
      ? `not rebuilt, so ${path.basename(binary.file)} is older than its sources: ${reason}`
      : `no native binary, so the JavaScript fallback is used: ${reason}`,
  );
  return 0;
}

function compile(root, napi, toolchain) {
  const started = new Date();
  say(`building the native binary (rustc ${toolchain.rust})`);
  const { status, signal, error } = spawnSync(
    process.execPath,
    [napi, 'build', ...buildFlags(PROFILE), ...FOR_TESTS, '--output-dir', '.', '--dts', TYPES],
    { cwd: root, env: toolchain.env, stdio: ['ignore', 2, 2] },
  );
  const binary = status === 0 ? findBinary(root) : null;
  if (!binary) {
    const how = error ? error.message : signal || `exit code ${status}`;
    say(`the build failed (${how}); RALLOC_BACKEND=js does without the native binary`);
    return 1;
  }
  fs.writeFileSync(path.join(root, BUILT_BY), PROFILE);
  // As old as the start of the build: what was saved while it ran is newer, and is built next time.
  fs.utimesSync(binary.file, started, started);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const what = PROFILE === 'addon' ? '' : ' for tests, which benchmarks must not measure';
  say(`built ${path.basename(binary.file)} in ${seconds} s${what}`);
  return 0;
}

function build(root, env) {
  if (env.RALLOC_BACKEND === 'js') return 0;
  if (!fs.existsSync(path.join(root, 'Cargo.toml')) || isUpToDate(root)) return 0;
  const toolchain = findToolchain(env);
  if (toolchain.problem) return giveUp(root, toolchain.problem);
  const napi = findNapi();
  if (!napi) return giveUp(root, '@napi-rs/cli is not installed (npm install)');
  return withLock(path.join(root, 'target', 'ralloc-build.lock'), say, () =>
    isUpToDate(root) ? 0 : compile(root, napi, toolchain),
  );
}

process.exitCode = build(ROOT, process.env);
