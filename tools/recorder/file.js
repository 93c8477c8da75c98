'use strict';

// Reads the lines of a file piece by piece: a profile of days is larger than a Buffer may be.

const fs = require('node:fs');
const { constants, gunzipSync } = require('node:zlib');
const { RallocError } = require('../../lib/base/errors.js');
const { damagedError, foreignError, unreadableError, versionError } = require('./errors.js');
const { FORMAT, parse, siteIn } = require('./lines.js');

const PIECE = 1 << 20; // bytes
const LINE_FEED = 10;
const BRACE = 0x7b;

/** A longer line is not one of a profile, and must not fill the memory. */
const LONGEST = 1 << 26; // bytes

const GZIP = Buffer.from([0x1f, 0x8b]);

/** The first line of the binary format of earlier versions. */
const BINARY = Buffer.from([0xf7, 0x72, 0x70]);

/** The lines in pieces, which may be overwritten afterwards. */
function* linesOf(pieces, file) {
  let rest = Buffer.alloc(0);
  for (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let [from, to] = [0, bytes.indexOf(LINE_FEED, rest.length)];
    for (; to !== -1; to = bytes.indexOf(LINE_FEED, from)) {
      yield bytes.subarray(from, to);
      from = to + 1;
    }
    rest = Buffer.from(bytes.subarray(from));
    if (rest.length > LONGEST) throw foreignError(file);
  }
  yield rest;
}

/** Returns `{ skipped, nonsense, lines, isBegun }`: the bytes of skipped lines, how many are invalid, and valid, and whether the first is empty, as in a profile. */
function readPieces(pieces, onLine, knows, file) {
  const found = { skipped: 0, nonsense: 0, lines: 0, isBegun: undefined };
  for (const bytes of linesOf(pieces, file)) {
    found.isBegun ??= bytes.length === 0;
    if (bytes.equals(BINARY)) throw versionError(file, 0, FORMAT);
    const isKnown = knows?.(siteIn(bytes));
    const line = isKnown ? {} : bytes[0] === BRACE ? parse(bytes.utf8Slice(), file) : null;
    if (line) {
      found.lines++;
      onLine(line, bytes);
    } else {
      found.skipped += bytes.length;
      if (line === undefined) found.nonsense++;
    }
  }
  return found;
}

/**
 * Calls `onLine` for each valid line, with the result of parse() and its bytes, which are overwritten afterwards. `knows(site)`: whether the site is already
 * known, as most are in a fleet of a thousand processes: then its line is not parsed. Returns what readPieces() does.
 */
const readBytes = (bytes, onLine, knows) =>
  readPieces([Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)], onLine, knows);

/** The pieces of a file; of a gzipped one that was cut off, the part that is there. */
function* piecesOf(file) {
  const descriptor = fs.openSync(file, 'r');
  try {
    // /dev/zero has no end.
    if (fs.fstatSync(descriptor).isCharacterDevice()) throw foreignError(file);
    const piece = Buffer.allocUnsafeSlow(PIECE);
    const read = () => piece.subarray(0, fs.readSync(descriptor, piece, 0, PIECE, null));
    let bytes = read();
    if (bytes.subarray(0, GZIP.length).equals(GZIP)) {
      yield gunzipSync(fs.readFileSync(file), { finishFlush: constants.Z_SYNC_FLUSH });
      return;
    }
    for (; bytes.length > 0; bytes = read()) yield bytes;
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Like readBytes(), for a file. Throws if no line is valid. */
function readFile(file, onLine, knows) {
  let found;
  try {
    found = readPieces(piecesOf(file), onLine, knows, file);
  } catch (error) {
    // An error of the system or of zlib has a code; a bug has none.
    throw error.code === undefined || error instanceof RallocError
      ? error
      : unreadableError(file, error);
  }
  if (found.lines > 0) return found;
  if (found.nonsense > 0) throw damagedError(file, 'nonsense');
  if (found.skipped === 0) throw damagedError(file, 'empty');
  throw found.isBegun ? damagedError(file, 'truncated') : foreignError(file);
}

module.exports = { readBytes, readFile };
