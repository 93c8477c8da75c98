'use strict';

// What a 64-bit Mach-O library asks of the macOS that loads it, and what it shows.

const MAGIC = 0xfeedfacf;
const HEADER = 32;
const LIBRARIES = [6, 8]; // MH_DYLIB, MH_BUNDLE
const MACHINES = { 16777223: 'x64', 16777228: 'arm64' };

/** Load commands, LC_*; of exports: where in the command their place in the file is. */
const COMMAND = { signature: 0x1d, rpath: 0x8000001c, version: 0x32 };
const EXPORTS = { 2147483682: 40, 2147483699: 8 };
const NEEDED = [0xc, 0x80000018, 0x8000001f]; // LC_LOAD_DYLIB, weakly, and to be exported again

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

/** A number of 7 bits a byte, the lowest first: [its value, where it ends]. */
function leb128(bytes, at) {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes.readUInt8(at++);
    value += (byte & 127) * shift;
    if (byte < 128) return [value, at];
  }
}

/** Names in a tree, whose edges are parts of them, from the node at `at` on. */
function namesIn(tree, at = 0, name = '', depth = 0) {
  if (depth > tree.length) throw new Error('its exports have no end');
  const [size, start] = leb128(tree, at);
  const names = size > 0 ? [name.replace(/^_/, '')] : [];
  let next = start + size + 1;
  for (let left = tree.readUInt8(start + size); left > 0; left--) {
    const part = text(tree, next);
    const [child, end] = leb128(tree, next + part.length + 1);
    names.push(...namesIn(tree, child, name + part, depth + 1));
    next = end;
  }
  return names;
}

/** Names of the symbols that other libraries can see. */
function readExports(bytes, { type, body }) {
  const [offset, size] = [0, 4].map((more) => body.readUInt32LE(EXPORTS[type] + more));
  return size === 0 ? [] : namesIn(bytes.subarray(offset, offset + size));
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
      exports: commands
        .filter(({ type }) => type in EXPORTS)
        .flatMap((one) => readExports(bytes, one)),
      minimum: `${minimum >> 16}.${(minimum >> 8) & 0xff}`,
      isSigned: bodies(COMMAND.signature).length > 0,
    };
  } catch (error) {
    throw new Error(`damaged: ${error.message}`, { cause: error });
  }
}

module.exports = { isMachO, parseMachO };
