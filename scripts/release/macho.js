'use strict';

// What a 64-bit Mach-O library asks of the macOS that loads it, and what it shows.

const MAGIC = 0xfeedfacf;
const HEADER = 32;
const LIBRARIES = [6, 8]; // MH_DYLIB, MH_BUNDLE
const MACHINES = { 16777223: 'x64', 16777228: 'arm64' };

/** Load commands, LC_*. */
const COMMAND = { symbols: 0x2, signature: 0x1d, rpath: 0x8000001c, version: 0x32 };
const NEEDED = [0xc, 0x80000018, 0x8000001f]; // LC_LOAD_DYLIB, weakly, and to be exported again

const SYMBOL = 16;
const [EXTERNAL, PRIVATE, TYPE, UNDEFINED] = [0x01, 0x10, 0x0e, 0];

const isMachO = (bytes) => bytes.length >= HEADER && bytes.readUInt32LE(0) === MAGIC;

function readCommands(bytes) {
  const commands = [];
  for (let left = bytes.readUInt32LE(16), at = HEADER; left > 0; left--) {
    const [type, size] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    if (size < 8 || at + size > bytes.length) throw new Error('a load command has no end');
    commands.push({ type, body: bytes.subarray(at, at + size) });
    at += size;
  }
  return commands;
}

const text = (bytes, at) => bytes.toString('latin1', at, bytes.indexOf(0, at));

/** Names of the symbols that other libraries can see. */
function readExports(bytes, command) {
  const [table, count, strings] = [8, 12, 16].map((at) => command.readUInt32LE(at));
  const all = Array.from({ length: count }, (_, index) => table + index * SYMBOL);
  const isSeen = (type) =>
    (type & (EXTERNAL | PRIVATE)) === EXTERNAL && (type & TYPE) !== UNDEFINED;
  return all
    .filter((at) => isSeen(bytes.readUInt8(at + 4)))
    .map((at) => text(bytes, strings + bytes.readUInt32LE(at)).replace(/^_/, ''));
}

/**
 * @param {Buffer} bytes
 * @throws {Error} when it is no such library, or a damaged one
 */
function parseMachO(bytes) {
  if (!isMachO(bytes)) throw new Error('no 64-bit Mach-O file');
  if (!LIBRARIES.includes(bytes.readUInt32LE(12))) throw new Error('no shared library');
  try {
    const commands = readCommands(bytes);
    const bodies = (...types) =>
      commands.flatMap((one) => (types.includes(one.type) ? one.body : []));
    const names = (...types) => bodies(...types).map((body) => text(body, body.readUInt32LE(8)));
    const minimum = bodies(COMMAND.version)[0]?.readUInt32LE(12) ?? 0;
    return {
      machine: MACHINES[bytes.readUInt32LE(4)],
      needed: names(...NEEDED),
      searchPaths: names(COMMAND.rpath),
      exports: bodies(COMMAND.symbols).flatMap((body) => readExports(bytes, body)),
      minimum: `${minimum >> 16}.${(minimum >> 8) & 0xff}`,
      isSigned: bodies(COMMAND.signature).length > 0,
    };
  } catch (error) {
    throw new Error(`damaged: ${error.message}`, { cause: error });
  }
}

module.exports = { isMachO, parseMachO };
