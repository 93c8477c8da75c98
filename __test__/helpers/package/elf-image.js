'use strict';

// The image of a shared library, with just what scripts/release/elf.js reads.

const HEADER = 64;
const SECTION = 64;
const PROGRAM = 56;

const types = { strings: 3, dynamic: 6, dynsym: 11, verneed: 0x6ffffffe };
const u64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const u32 = (...values) => Buffer.from(Uint32Array.from(values).buffer);
const u16 = (...values) => Buffer.from(Uint16Array.from(values).buffer);

/** A table of strings, and their places in it. */
function stringTable() {
  let bytes = Buffer.alloc(1);
  const add = (text) => {
    const at = bytes.length;
    bytes = Buffer.concat([bytes, Buffer.from(`${text}\0`)]);
    return at;
  };
  return { add, bytes: () => bytes };
}

function dynamicSection(add, { needed, runpath, rpath, textRelocations, nodelete }) {
  const entries = [
    ...needed.map((name) => [1, add(name)]),
    ...(runpath ? [[29, add(runpath)]] : []),
    ...(rpath ? [[15, add(rpath)]] : []),
    ...(textRelocations ? [[22, 0]] : []),
    ...(nodelete ? [[0x6ffffffb, 8]] : []),
    [0, 0],
  ];
  return Buffer.concat(entries.flat().map(u64));
}

function versionSection(add, versions) {
  const libraries = Object.entries(versions);
  return Buffer.concat(
    libraries.flatMap(([library, names], index) => {
      const size = 16 + 16 * names.length;
      const next = index === libraries.length - 1 ? 0 : size;
      const aux = names.map((name, i) =>
        Buffer.concat([u32(0), u16(0, i + 2), u32(add(name), i === names.length - 1 ? 0 : 16)]),
      );
      return [u16(1, names.length), u32(add(library), 16, next), ...aux];
    }),
  );
}

/** @param {{ name: string, defined?: boolean, bind?: number, visibility?: number }[]} symbols */
function symbolSection(add, symbols) {
  return Buffer.concat([
    Buffer.alloc(24),
    ...symbols.map(({ name, defined = true, bind = 1, visibility = 0 }) =>
      Buffer.concat([
        u32(add(name)),
        Buffer.from([(bind << 4) | 2, visibility]),
        u16(defined ? 1 : 0),
        u64(0),
        u64(0),
      ]),
    ),
  ]);
}

/** What a good release for linux-x64-gnu has; `changes` replace parts of it. */
function elfImage(changes = {}) {
  const library = {
    type: 3,
    machine: 62,
    needed: ['libc.so.6', 'ld-linux-x86-64.so.2', 'libpthread.so.0'],
    versions: { 'libc.so.6': ['GLIBC_2.2.5', 'GLIBC_2.17', 'GLIBC_2.14'] },
    symbols: [{ name: 'napi_register_module_v1' }, { name: 'malloc', defined: false }],
    nodelete: true,
    stackFlags: 6,
    ...changes,
  };
  const strings = stringTable();
  const contents = [
    [types.dynamic, dynamicSection(strings.add, library)],
    [types.verneed, versionSection(strings.add, library.versions)],
    [types.dynsym, symbolSection(strings.add, library.symbols)],
  ].filter(([, bytes]) => bytes.length > 0);
  contents.push([types.strings, strings.bytes()]);

  const link = contents.length; // the strings; section 0 is the empty one
  let at = HEADER + PROGRAM;
  const sections = [Buffer.alloc(SECTION)];
  for (const [type, bytes] of contents) {
    const header = [u32(0, type), u64(0), u64(0), u64(at), u64(bytes.length), u32(link, 0)];
    sections.push(Buffer.concat([...header, u64(8), u64(0)]));
    at += bytes.length;
  }
  const { stackFlags } = library;
  const program = Buffer.concat([u32(stackFlags === undefined ? 0 : 0x6474e551, stackFlags ?? 0)]);
  return Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, ...Array(9).fill(0)]),
    u16(library.type, library.machine),
    u32(1),
    ...[0, HEADER, at].map(u64),
    u32(0),
    u16(HEADER, PROGRAM, 1, SECTION, sections.length, 0),
    program,
    Buffer.alloc(PROGRAM - program.length),
    ...contents.map(([, bytes]) => bytes),
    ...sections,
  ]);
}

module.exports = { elfImage };
