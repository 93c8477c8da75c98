'use strict';

// node scripts/release/check-binary.js FILE...   whether binaries (`ralloc.<platform>.node`) are fit to be released:
// small, for the right machine, and asking no more of a system than every system has that runs Node 20.

const fs = require('node:fs');
const path = require('node:path');
const { isElf, parseElf } = require('./elf.js');
const { BINARY } = require('./limits.js');
const { isMachO, parseMachO } = require('./macho.js');
const { TARGETS, platformOf } = require('./targets.js');

/** The oldest glibc of a system that Node 20's own builds run on. */
const MAX_GLIBC = '2.28';

/** Node looks it up by its name; nothing else need be seen. */
const EXPORTS = ['napi_register_module_v1'];

/** What a system has that runs Node. libgcc_s is in none of them by itself. */
const LIBRARIES = {
  glibc:
    /^(?:lib(?:c|m)\.so\.6|lib(?:dl|pthread|rt|util)\.so\.\d|ld-linux-(?:x86-64|aarch64)\.so\.\d)$/,
  musl: /^libc(?:\.musl-\w+)?\.so(?:\.1)?$/,
  macos: /^\/usr\/lib\/lib(?:System\.B|charset\.1|iconv\.2)\.dylib$/,
};

/** The oldest macOS on Apple silicon, for which Node 20 has builds. */
const MAX_MACOS = '11.0';

/** Folders of a machine, which rustc leaves in panic messages unless they are remapped. */
const MACHINE_PATHS = /(?:[\w.-]*[\\/])*\.?cargo[\\/]registry[\\/]src[\\/][\w.-]+/;

/** The end of what is exported for the tests alone: `panicForTest`. */
const FOR_TESTS = /\w+ForTest\b/;

/** The name of a library that a Windows system need not have. */
const VISUAL_C = /\b(?:vcruntime|msvcp)\d+(?:_\d)?\.dll\b/i;

function isNewer(version, than) {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

/** @returns {string | undefined} the newest glibc that is asked for: `2.17` */
function glibcFloor({ versions }) {
  return versions
    .map(({ version }) => /^GLIBC_([\d.]+)$/.exec(version)?.[1])
    .filter((version) => version !== undefined)
    .sort((a, b) => (isNewer(a, b) ? 1 : -1))
    .at(-1);
}

/** What ELF and Mach-O have in common. */
function libraryFaults({ machine, needed, exports, searchPaths }, wanted, known) {
  return [
    ...(machine === wanted ? [] : [`it is for ${machine}, not for ${wanted}`]),
    ...needed.filter((name) => !known.test(name)).map((name) => `it needs ${name}`),
    ...EXPORTS.filter((name) => !exports.includes(name)).map(
      (name) => `it does not export ${name}`,
    ),
    ...searchPaths.map((folder) => `it looks for libraries in ${folder}`),
  ];
}

function elfFaults(bytes, { machine, libc }) {
  if (!isElf(bytes)) return ['it is no ELF library'];
  const elf = parseElf(bytes);
  const faults = libraryFaults(elf, machine, LIBRARIES[libc]);
  const expect = (good, fault) => good || faults.push(fault);
  for (const name of elf.exports) expect(EXPORTS.includes(name), `it exports ${name}`);
  const floor = glibcFloor(elf);
  expect(!floor || libc === 'glibc', `it needs glibc ${floor}, on ${libc}`);
  expect(!floor || !isNewer(floor, MAX_GLIBC), `it needs glibc ${floor}, newer than ${MAX_GLIBC}`);
  expect(!elf.textRelocations, 'it has text relocations');
  expect(!elf.executableStack, 'it wants an executable stack');
  // A destructor of thread-local state that runs after a worker unloaded the library would crash.
  expect(elf.stays || libc !== 'glibc', 'it can be unloaded (-z nodelete is missing)');
  return faults;
}

function machFaults(bytes, { machine }) {
  if (!isMachO(bytes)) return ['it is no Mach-O library'];
  const library = parseMachO(bytes);
  const faults = libraryFaults(library, machine, LIBRARIES.macos);
  if (isNewer(library.minimum, MAX_MACOS))
    faults.push(`it needs macOS ${library.minimum}, newer than ${MAX_MACOS}`);
  // The system kills who loads one on Apple silicon.
  if (machine === 'arm64' && !library.isSigned) faults.push('it has no signature');
  return faults;
}

const COFF = { 34404: 'x64', 43620: 'arm64' };

function windowsFaults(bytes, { platform, machine }) {
  const isImage = bytes.length >= 64 && bytes.toString('latin1', 0, 2) === 'MZ';
  const header = isImage ? bytes.readUInt32LE(60) : Number.POSITIVE_INFINITY;
  const found = header + 6 <= bytes.length ? COFF[bytes.readUInt16LE(header + 4)] : undefined;
  return found === machine ? [] : [`it is not for ${platform}`];
}

const SYSTEMS = { linux: elfFaults, darwin: machFaults, win32: windowsFaults };

/**
 * @param {Buffer} bytes
 * @param {string} platform as npm names it: `linux-x64-gnu`
 * @returns {string[]} what is wrong with it
 */
function binaryFaults(bytes, platform) {
  const target = Object.values(TARGETS).find((one) => one.platform === platform);
  if (target === undefined) return [`${platform} is no platform of ralloc`];
  const faults = [];
  if (bytes.length >= BINARY) faults.push(`${bytes.length} bytes, not under ${BINARY}`);
  const text = bytes.toString('latin1');
  if (VISUAL_C.test(text)) faults.push("it needs Visual C++'s runtime");
  const forTests = FOR_TESTS.exec(text);
  if (forTests !== null) faults.push(`it exports ${forTests[0]}, for tests only`);
  const folder = MACHINE_PATHS.exec(text);
  if (folder !== null) faults.push(`it tells of the machine that built it: ${folder[0]}`);
  try {
    faults.push(...SYSTEMS[platform.split('-')[0]](bytes, target));
  } catch (error) {
    faults.push(error.message);
  }
  return faults;
}

/** What a library that is fit asks of a system. */
function asked(bytes) {
  if (isMachO(bytes)) {
    const { minimum, needed } = parseMachO(bytes);
    return [`macOS ${minimum}`, `needs ${needed.join(' ')}`];
  }
  if (!isElf(bytes)) return [];
  const elf = parseElf(bytes);
  const floor = glibcFloor(elf);
  return [...(floor ? [`glibc ${floor}`] : []), `needs ${elf.needed.join(' ')}`];
}

/** @returns {boolean} whether the file is fit; says so, or why not */
function checkFile(file) {
  const bytes = fs.readFileSync(file);
  const faults = binaryFaults(bytes, platformOf(file) ?? path.basename(file));
  for (const fault of faults) console.log(`${file}: ${fault}`);
  if (faults.length > 0) return false;
  console.log([`${file}: ${bytes.length} bytes`, ...asked(bytes)].join(', '));
  return true;
}

module.exports = { MAX_GLIBC, binaryFaults, checkFile, glibcFloor };

if (require.main === module) {
  const files = process.argv.slice(2);
  if (files.length === 0) console.log('usage: node scripts/release/check-binary.js FILE...');
  process.exitCode = files.length > 0 && files.map(checkFile).every(Boolean) ? 0 : 1;
}
