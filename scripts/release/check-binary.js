'use strict';

// node scripts/release/check-binary.js FILE...   whether binaries (`ralloc.<platform>.node`) are fit to be released: small, for the
// right machine, and asking no more of a system than every system has that runs Node 20. binutils' readelf reads those of Linux, LLVM's
// objdump those of macOS.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { program } = require('../lib/program.js');
const { BUILT_FOR_GLIBC, PLATFORMS, platformOf } = require('./targets.js');

/** How large a binary may be, in bytes. docs/reference/platforms.md says the same. */
const BINARY = 800_000;

/** Node looks it up by its name. */
const ENTRY = 'napi_register_module_v1';

/** What a system has that runs Node. libgcc_s is in none of them by itself. */
const LIBRARIES = {
  glibc:
    /^(?:lib(?:c|m)\.so\.6|lib(?:dl|pthread|rt|util)\.so\.\d|ld-linux-(?:x86-64|aarch64)\.so\.\d)$/,
  musl: /^libc(?:\.musl-\w+)?\.so(?:\.1)?$/,
  macos: /^\/usr\/lib\/lib(?:System\.B|charset\.1|iconv\.2)\.dylib$/,
};

/** The oldest macOS on Apple silicon, for which Node 20 has builds. */
const OLDEST_MACOS = '11.0';

const isNewer = (version, than) => version.localeCompare(than, 'en', { numeric: true }) > 0;

/** The machine that the head of a library names, in the format of a system; undefined where it is not one. */
const MACHINES = {
  linux: (bytes) => bytes.readUInt32BE(0) === 0x7f454c46 && bytes.readUInt16LE(18),
  darwin: (bytes) => bytes.readUInt32LE(0) === 0xfeedfacf && bytes.readUInt32LE(4),
  win32: (bytes) =>
    bytes.toString('latin1', 0, 2) === 'MZ' && bytes.readUInt16LE(bytes.readUInt32LE(60) + 4),
};
const NUMBERS = {
  linux: { x64: 62, arm64: 183 },
  darwin: { x64: 0x1000007, arm64: 0x100000c },
  win32: { x64: 0x8664, arm64: 0xaa64 },
};

/** Whether the head of a file is that of a platform's library. */
function isFor(platform, bytes) {
  const [system, machine] = platform.split('-');
  try {
    return MACHINES[system](bytes) === NUMBERS[system][machine];
  } catch {
    return false; // shorter than a head
  }
}

/** What a program prints of a file; it may not be installed. */
const ask = (program, args, env) =>
  execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] });

const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

const alien = (names, known) =>
  names.filter((name) => !known.test(name)).map((name) => `it needs ${name}`);

const READELF = ['--file-header', '--dynamic', '--version-info', '--dyn-syms', '--program-headers'];

function elfFaults(file, { libc }, env) {
  const said = ask('readelf', ['--wide', ...READELF, file], env);
  const exported = all(said, /(?:GLOBAL|WEAK|UNIQUE) +(?:DEFAULT|PROTECTED) +\d+ (\S+)/g);
  const versions = all(said, /Name: GLIBC_([\d.]+)/g);
  const newest = libc === 'glibc' ? BUILT_FOR_GLIBC : '0';
  return [
    ...alien(all(said, /\(NEEDED\).*\[(.*)\]/g), LIBRARIES[libc]),
    ...(exported.includes(ENTRY) ? [] : [`it does not export ${ENTRY}`]),
    ...exported.filter((name) => name !== ENTRY).map((name) => `it exports ${name}`),
    ...all(said, /\(R(?:UN)?PATH\).*\[(.*)\]/g).map((one) => `it looks for libraries in ${one}`),
    ...versions.filter((one) => isNewer(one, newest)).map((one) => `it needs glibc ${one}`),
    ...(/\(TEXTREL\)|\bTEXTREL\b/.test(said) ? ['it has text relocations'] : []),
    // Without a note about it the loader makes the stack executable.
    ...(/GNU_STACK .* RW {2}/.test(said) ? [] : ['it wants an executable stack']),
    // A destructor of thread-local state that runs after a worker unloaded the library would crash.
    ...(/\bNODELETE\b/.test(said) || libc !== 'glibc' ? [] : ['it can be unloaded']),
  ];
}

const OBJDUMP = ['--macho', '--private-headers', '--exports-trie'];

function machFaults(file, { machine }, env) {
  const program = process.platform === 'darwin' ? 'objdump' : 'llvm-objdump';
  const said = ask(program, [...OBJDUMP, file], env);
  const [minimum = '0'] = all(said, /(?:minos|_MACOSX\n.*\n +version) ([\d.]+)/g);
  return [
    ...alien(all(said, /LC_(?:LOAD|REEXPORT)\w*_DYLIB\n.*\n +name (\S+)/g), LIBRARIES.macos),
    ...(said.includes(`_${ENTRY}`) ? [] : [`it does not export ${ENTRY}`]),
    ...all(said, /LC_RPATH\n.*\n +path (\S+)/g).map((one) => `it looks for libraries in ${one}`),
    ...(isNewer(minimum, OLDEST_MACOS) ? [`it needs macOS ${minimum}`] : []),
    // The system kills who loads one on Apple silicon.
    ...(machine === 'arm64' && !said.includes('LC_CODE_SIGNATURE') ? ['it has no signature'] : []),
  ];
}

/** What no binary has in its text. */
const UNFIT = [
  [
    /(?:[\w.-]*[\\/])*\.?cargo[\\/]registry[\\/]src[\\/][\w.-]+/,
    'it tells of the machine that built it',
  ],
  [/\w+ForTest\b/, 'it exports what is for tests only'],
  [/\b(?:vcruntime|msvcp)\d+(?:_\d)?\.dll\b/i, "it needs Visual C++'s runtime"],
];

/**
 * @param {string} file whose name says the platform
 * @param {NodeJS.ProcessEnv} [env] where the programs are that read it
 * @returns {string[]} what is wrong with it
 */
function binaryFaults(file, env = process.env) {
  const platform = platformOf(file);
  if (!(platform in PLATFORMS)) return [`${path.basename(file)} is for no platform of ralloc`];
  const bytes = fs.readFileSync(file);
  if (!isFor(platform, bytes)) return [`it is no library for ${platform}`];
  const faults = [];
  if (bytes.length >= BINARY) faults.push(`it has ${bytes.length} bytes, not under ${BINARY}`);
  for (const [pattern, what] of UNFIT) {
    const [found] = pattern.exec(bytes.toString('latin1')) ?? [];
    if (found !== undefined) faults.push(`${what}: ${found}`);
  }
  const [system] = platform.split('-');
  const read = { linux: elfFaults, darwin: machFaults, win32: () => [] }[system];
  return [...faults, ...read(file, PLATFORMS[platform], env)];
}

/** @returns {boolean} whether the file is fit; says so, or why not */
function checkFile(file) {
  const faults = binaryFaults(file);
  for (const fault of faults) console.error(`${file}: ${fault}`);
  if (faults.length === 0) console.log(`${file}: ${fs.statSync(file).size} bytes`);
  return faults.length === 0;
}

module.exports = { BINARY, binaryFaults, checkFile, isFor };

if (require.main === module)
  program(() => {
    const files = process.argv.slice(2);
    if (files.length === 0) throw new Error('usage: node scripts/release/check-binary.js FILE...');
    process.exitCode = files.map(checkFile).every(Boolean) ? 0 : 1;
  });
