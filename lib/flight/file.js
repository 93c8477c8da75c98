'use strict';

// The file of a flight recorder. What a process has written is the kernel's, so it is there after
// SIGKILL. It is written in place: a cell that was being written is torn, its checksum is wrong,
// and the other one of its pair is whole. The reader takes nothing for granted: anybody may have
// written the file.
//
// bytes            what is there
// 0 … 15           MAGIC, with the version
// 16               1 once a later process told how this one ended
// 512, 1024        a pair of cells: what the thread saw while the loop was blocked
// 2048             a cell: how the process ended
// 4096, +HALF      a pair of cells: the record
//
// A cell: the CRC-32 of what follows, the text's length (both of 4 bytes), the sequence,
// milliseconds since 1970 (both numbers of 8 bytes), and JSON in UTF-8. All numbers are
// little-endian.

const fs = require('node:fs');
const zlib = require('node:zlib');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');

const MAGIC = 'RALLOC FLIGHT 1\n';
const TOLD = 16;
const BEATS = { from: 512, size: 512 };
const END = { from: 2048, size: 2048 };
const HALF = 60 * 1024;
const RECORDS = { from: 4096, size: HALF };
const SIZE = 4096 + 2 * HALF;
const TEXT = 24; // where a cell's text begins
const BEGINNING = 8192; // bytes of a record that have the path of its program
const MOST_TIME = 8.64e15; // of a Date

const { O_CREAT, O_EXCL, O_NONBLOCK = 0, O_RDONLY, O_RDWR } = fs.constants;

const { indexOf } = Buffer.prototype;

const encoder = new TextEncoder();
/** Made by who reads: Node loads tables of ICU with it. */
const decoder = lazy(() => new TextDecoder('utf-8', { fatal: true }));

/**
 * Writes the file of this process. It must not be a Buffer's memory, which a recorder of Buffers
 * would see.
 */
class FlightFile {
  #bytes = new Uint8Array(HALF);
  #view = new DataView(this.#bytes.buffer);
  sequence = 0; // of the last record
  fd;

  /** Throws if there is such a file, or it cannot be made. */
  constructor(name) {
    this.fd = fs.openSync(name, O_RDWR | O_CREAT | O_EXCL, 0o600);
    try {
      const head = new Uint8Array(RECORDS.from);
      encoder.encodeInto(MAGIC, head);
      fs.writeSync(this.fd, head, 0, head.length, 0);
    } catch (error) {
      this.close();
      attempt(() => fs.unlinkSync(name));
      throw error;
    }
  }

  /** Returns false if the text is too long. Throws if the system refuses. */
  #write({ from, size }, sequence, time, text) {
    const { read, written } = encoder.encodeInto(text, this.#bytes.subarray(TEXT, size));
    if (read < text.length) return false;
    const end = TEXT + written;
    this.#view.setUint32(4, written, true);
    this.#view.setFloat64(8, sequence, true);
    this.#view.setFloat64(16, time, true);
    this.#view.setUint32(0, zlib.crc32(this.#bytes.subarray(4, end)), true);
    if (fs.writeSync(this.fd, this.#bytes, 0, end, from) < end) throw new Error('the disk is full');
    return true;
  }

  record(time, text) {
    this.sequence += 1;
    const from = RECORDS.from + (this.sequence % 2) * HALF;
    return this.#write({ from, size: HALF }, this.sequence, time, text);
  }

  /** A record that is written later says that the process went on. */
  end(time, text) {
    return this.#write(END, this.sequence, time, text);
  }

  close() {
    attempt(() => fs.closeSync(this.fd));
    this.fd = undefined;
  }
}

/** `{ sequence, time, value }` of a cell; undefined if it is empty, torn or no cell. */
function cellAt(bytes, { from, size }) {
  const cell = bytes.subarray(from, from + size);
  if (cell.length <= TEXT) return undefined;
  const view = new DataView(cell.buffer, cell.byteOffset, cell.length);
  const end = TEXT + view.getUint32(4, true);
  if (end <= TEXT || end > cell.length) return undefined;
  if (zlib.crc32(cell.subarray(4, end)) !== view.getUint32(0, true)) return undefined;
  const [sequence, time] = [8, 16].map((at) => view.getFloat64(at, true));
  if (!(sequence >= 0 && Math.abs(time) <= MOST_TIME)) return undefined;
  const value = attempt(() => JSON.parse(decoder().decode(cell.subarray(TEXT, end))));
  return { sequence, time, value };
}

/** The later one of a pair. */
function laterOf(bytes, { from, size }) {
  const [one, other] = [0, 1].map((index) => cellAt(bytes, { from: from + index * size, size }));
  if (one === undefined || other === undefined) return one ?? other;
  return one.sequence > other.sequence ? one : other;
}

/** Returns act(fd). Does not wait for a pipe. */
function withFile(name, flags, act) {
  const fd = fs.openSync(name, flags | O_NONBLOCK);
  try {
    return act(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** At most the bytes that such a file has; undefined if it is no file. */
const bytesOf = (name) =>
  withFile(name, O_RDONLY, (fd) => {
    if (!fs.fstatSync(fd).isFile()) return undefined;
    const bytes = new Uint8Array(SIZE);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, SIZE, 0));
  });

/**
 * Returns `{ record, beat, end, passed, isTold }`: cells, undefined where there is none that is
 * whole; or `{ fault }`, why it is no recording. `passed`: an end after which the process went on.
 * Throws only what the system does. Values are as they were written: see clean.js.
 */
function readFlight(name) {
  const bytes = bytesOf(name);
  if (bytes === undefined) return { fault: 'is not a file' };
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    const isOther = magic.startsWith(MAGIC.slice(0, -2));
    return { fault: isOther ? 'is of another version of ralloc' : 'is not of a flight recorder' };
  }
  const record = laterOf(bytes, RECORDS);
  if (record === undefined) return { fault: 'has no record that is whole' };
  const end = cellAt(bytes, END);
  const isLast = end?.sequence >= record.sequence;
  return {
    record,
    beat: laterOf(bytes, BEATS),
    ...(isLast ? { end } : { passed: end }),
    isTold: bytes[TOLD] === 1,
  };
}

/**
 * Whether a record may be of a program: looks at the first bytes of each, which have its path.
 * Throws what the system does.
 */
function mayBeOf(name, app) {
  const text = encoder.encode(`"app":${JSON.stringify(app)},`);
  const bytes = new Uint8Array(BEGINNING);
  return withFile(name, O_RDONLY, (fd) =>
    [0, HALF].some((from) => {
      const size = fs.readSync(fd, bytes, 0, BEGINNING, RECORDS.from + from);
      return Reflect.apply(indexOf, bytes.subarray(0, size), [text]) !== -1;
    }),
  );
}

/** Notes that its end was told. */
const markTold = (name) =>
  withFile(name, O_RDWR, (fd) => fs.writeSync(fd, Uint8Array.of(1), 0, 1, TOLD));

module.exports = { BEATS, END, FlightFile, markTold, mayBeOf, readFlight };
