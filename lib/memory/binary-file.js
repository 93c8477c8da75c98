'use strict';

// Reads the file of a Linux binary before it is loaded: which machine and C library it is for, and
// whether all of it is there. The system's loader names neither of the first two when it refuses,
// and ends the process with a bus error over a file that was cut off.

const fs = require('node:fs');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');

const MACHINES = { 62: 'x64', 183: 'arm64' };
const SEGMENT = { load: 1, interpreter: 3 };

/** More than the headers of any Node or binary of ralloc take. */
const HEAD = 4096;

function readHead(file) {
  const fd = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(HEAD);
    const length = fs.readSync(fd, bytes, 0, HEAD, 0);
    return { bytes: bytes.subarray(0, length), size: fs.fstatSync(fd).size };
  } finally {
    fs.closeSync(fd);
  }
}

const u64 = (bytes, at) => Number(bytes.readBigUInt64LE(at));

/**
 * @returns undefined for what is no 64-bit little-endian ELF file with its headers at its beginning
 */
function parse({ bytes, size }) {
  const isElf = bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46;
  if (!isElf || bytes[4] !== 2 || bytes[5] !== 1) return undefined;
  const [table, entry, count] = [u64(bytes, 32), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  if (entry < 56 || table + entry * count > bytes.length) return undefined;
  const segments = Array.from({ length: count }, (_, index) => {
    const at = table + index * entry;
    const offset = u64(bytes, at + 8);
    return { type: bytes.readUInt32LE(at), offset, end: offset + u64(bytes, at + 32) };
  });
  return { bytes, size, machine: MACHINES[bytes.readUInt16LE(18)], segments };
}

/**
 * Reads the name of the program's loader, such as `ld-linux-x86-64.so.2` or `ld-musl-x86_64.so.1`.
 */
function libcOfProgram(file) {
  const elf = parse(readHead(file));
  const named = elf?.segments.find(({ type }) => type === SEGMENT.interpreter);
  if (named === undefined || named.end > elf.bytes.length) return undefined;
  return elf.bytes.toString('latin1', named.offset, named.end).includes('ld-musl')
    ? 'musl'
    : 'glibc';
}

/** Asks process.report, which takes 5 ms; reading the program's header takes 0.1 ms. */
function libcOfReport({ report }) {
  const { excludeNetwork } = report;
  report.excludeNetwork = true; // the report would resolve host names, which takes seconds
  try {
    return report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

/**
 * @returns {'glibc' | 'musl' | undefined} the C library of this process; undefined where it is not
 * Linux, or unknown
 */
function libcOfProcess() {
  if (process.platform !== 'linux') return undefined;
  return attempt(() => libcOfProgram(process.execPath)) ?? attempt(() => libcOfReport(process));
}

/**
 * @returns {string | undefined} why this binary must not be loaded, as the end of a sentence that
 * begins with its name
 */
function faultOf(file) {
  const elf = attempt(() => parse(readHead(file)));
  if (elf === undefined) return undefined; // the loader refuses such a file without a crash
  const { machine, segments, size } = elf;
  if (machine !== process.arch) return `is for ${machine ?? 'another machine'}`;
  const needed = segments.filter(({ type }) => type === SEGMENT.load).map(({ end }) => end);
  const end = Math.max(0, ...needed);
  return size < end ? `is cut off: it has ${size} of at least ${end} bytes` : undefined;
}

/**
 * @returns {'glibc' | 'musl' | undefined} the C library that a binary which did not load was built
 * for
 */
function libcOfBinary(file) {
  const text = attempt(() => fs.readFileSync(file, 'latin1'));
  if (/\0GLIBC_2\./.test(text)) return 'glibc';
  return /\0libc\.(?:so|musl-\w+\.so\.1)\0/.test(text) ? 'musl' : undefined;
}

module.exports = { faultOf, libcOfBinary, libcOfProcess };
