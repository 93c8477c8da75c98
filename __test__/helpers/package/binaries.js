'use strict';

// Files that say that they are a platform's program or binary, with nothing in them to run.

const { binaryName } = require('../../../scripts/release/targets.js');
const { elfImage } = require('./elf-image.js');

const ELF_MACHINES = { x64: 62, arm64: 183 };
const MACH_MACHINES = { x64: 0x01000007, arm64: 0x0100000c };
const COFF_MACHINES = { x64: 0x8664, arm64: 0xaa64 };

const words = (...values) => Buffer.from(Uint32Array.from(values).buffer);

/** A load command of Mach-O that ends in a name. */
const named = (type, name, ...values) => {
  const body = Buffer.from(`${name}\0`.padEnd(8 * Math.ceil((name.length + 1) / 8), '\0'));
  const at = 12 + 4 * values.length;
  return Buffer.concat([words(type, at + body.length, at, ...values), body]);
};

/** A tree of names, each a leaf below the root, of which bytes alone tell the places: few and short ones. */
function exportTree(names) {
  const ends = names.map((name) => name.length + 2);
  const first = 2 + ends.reduce((sum, length) => sum + length, 0);
  const edges = names.map((name, index) => `${name}\0${String.fromCharCode(first + 4 * index)}`);
  const leaf = '\x02\0\0\0';
  return Buffer.from(
    `\0${String.fromCharCode(names.length)}${edges.join('')}${leaf.repeat(names.length)}`,
  );
}

/** What a good release for macOS has; `changes` replace parts of it. */
function machImage(machine, changes = {}) {
  const library = {
    type: 6,
    needed: ['/usr/lib/libSystem.B.dylib'],
    searchPaths: [],
    exports: ['_napi_register_module_v1', '_rust_eh_personality'],
    minimum: (10 << 16) | (12 << 8),
    isSigned: true,
    ...changes,
  };
  const tree = exportTree(library.exports);
  const fixed = [
    ...library.needed.map((name) => named(0xc, name, 0, 0, 0)),
    ...library.searchPaths.map((name) => named(0x8000001c, name)),
    words(0x32, 24, 1, library.minimum, library.minimum, 0),
    ...(library.isSigned ? [words(0x1d, 16, 0, 0)] : []),
  ];
  const size = Buffer.concat(fixed).length + 16;
  return Buffer.concat([
    words(0xfeedfacf, machine, 0, library.type, fixed.length + 1, size, 0, 0),
    ...fixed,
    words(0x80000033, 16, 32 + size, tree.length),
    tree,
  ]);
}

function windowsImage(machine, header = 64) {
  const bytes = Buffer.alloc(128);
  bytes.write('MZ');
  bytes.writeUInt32LE(header, 60);
  bytes.writeUInt16LE(machine, 68);
  return bytes;
}

/** The head of a Linux program: where its loader is named, and a segment that reaches to `end`. */
function programImage({ interpreter, machine = ELF_MACHINES[process.arch], end = 0 }) {
  const bytes = Buffer.alloc(512);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  const segment = (at, type, offset, size) => {
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(64, 1, 0, end);
  if (interpreter === undefined) return bytes;
  segment(120, 3, 256, interpreter.length + 1);
  bytes.write(interpreter, 256, 'latin1');
  return bytes;
}

/** A binary that scripts/release/check-binary.js takes for a release's. */
function fitBinary({ platform, machine, libc }) {
  if (platform.startsWith('darwin')) return machImage(MACH_MACHINES[machine]);
  if (platform.startsWith('win32')) return windowsImage(COFF_MACHINES[machine]);
  const musl = { needed: ['libc.so'], versions: {} };
  return elfImage({ machine: ELF_MACHINES[machine], ...(libc === 'musl' ? musl : {}) });
}

/** path → bytes, for each of the targets. */
const fitBinaries = (targets) =>
  Object.fromEntries(targets.map((target) => [binaryName(target.platform), fitBinary(target)]));

module.exports = { ELF_MACHINES, fitBinaries, machImage, programImage, windowsImage };
