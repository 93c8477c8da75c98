'use strict';

// Files that say that they are a platform's program or binary, with nothing in them to run.

const { binaryName } = require('../../../scripts/release/targets.js');
const { elfImage } = require('./elf-image.js');

const ELF_MACHINES = { x64: 62, arm64: 183 };
const MACH_MACHINES = { x64: 0x01000007, arm64: 0x0100000c };
const COFF_MACHINES = { x64: 0x8664, arm64: 0xaa64 };

function machImage(machine) {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(0xfeedfacf, 0);
  bytes.writeUInt32LE(machine, 4);
  return bytes;
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
