'use strict';

// node scripts/release/check-binary.js FILE...   whether binaries (`ralloc.<platform>.node`) are fit to be released:
// small, for the right machine, and asking no more of a system than every system has that runs Node 20.

const fs = require('node:fs');
const path = require('node:path');
const { isElf, parseElf } = require('./elf.js');
const { BINARY } = require('./limits.js');
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
};

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

function elfFaults(bytes, { machine, libc }) {
  if (!isElf(bytes)) return ['it is no ELF library'];
  const elf = parseElf(bytes);
  const faults = [];
  const expect = (good, fault) => good || faults.push(fault);
  expect(elf.machine === machine, `it is for ${elf.machine}, not for ${machine}`);
  for (const name of elf.needed) expect(LIBRARIES[libc].test(name), `it needs ${name}`);
  const floor = glibcFloor(elf);
  expect(!floor || libc === 'glibc', `it needs glibc ${floor}, on ${libc}`);
  expect(!floor || !isNewer(floor, MAX_GLIBC), `it needs glibc ${floor}, newer than ${MAX_GLIBC}`);
  for (const name of elf.exports) expect(EXPORTS.includes(name), `it exports ${name}`);
  for (const name of EXPORTS) expect(elf.exports.includes(name), `it does not export ${name}`);
  for (const folder of elf.searchPaths) expect(false, `it looks for libraries in ${folder}`);
  expect(!elf.textRelocations, 'it has text relocations');
  expect(!elf.executableStack, 'it wants an executable stack');
  // A destructor of thread-local state that runs after a worker unloaded the library would crash.
  expect(elf.stays || libc !== 'glibc', 'it can be unloaded (-z nodelete is missing)');
  return faults;
}

const COFF = { 34404: 'x64', 43620: 'arm64' };
const MACH = { 16777223: 'x64', 16777228: 'arm64' };

/** @returns {string | undefined} the machine of a Windows or macOS library */
function machineOf(bytes) {
  if (bytes.length < 64) return undefined;
  if (bytes.toString('latin1', 0, 2) === 'MZ') {
    const header = bytes.readUInt32LE(60);
    return header + 6 <= bytes.length ? COFF[bytes.readUInt16LE(header + 4)] : undefined;
  }
  return bytes.readUInt32LE(0) === 0xfeedfacf ? MACH[bytes.readUInt32LE(4)] : undefined;
}

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
    if (target.libc !== undefined) faults.push(...elfFaults(bytes, target));
    else if (machineOf(bytes) !== target.machine) faults.push(`it is not for ${platform}`);
  } catch (error) {
    faults.push(error.message);
  }
  return faults;
}

/** @returns {boolean} whether the file is fit; says so, or why not */
function checkFile(file) {
  const bytes = fs.readFileSync(file);
  const faults = binaryFaults(bytes, platformOf(file) ?? path.basename(file));
  for (const fault of faults) console.log(`${file}: ${fault}`);
  if (faults.length > 0) return false;
  const elf = isElf(bytes) ? parseElf(bytes) : undefined;
  const floor = elf && glibcFloor(elf);
  console.log(
    `${file}: ${bytes.length} bytes${floor ? `, glibc ${floor}` : ''}${elf ? `, needs ${elf.needed.join(' ')}` : ''}`,
  );
  return true;
}

module.exports = { MAX_GLIBC, binaryFaults, checkFile, glibcFloor };

if (require.main === module) {
  const files = process.argv.slice(2);
  if (files.length === 0) console.log('usage: node scripts/release/check-binary.js FILE...');
  process.exitCode = files.length > 0 && files.map(checkFile).every(Boolean) ? 0 : 1;
}
