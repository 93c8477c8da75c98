'use strict';

// The crate as `cargo publish` would upload it: packs it, unpacks it into a temporary folder, and there
// runs the examples of its documentation, builds its tests, and builds the documentation with warnings
// as errors. And it says everywhere what the oldest Rust is that it builds with; that it does is left to
// clippy's `incompatible_msrv`, for a machine has one toolchain.
// Dependencies are compiled into the clone's own target folder, so that they are compiled once.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { findToolchain } = require('./lib/cargo.js');

const ROOT = path.join(__dirname, '..');
/** Where the oldest Rust is stated; the first is what the others are held against. */
const STATED = [
  ['Cargo.toml', /^rust-version = "([\d.]+)"/m],
  ['scripts/lib/cargo.js', /MIN_RUST = '([\d.]+)\.0'/],
  ['addon/Cargo.toml', /^rust-version = "([\d.]+)"/m],
  ['src/lib.rs', /^\/\/! Rust ([\d.]+) or later\./m],
  ['src/README.md', /Rust ([\d.]+) or later/],
  ['CONTRIBUTING.md', /Rust ([\d.]+) or later/],
  ['docs/reference/platforms.md', /Rust ([\d.]+) or later/],
];

function oldestRust() {
  const found = STATED.map(([file, pattern]) => {
    const match = pattern.exec(fs.readFileSync(path.join(ROOT, file), 'utf8'));
    return { file, version: match?.[1] };
  });
  const wrong = found.filter(
    ({ version }) => version === undefined || version !== found[0].version,
  );
  for (const { file, version } of wrong) {
    console.error(`${file}:1 says Rust ${version}, and ${STATED[0][0]} ${found[0].version}`);
  }
  return wrong.length === 0;
}

function run(toolchain, cwd, command, args, env = {}) {
  const target = path.join(ROOT, 'target');
  const { status } = spawnSync(command, args, {
    cwd,
    env: { ...toolchain.env, CARGO_TARGET_DIR: target, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) console.error(`failed: ${path.basename(command)} ${args.join(' ')}`);
  return status === 0;
}

/** @returns {boolean} whether the packed crate passes, in `folder`, which is empty */
function checkPacked(toolchain, folder) {
  const cargo = (cwd, args, env) => run(toolchain, cwd, 'cargo', args, env);
  // Built below, from the same files, with its tests.
  if (!cargo(ROOT, ['package', '-p', 'ralloc-core', '--quiet', '--no-verify', '--allow-dirty']))
    return false;
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const name = `ralloc-core-${version}`;
  const packed = path.join(ROOT, 'target', 'package', `${name}.crate`);
  if (!run(toolchain, folder, 'tar', ['-xzf', packed])) return false;
  const crate = path.join(folder, name);
  return [
    cargo(crate, ['test', '--quiet', '--doc']),
    cargo(crate, ['test', '--quiet', '--no-run']),
    cargo(crate, ['doc', '--quiet', '--no-deps'], { RUSTDOCFLAGS: '-D warnings' }),
  ].every(Boolean);
}

function main() {
  const toolchain = findToolchain();
  if (toolchain.problem) {
    console.error(`cannot run cargo: ${toolchain.problem}`);
    return false;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-crate-'));
  try {
    return [oldestRust(), checkPacked(toolchain, folder)].every(Boolean);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = main() ? 0 : 1;
