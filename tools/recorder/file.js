'use strict';

// Reads the lines of a file piece by piece: a profile of days is larger than a Buffer may be.

const fs = require('node:fs');
const { constants, gunzipSync } = require('node:zlib');
const { RallocError } = require('../../lib/base/errors.js');
const { damagedError, foreignError, unreadableError, versionError } = require('./errors.js');
const { FORMAT, parse, siteIn } = require('./lines.js');

const PIECE = 1 << 20; // bytes
const LINE_FEED = 10;

/** A longer line is not one of a profile, and must not fill the memory. */
const LONGEST = 1 << 26; // bytes

/** The first bytes of a profile, of a gzipped file, and (below) of the binary format of earlier versions. */
const BEGIN = Buffer.from('\n{"type":"');
const GZIP = Buffer.from([0x1f, 0x8b]);
const BINARY = Buffer.from([0xf7, 0x72, 0x70, 0x0a]);

const beginsWith = (bytes, begin) => bytes.subarray(0, begin.length).equals(begin);

/** Like parse(), but from bytes. Lines that are too long do not get here. */
const parsed = (bytes, file) => (bytes[0] === 0x7b ? parse(bytes.utf8Slice(), file) : null);

class LineReader {
  /** `bytes`: of the whole file; `skipped`: of skipped lines; `nonsense`, `lines`: how many lines are invalid, and valid; `isBegun`: whether it begins as profiles do. */
  found = { bytes: 0, skipped: 0, nonsense: 0, lines: 0, isBegun: false };
  #parts = [];
  #length = 0;
  #onLine;
  #knows;
  #file;

  constructor(onLine, knows, file) {
    this.#onLine = onLine;
    this.#knows = knows;
    this.#file = file;
  }

  /** Reads pieces, which may be overwritten afterwards. Returns `found`. */
  read(pieces) {
    for (const piece of pieces) {
      if (this.found.bytes === 0) this.#begin(piece);
      this.found.bytes += piece.length;
      let from = 0;
      for (let to = piece.indexOf(LINE_FEED); to !== -1; to = piece.indexOf(LINE_FEED, from)) {
        this.#more(piece.subarray(from, to));
        this.#end();
        from = to + 1;
      }
      if (from < piece.length) this.#more(Buffer.from(piece.subarray(from)));
    }
    this.#end();
    return this.found;
  }

  #begin(piece) {
    if (beginsWith(piece, BINARY)) throw versionError(this.#file, 0, FORMAT);
    this.found.isBegun = beginsWith(piece, BEGIN.subarray(0, piece.length));
  }

  #more(part) {
    this.#length += part.length;
    if (this.#length > LONGEST) this.#parts = [];
    else this.#parts.push(part);
  }

  /** Called at the end of a line. */
  #end() {
    const [parts, length] = [this.#parts, this.#length];
    this.#parts = [];
    this.#length = 0;
    if (length === 0) return;
    const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    const line = this.#knows?.(siteIn(bytes)) ? {} : parsed(bytes, this.#file);
    if (line) {
      this.found.lines++;
      this.#onLine(line, bytes);
    } else {
      this.found.skipped += length;
      if (line === undefined) this.found.nonsense++;
    }
  }
}

/**
 * Calls `onLine` for each valid line, with the result of parse() and its bytes, which are overwritten afterwards. `knows(site)`: whether the site is already
 * known, as most are in a fleet of a thousand processes: then its line is not parsed. Returns LineReader's `found`.
 */
const readBytes = (bytes, onLine, knows) =>
  new LineReader(onLine, knows).read([Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)]);

/** The pieces of a file; of a gzipped one that was cut off, the part that is there. */
function* piecesOf(file, descriptor) {
  const piece = Buffer.allocUnsafeSlow(PIECE);
  const read = () => piece.subarray(0, fs.readSync(descriptor, piece, 0, PIECE, null));
  let bytes = read();
  if (beginsWith(bytes, GZIP)) {
    yield gunzipSync(fs.readFileSync(file), { finishFlush: constants.Z_SYNC_FLUSH });
    return;
  }
  for (; bytes.length > 0; bytes = read()) yield bytes;
}

function readThrough(file, onLine, knows) {
  const descriptor = fs.openSync(file, 'r');
  try {
    // /dev/zero has no end.
    if (fs.fstatSync(descriptor).isCharacterDevice()) throw foreignError(file);
    return new LineReader(onLine, knows, file).read(piecesOf(file, descriptor));
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Like readBytes(), for a file. Throws if no line is valid. */
function readFile(file, onLine, knows) {
  let found;
  try {
    found = readThrough(file, onLine, knows);
  } catch (error) {
    // An error of the system or of zlib has a code; a bug has none.
    throw error.code === undefined || error instanceof RallocError
      ? error
      : unreadableError(file, error);
  }
  if (found.lines > 0) return found;
  if (found.nonsense > 0) throw damagedError(file, 'nonsense');
  if (found.bytes === 0) throw damagedError(file, 'empty');
  throw found.isBegun ? damagedError(file, 'truncated') : foreignError(file);
}

module.exports = { readBytes, readFile };
