'use strict';

// Files that say that they are a platform's program or binary, with nothing in them to run.

const { PLATFORMS, binaryName } = require('../../../scripts/release/targets.js');

const ELF_MACHINES = { x64: 62, arm64: 183 };
const MACH_MACHINES = { x64: 0x01000007, arm64: 0x0100000c };
const COFF_MACHINES = { x64: 0x8664, arm64: 0xaa64 };

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

/** The head of a library for a platform, and nothing more: what stage.js takes for one. */
function fitBinary(platform) {
  const [system, machine] = platform.split('-');
  const bytes = Buffer.alloc(128);
  if (system === 'linux') return programImage({ machine: ELF_MACHINES[machine] });
  bytes.writeUInt32LE(system === 'darwin' ? 0xfeedfacf : 0x5a4d, 0);
  if (system === 'darwin') bytes.writeUInt32LE(MACH_MACHINES[machine], 4);
  else bytes.writeUInt32LE(64, 60);
  if (system === 'win32') bytes.writeUInt16LE(COFF_MACHINES[machine], 68);
  return bytes;
}

/** name → bytes, for each platform. */
const fitBinaries = () =>
  Object.fromEntries(Object.keys(PLATFORMS).map((one) => [binaryName(one), fitBinary(one)]));

module.exports = { ELF_MACHINES, fitBinaries, fitBinary, programImage };
