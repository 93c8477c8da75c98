'use strict';

// What a 64-bit little-endian ELF library asks of the system that loads it, and what it shows.

const MACHINES = { 62: 'x64', 183: 'arm64' };
const SHARED_LIBRARY = 3;

const SECTION = { dynamic: 6, dynsym: 11, verneed: 0x6ffffffe };
const TAG = { needed: 1, rpath: 15, textrel: 22, runpath: 29, flags1: 0x6ffffffb };
const FLAGS_1_NODELETE = 8;
const GNU_STACK = 0x6474e551;
const EXECUTABLE = 1;
const LOCAL = 0;
const VISIBLE = [0, 3]; // default, protected

const u64 = (bytes, at) => Number(bytes.readBigUInt64LE(at));

function readSections(bytes) {
  const [table, size, count] = [u64(bytes, 40), bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  if (table + size * count > bytes.length) throw new Error('it ends before its sections do');
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size;
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: u64(bytes, at + 24),
      size: u64(bytes, at + 32),
      link: bytes.readUInt32LE(at + 40),
    };
  });
}

/** The section of a type, with the strings it refers to. */
function find(bytes, sections, type) {
  const section = sections.find((one) => one.type === type);
  if (section === undefined) return undefined;
  const strings = sections[section.link].offset;
  const string = (at) => bytes.toString('latin1', strings + at, bytes.indexOf(0, strings + at));
  return { ...section, end: section.offset + section.size, string };
}

function readDynamic(bytes, section) {
  const entries = [];
  for (let at = section.offset; at < section.end; at += 16) {
    entries.push({ tag: u64(bytes, at), value: u64(bytes, at + 8) });
  }
  const strings = (...tags) =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => section.string(value));
  const flags = entries.find(({ tag }) => tag === TAG.flags1)?.value ?? 0;
  return {
    needed: strings(TAG.needed),
    searchPaths: strings(TAG.rpath, TAG.runpath),
    textRelocations: entries.some(({ tag }) => tag === TAG.textrel),
    stays: (flags & FLAGS_1_NODELETE) !== 0,
  };
}

/** Which versions of which libraries' symbols: [{ library, version }]. */
function readVersions(bytes, section) {
  const versions = [];
  if (section === undefined) return versions;
  for (let file = section.offset, more = true; more; ) {
    const library = section.string(bytes.readUInt32LE(file + 4));
    let aux = file + bytes.readUInt32LE(file + 8);
    for (let left = bytes.readUInt16LE(file + 2); left > 0; left--) {
      versions.push({ library, version: section.string(bytes.readUInt32LE(aux + 8)) });
      aux += bytes.readUInt32LE(aux + 12);
    }
    const next = bytes.readUInt32LE(file + 12);
    file += next;
    more = next !== 0;
  }
  return versions;
}

/** Names of the symbols that other libraries can see. */
function readExports(bytes, section) {
  const names = [];
  for (let at = section.offset; at < section.end; at += 24) {
    const [info, other, defined] = [bytes[at + 4], bytes[at + 5], bytes.readUInt16LE(at + 6) !== 0];
    if (defined && info >> 4 !== LOCAL && VISIBLE.includes(other & 3)) {
      names.push(section.string(bytes.readUInt32LE(at)));
    }
  }
  return names;
}

/** Without a note about it the loader makes the stack executable. */
function hasExecutableStack(bytes) {
  const [table, size, count] = [u64(bytes, 32), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  for (let at = table; at < table + size * count; at += size) {
    if (bytes.readUInt32LE(at) === GNU_STACK) {
      return (bytes.readUInt32LE(at + 4) & EXECUTABLE) !== 0;
    }
  }
  return true;
}

function isElf(bytes) {
  return bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46;
}

/**
 * @param {Buffer} bytes
 * @throws {Error} when it is no such library, or a damaged one
 */
function parseElf(bytes) {
  if (!isElf(bytes) || bytes[4] !== 2 || bytes[5] !== 1) {
    throw new Error('no 64-bit little-endian ELF file');
  }
  if (bytes.readUInt16LE(16) !== SHARED_LIBRARY) throw new Error('no shared library');
  try {
    const sections = readSections(bytes);
    const [dynamic, symbols] = [SECTION.dynamic, SECTION.dynsym].map((type) =>
      find(bytes, sections, type),
    );
    if (!dynamic || !symbols) throw new Error('nothing in it is for a loader');
    return {
      machine: MACHINES[bytes.readUInt16LE(18)],
      ...readDynamic(bytes, dynamic),
      versions: readVersions(bytes, find(bytes, sections, SECTION.verneed)),
      exports: readExports(bytes, symbols),
      executableStack: hasExecutableStack(bytes),
    };
  } catch (error) {
    throw new Error(`damaged: ${error.message}`, { cause: error });
  }
}

module.exports = { isElf, parseElf };
