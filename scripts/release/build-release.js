'use strict';

// node scripts/release/build-release.js [TARGET] [--output-dir DIR]
// Builds the binary for TARGET (Rust's name; this host's by default) as it is released, into DIR (artifacts/), and
// checks it. Linux is linked by zig, against an old glibc or musl and without libgcc_s: scripts/release/get-zig.js.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { checkFile } = require('./check-binary.js');
const { withZig, zigProblem } = require('./get-zig.js');
const { buildFlags, findNapi, findToolchain } = require('../lib/cargo.js');
const { program } = require('../lib/program.js');
const { BUILT_FOR_GLIBC, ROOT, TARGETS, binaryName, hostTriple } = require('./targets.js');

function run(program, args, env) {
  const { status, error } = spawnSync(program, args, { cwd: ROOT, env, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  throw new Error(
    `${path.basename(program)} ${args[0]}: ${error?.message ?? `exit code ${status}`}`,
  );
}

/**
 * rustc's flags. Panic messages name folders of this machine: they get short names. A musl library that Node can
 * load is linked dynamically; napi says so in RUSTFLAGS, which what is set here goes before. On Windows the C
 * runtime is linked in, as it is in Node: not every system has Visual C++'s.
 */
function rustFlags(env, { libc, platform }) {
  const home = env.CARGO_HOME || path.join(os.homedir(), '.cargo');
  const registries = path.join(home, 'registry', 'src');
  const folders = fs.existsSync(registries) ? fs.readdirSync(registries) : [];
  return [
    ...folders.map((name) => `--remap-path-prefix=${path.join(registries, name)}=crates`),
    `--remap-path-prefix=${ROOT}=ralloc`,
    ...(libc === 'musl' ? ['-Ctarget-feature=-crt-static'] : []),
    ...(platform.startsWith('win32') ? ['-Ctarget-feature=+crt-static'] : []),
  ].join('\u001f');
}

/** The flags that have zig link, where it does. */
function linking(triple, libc) {
  if (libc === undefined) return ['--target', triple];
  const suffix = libc === 'glibc' ? `.${BUILT_FOR_GLIBC}` : '';
  return ['--cross-compile', '--target', `${triple}${suffix}`];
}

function build(triple, folder) {
  const target = TARGETS[triple];
  if (target === undefined) {
    throw new Error(`unknown target ${triple}; there are ${Object.keys(TARGETS).join(', ')}`);
  }
  const toolchain = findToolchain();
  if (toolchain.problem) throw new Error(toolchain.problem);
  const missing = target.libc === undefined ? undefined : zigProblem(toolchain.env);
  if (missing) throw new Error(missing);
  const napi = findNapi();
  if (!napi) throw new Error('@napi-rs/cli is not installed (npm install)');
  fs.mkdirSync(folder, { recursive: true });
  // What is to be remapped must be there.
  run('cargo', ['fetch', '--locked'], toolchain.env);
  const env = {
    ...(target.libc === undefined ? toolchain.env : withZig(toolchain.env)),
    CARGO_ENCODED_RUSTFLAGS: rustFlags(toolchain.env, target),
  };
  const flags = [...buildFlags(), ...linking(triple, target.libc)];
  const types = path.join(folder, `${target.platform}.d.ts`);
  run(
    process.execPath,
    [napi, 'build', ...flags, '--output-dir', folder, '--dts', path.basename(types)],
    env,
  );
  fs.rmSync(types, { force: true });
  return path.join(folder, binaryName(target.platform));
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'output-dir': { type: 'string', default: 'artifacts' } },
  });
  const folder = path.resolve(ROOT, values['output-dir']);
  const file = build(positionals[0] ?? hostTriple(), folder);
  process.exitCode = checkFile(file) ? 0 : 1;
}

program(main);
