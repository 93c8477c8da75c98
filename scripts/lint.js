'use strict';

// `npm run lint`: every check, all of them even if one fails, or those that are named (`node scripts/lint.js words imports`). A check
// is a program, or a file of scripts/lint/, which says what is wrong with file:line. Programs and files run beside each other.
// The last line, `lint: N passed, N failed`, is read by scripts/ci/count.js.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const path = require('node:path');
const { findToolchain } = require('./lib/cargo.js');
const { program } = require('./lib/program.js');
const { hostTriple } = require('./release/targets.js');
const { checkVersion } = require('./release/version.js');

const ROOT = path.join(__dirname, '..');
const STRICT = ['--', '-D', 'warnings'];

const cargo = (...args) => ['cargo', ...args];
const clippy = (...args) => cargo('clippy', ...args, ...STRICT);
const BIOME = path.join('node_modules', '@biomejs', 'biome', 'bin', 'biome');

/**
 * Elsewhere than on Windows, src/os/pages/windows.rs stands in the place of the Unix ones:
 * windows-sys has its declarations on every platform. By --target, what makes macros is shared.
 */
const HOST = hostTriple();
const WINDOWS = [
  ...['--target', HOST],
  ...['--config', `target.${HOST}.rustflags=["--cfg", "ralloc_check_windows"]`],
];

/** By name: command lines, all of which must end well. */
const PROGRAMS = {
  clippy: [
    clippy('--all-targets'),
    clippy('--workspace', '--lib', '--features', 'ralloc-core/debug'),
    clippy('--lib', '--no-default-features'),
    clippy('--workspace', '--lib'), // with napi linked no test program links: the symbols are Node's
  ],
  windows: [clippy(...WINDOWS, '--lib', '--tests')], // the addon over it is built where there is Windows
  rustfmt: [
    cargo('fmt', '--all', '--', '--check'),
    cargo('fmt', '--manifest-path', 'bench/core/Cargo.toml', '--', '--check'),
  ],
  biome: [[process.execPath, BIOME, 'check', '--error-on-warnings']],
  types: [[process.execPath, path.join('node_modules', 'tsd', 'dist', 'cli.js')]],
};

const FILES = {
  imports: () => require('./lint/imports.js'),
  rust: () => require('./lint/rust.js'),
  words: () => require('./lint/words.js'),
  lock: () => require('./lint/lock.js'),
  package: () => require('./lint/package.js'),
  platforms: () => require('./lint/platforms.js'),
  version: () => checkVersion,
  workflows: () => require('./lint/workflows.js'),
};

const toolchain = findToolchain();

/** Runs a command line: what it printed if it failed. */
async function execute([command, ...args]) {
  if (command === 'cargo' && toolchain.problem) return `cannot run cargo: ${toolchain.problem}\n`;
  const stdio = ['ignore', 'pipe', 'pipe'];
  const child = spawn(command, args, { cwd: ROOT, env: toolchain.env ?? process.env, stdio });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await once(child, 'close');
  return status === 0 ? '' : `${(await output).join('')}failed: ${command} ${args.join(' ')}\n`;
}

async function runProgram(name) {
  const said = [];
  for (const line of PROGRAMS[name]) said.push(await execute(line));
  return said.join('');
}

async function runFile(name) {
  try {
    const findings = await FILES[name]()(ROOT);
    return findings.map(({ file, line, what }) => `${file}:${line}: ${what}\n`).join('');
  } catch (error) {
    return `${error.stack}\n`;
  }
}

/** Runs checks one after another. @returns {Promise<number>} how many failed */
async function runAll(names, run) {
  let failed = 0;
  for (const name of names) {
    const begun = Date.now();
    const said = await run(name);
    const seconds = ((Date.now() - begun) / 1000).toFixed(1);
    console.log(`${said}${said === '' ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
    if (said !== '') failed++;
  }
  return failed;
}

program(async () => {
  const named = process.argv.slice(2);
  const known = [...Object.keys(PROGRAMS), ...Object.keys(FILES)];
  const unknown = named.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no check ${unknown}; there are ${known.join(', ')}`);
  const chosen = known.filter((name) => named.length === 0 || named.includes(name));
  const [programs, files] = [PROGRAMS, FILES].map((all) => chosen.filter((name) => name in all));
  const counts = await Promise.all([runAll(programs, runProgram), runAll(files, runFile)]);
  const failed = counts[0] + counts[1];
  console.log(`lint: ${chosen.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
});
