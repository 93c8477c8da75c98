'use strict';

// Reads the frames of a file piece by piece: a profile of days is larger than a Buffer may be.

const fs = require('node:fs');
const { HEAD, MAGIC, nextFrame } = require('./frame.js');
const {
  emptyError,
  foreignError,
  inFile,
  nonsenseError,
  truncatedError,
  unreadableError,
} = require('./errors.js');

const PIECE = 1 << 20; // bytes
const MOST_KEPT = 1 << 24; // bytes

/** The room of the last window: fresh memory costs a page fault for each 4 KiB, half as much as to read the file. */
let spare = Buffer.alloc(0);

/** A window of a file that moves forward. */
class FileWindow {
  #file;
  #room = spare;
  #from = 0;
  #to = 0;
  ended = false;

  constructor(file) {
    this.#file = file;
    spare = Buffer.alloc(0); // a second window has its own
  }

  close() {
    if (this.#room.length <= MOST_KEPT) spare = this.#room;
  }

  /** What is there. */
  get bytes() {
    return this.#room.subarray(this.#from, this.#to);
  }

  drop(count) {
    this.#from += count;
  }

  /** Reads until `count` bytes are there, or the file ends. */
  want(count) {
    this.#makeRoom(Math.max(count, PIECE));
    while (this.#to - this.#from < count && !this.ended) {
      const read = fs.readSync(
        this.#file,
        this.#room,
        this.#to,
        this.#room.length - this.#to,
        null,
      );
      this.#to += read;
      this.ended = read === 0;
    }
  }

  #makeRoom(count) {
    const { bytes } = this;
    const fits = count <= this.#room.length;
    const room = fits ? this.#room : Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(count)));
    room.set(bytes);
    this.#room = room;
    [this.#from, this.#to] = [0, bytes.length];
  }
}

/** Calls `onPayload` for each whole frame, which says whether it makes sense; returns `{ bytes, skipped, nonsense, frames, begun }` of the file. */
function readThrough(descriptor, onPayload) {
  const window = new FileWindow(descriptor);
  const found = { bytes: 0, skipped: 0, nonsense: 0, frames: 0, begun: false };
  const drop = (count) => {
    found.bytes += count;
    window.drop(count);
  };
  window.want(HEAD);
  found.begun = window.bytes.subarray(0, MAGIC.length).equals(MAGIC);
  while (window.bytes.length > 0) {
    const { skip = 1, payload, end, need } = nextFrame(window.bytes, 0);
    if (payload !== undefined) {
      if (onPayload(payload)) {
        found.frames++;
      } else {
        found.nonsense++;
        found.skipped += end;
      }
      drop(end);
    } else if (need !== undefined && !window.ended) {
      window.want(need);
    } else {
      found.skipped += skip;
      drop(skip);
    }
    if (window.bytes.length < HEAD && !window.ended) window.want(HEAD);
  }
  window.close();
  return found;
}

function attempt(file, act) {
  try {
    return act();
  } catch (error) {
    throw error.syscall === undefined ? inFile(error, file) : unreadableError(file, error);
  }
}

/** As readThrough(), of a file in which something makes sense: `{ skipped, nonsense }`. */
function readFile(file, onPayload) {
  const descriptor = attempt(file, () => fs.openSync(file, 'r'));
  try {
    // /dev/zero has no end.
    if (fs.fstatSync(descriptor).isCharacterDevice()) throw foreignError(file);
    const { bytes, skipped, nonsense, frames, begun } = attempt(file, () =>
      readThrough(descriptor, onPayload),
    );
    if (frames > 0) return { skipped, nonsense };
    if (nonsense > 0) throw nonsenseError(file);
    if (bytes === 0) throw emptyError(file);
    throw begun ? truncatedError(file) : foreignError(file);
  } finally {
    fs.closeSync(descriptor);
  }
}

module.exports = { readFile };
