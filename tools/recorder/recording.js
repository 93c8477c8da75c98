'use strict';

// What a profile and a report have in common: the lines of files, and what they tell of recorders,
// each once, and of sites. A subclass has `addCells(id, rows, slot)` and `addProcess(row,
// recorder)`.

const fs = require('node:fs');
const { constants, gunzipSync } = require('node:zlib');
const { RallocError } = require('../../lib/base/errors.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { damagedError, foreignError, unreadableError, versionError } = require('./errors.js');
const { FORMAT, LOST, parse, siteIn } = require('./lines.js');

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

/**
 * Calls `onLine` for each valid line, with the result of parse() and its bytes, which are
 * overwritten afterwards. `knows(site)`: whether the site is already known, as most are in a fleet
 * of a thousand processes: then its line is not parsed. Returns `{ skipped, nonsense, lines,
 * isBegun }`: the bytes of skipped lines, how many are invalid, and valid, and whether the first is
 * empty, as in a profile.
 */
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
 * The pieces of a file: that of days is larger than a Buffer may be. Of a gzipped one that was cut
 * off, the part that is there.
 */
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

/** Like readPieces(), for a file. Throws if no line is valid. */
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

const MERGED = {
  blocks: (a, b) => a + b,
  last: Math.max,
  collections: Math.max,
  requests: Math.max,
};

/**
 * Merges two entries of a recorder: the sums of their time and blocks, and everything else from the
 * one that ends later.
 */
function later(a, b) {
  const last = a.until > b.until || (a.until === b.until && a.rate >= b.rate) ? a : b;
  const both = { ...last, slot: Math.min(a.slot, b.slot) };
  for (const [field, merge] of Object.entries(MERGED)) {
    if ((a[field] ?? b[field]) !== undefined) both[field] = merge(a[field] ?? 0, b[field] ?? 0);
  }
  return both;
}

class Recording {
  definitions = new Map(); // id of a site -> its definition, or LOST
  #recorders = new Map(); // by id
  #knows = (site) => (this.definitions.get(site) ?? LOST) !== LOST;
  #growths = [];
  skipped = 0; // bytes of incomplete and invalid lines

  /**
   * The recording of a file. Throws ERR_RALLOC_PROFILE_UNREADABLE, _FOREIGN, _DAMAGED, _VERSION.
   */
  static read(file) {
    const recording = new this();
    recording.addFile(file);
    return recording;
  }

  addBytes({ buffer, byteOffset, length }) {
    const pieces = [Buffer.from(buffer, byteOffset, length)];
    this.skipped += readPieces(pieces, (line) => this.#add(line), this.#knows).skipped;
  }

  /**
   * Adds a file. Returns its skipped bytes, the number of invalid lines, and the ids of its
   * recorders.
   */
  addFile(file) {
    const recorders = new Set();
    const add = (line) => {
      this.#add(line);
      if (line.recorder !== undefined) recorders.add(line.recorder.id);
    };
    const { skipped, nonsense } = readFile(file, add, this.#knows);
    this.skipped += skipped;
    return { skipped, nonsense, recorders: [...recorders] };
  }

  #add({ site, definition, recorder, process, growth, cells, slot }) {
    if (site !== undefined) this.definitions.set(site, definition);
    if (recorder !== undefined) this.#addRecorder(recorder);
    if (process !== undefined) this.addProcess(process, recorder);
    if (growth !== undefined) this.#growths.push(growth);
    for (const id in cells) {
      itemOf(this.definitions, id, () => LOST);
      this.addCells(id, cells[id], slot);
    }
  }

  #addRecorder(recorder) {
    const known = this.#recorders.get(recorder.id);
    this.#recorders.set(recorder.id, known === undefined ? recorder : later(known, recorder));
  }

  /**
   * The recorders, by id: as in a block, with their first `slot`, last `until` and the last `rate`.
   */
  get recorders() {
    return [...this.#recorders.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * By what the memory of each process has grown that told it at its end: see
   * lib/process/growth.js. In a fixed order.
   */
  get growths() {
    return this.#growths.toSorted((a, b) => a.pid - b.pid || a.end - b.end);
  }

  /** The number of missing blocks: recorders number their blocks. */
  get lost() {
    let lost = 0;
    for (const { blocks, last } of this.#recorders.values()) {
      if (last !== undefined) lost += Math.max(0, last - blocks);
    }
    return lost;
  }

  /**
   * Mean milliseconds from one of V8's collections to the next; undefined if no recorder has
   * counted any.
   */
  get collectionMs() {
    const counted = this.recorders.filter(({ collections }) => collections !== undefined);
    const ms = counted.reduce((sum, { start, until }) => sum + Math.max(0, until - start), 0);
    const collections = counted.reduce((sum, one) => sum + one.collections, 0);
    return collections === 0 ? undefined : ms / collections;
  }

  /**
   * Mean bytes between two samples: the mean of the recorders' rates at their ends, which a merged
   * profile keeps.
   */
  get rate() {
    const { recorders } = this;
    const sum = recorders.reduce((all, { rate }) => all + rate, 0);
    return recorders.length === 0 ? 0 : sum / recorders.length;
  }
}

module.exports = { Recording, readFile };
