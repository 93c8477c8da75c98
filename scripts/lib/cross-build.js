'use strict';

// Builds the binary for another platform: Debian's Rust, since it has the sources of its standard library, which is built for the platform too,
// and zig, which has every platform's C library and links.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execute } = require('./brought.js');
const { debian } = require('./debian.js');
const { withZig, zigProblem } = require('../release/get-zig.js');
const { TARGETS, BUILT_FOR_GLIBC, binaryName } = require('../release/targets.js');

const RUST = ['rustc-web', 'cargo-web', 'rust-web-src', 'libstd-rust-web-dev'];
const MOST_MS = 3_600_000; // on a machine that others use as well
const LIBRARIES = ['lib', 'x86_64-linux-gnu'];

const RELEASE = ['--manifest-path', 'addon/Cargo.toml', '--profile', 'addon'];

/** The binary as tests load it, with the exports that they use. */
const ADDON = [...RELEASE, '--features', 'test-exports'];

const rustOf = (tools) => path.join(tools, 'rust', 'usr');

/** Rust and zig. */
async function bringCross(tools) {
  await debian(tools, 'rust', RUST, { isWhole: true });
  if (zigProblem(process.env))
    execute(process.execPath, [path.join(__dirname, '..', 'release', 'get-zig.js')]);
}

const llvmOf = (tools) => path.join(tools, 'llvm', 'usr');

/** What Debian's Rust does not have and calls to strip a library for macOS, `rust-objcopy`, and what reads that library. */
async function bringStrip(tools) {
  await debian(tools, 'llvm', ['llvm-19'], {
    isWhole: true,
    finish(part) {
      for (const [name, target] of [
        ['rust-objcopy', 'llvm-objcopy-19'],
        ['llvm-objdump', 'llvm-objdump-19'],
      ])
        fs.symlinkSync(target, path.join(part, 'usr', 'bin', name));
    },
  });
}

/** As a release for macOS: without folders of this machine, and for the oldest system that it runs on, where zig would take the newest. */
function forMacos(tools) {
  const home = process.env.CARGO_HOME || path.join(os.homedir(), '.cargo');
  const [rust, llvm] = [rustOf(tools), llvmOf(tools)];
  return {
    LD_LIBRARY_PATH: [rust, llvm].map((usr) => path.join(usr, ...LIBRARIES)).join(path.delimiter),
    MACOSX_DEPLOYMENT_TARGET: '11.0',
    RUSTFLAGS: `--remap-path-prefix=${path.join(home, 'registry', 'src')}=crates`,
  };
}

/** The environment in which cargo builds for `triple`, its own standard library too. */
function crossEnv(root, tools, triple, env = process.env) {
  const usr = rustOf(tools);
  const { RUSTFLAGS, ...rest } = withZig(env);
  const { libc, platform } = TARGETS[triple];
  return {
    ...rest,
    PATH: [...[usr, llvmOf(tools)].map((one) => path.join(one, 'bin')), rest.PATH].join(
      path.delimiter,
    ),
    RUSTC: path.join(usr, 'bin', 'rustc'),
    LD_LIBRARY_PATH: path.join(usr, ...LIBRARIES),
    RUSTC_BOOTSTRAP: '1',
    CARGO_UNSTABLE_BUILD_STD: 'std,panic_unwind',
    CARGO_TARGET_DIR: path.join(root, 'target', 'platforms'),
    ...(platform.startsWith('darwin') && forMacos(tools)),
    ...(libc === 'musl' && { RUSTFLAGS: '-Ctarget-feature=-crt-static' }),
  };
}

/** Runs cargo for `triple`, by zig; throws what it said. */
function crossCargo(root, tools, triple, command, args) {
  const suffix = TARGETS[triple].libc === 'glibc' ? `.${BUILT_FOR_GLIBC}` : '';
  execute('cargo-zigbuild', [command, '--target', `${triple}${suffix}`, ...args], {
    cwd: root,
    timeout: MOST_MS,
    env: crossEnv(root, tools, triple),
  });
}

/** Puts what cargo built for `triple`, one of `libraries`, into the root as `name`. @returns its path */
function placeBinary(root, triple, name, libraries) {
  const folder = path.join(root, 'target', 'platforms', triple, 'addon');
  const built = libraries.map((one) => path.join(folder, one)).find((one) => fs.existsSync(one));
  if (built === undefined) throw new Error(`cargo built no library for ${triple}`);
  const binary = path.join(root, name);
  fs.copyFileSync(built, `${binary}.part`);
  fs.renameSync(`${binary}.part`, binary);
  return binary;
}

/** @returns the path in the root of the binary, which is as tests load it, or another one of `addon` */
function buildCross(root, tools, triple, addon = ADDON) {
  const name = binaryName(TARGETS[triple].platform);
  console.error(`platforms: building ${name}`);
  crossCargo(root, tools, triple, 'zigbuild', addon);
  return placeBinary(root, triple, name, ['libralloc.so', 'libralloc.dylib']);
}

module.exports = {
  ADDON,
  MOST_MS,
  RELEASE,
  bringCross,
  bringStrip,
  buildCross,
  crossCargo,
  crossEnv,
  placeBinary,
};
