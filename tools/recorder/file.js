'use strict';

// Reads the lines of a file piece by piece: a profile of days is larger than a Buffer may be.

const fs = require('node:fs');
const { constants, gunzipSync } = require('node:zlib');
const {
  emptyError,
  foreignError,
  nonsenseError,
  oldError,
  truncatedError,
  unreadableError,
} = require('./errors.js');
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
  /** `bytes`: of the whole file; `skipped`: of skipped lines; `nonsense`, `lines`: how many lines are invalid, and valid. */
  found = { bytes: 0, skipped: 0, nonsense: 0, lines: 0 };
  #parts = [];
  #length = 0;
  #onLine;
  #knows;
  #file;

  /** `knows(site)`: whether the site is already known, as most are in a fleet of a thousand processes. Then its line is not parsed. */
  constructor(onLine, knows, file) {
    this.#onLine = onLine;
    this.#knows = knows;
    this.#file = file;
  }

  /** `piece` may be overwritten afterwards. */
  add(piece) {
    this.found.bytes += piece.length;
    let from = 0;
    for (;;) {
      const end = piece.indexOf(LINE_FEED, from);
      if (end === -1) break;
      this.#more(piece.subarray(from, end));
      this.end();
      from = end + 1;
    }
    if (from < piece.length) this.#more(Buffer.from(piece.subarray(from)));
  }

  #more(part) {
    this.#length += part.length;
    if (this.#length > LONGEST) this.#parts = [];
    else this.#parts.push(part);
  }

  /** Called at the end of a line. */
  end() {
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

/** Calls `onLine` for each valid line, with the result of parse() and its bytes, which are overwritten afterwards. Returns LineReader's `found`. */
function readBytes(bytes, onLine, knows, file) {
  const reader = new LineReader(onLine, knows, file);
  reader.add(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  reader.end();
  return reader.found;
}

function attempt(file, act) {
  try {
    return act();
  } catch (error) {
    throw error.syscall === undefined ? error : unreadableError(file, error);
  }
}

/** Whether a file that begins so may have been a profile. */
function isBegun(file, bytes) {
  if (beginsWith(bytes, BINARY)) throw oldError(file, FORMAT);
  return beginsWith(bytes, BEGIN.subarray(0, bytes.length));
}

/** Reads a gzipped file; if it was cut off, the part that is there. */
function readZipped(file, onLine, knows) {
  let bytes;
  try {
    bytes = gunzipSync(fs.readFileSync(file), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw unreadableError(file, error);
  }
  return { begun: isBegun(file, bytes), ...readBytes(bytes, onLine, knows, file) };
}

function readThrough(file, descriptor, onLine, knows) {
  const reader = new LineReader(onLine, knows, file);
  const piece = Buffer.allocUnsafeSlow(PIECE);
  const read = () => piece.subarray(0, fs.readSync(descriptor, piece, 0, PIECE, null));
  let bytes = read();
  if (beginsWith(bytes, GZIP)) return readZipped(file, onLine, knows);
  const begun = isBegun(file, bytes);
  for (; bytes.length > 0; bytes = read()) reader.add(bytes);
  reader.end();
  return { begun, ...reader.found };
}

/** Like readBytes(), for a file. Throws if no line is valid; otherwise returns `{ skipped, nonsense }`. */
function readFile(file, onLine, knows) {
  const descriptor = attempt(file, () => fs.openSync(file, 'r'));
  try {
    // /dev/zero has no end.
    if (fs.fstatSync(descriptor).isCharacterDevice()) throw foreignError(file);
    const { bytes, skipped, nonsense, lines, begun } = attempt(file, () =>
      readThrough(file, descriptor, onLine, knows),
    );
    if (lines > 0) return { skipped, nonsense };
    if (nonsense > 0) throw nonsenseError(file);
    if (bytes === 0) throw emptyError(file);
    throw begun ? truncatedError(file) : foreignError(file);
  } finally {
    fs.closeSync(descriptor);
  }
}

module.exports = { readBytes, readFile };
