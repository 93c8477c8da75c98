'use strict';

// Writes a profile block by block, each by one write. The threads and children of a run append to
// the same file: O_APPEND keeps their blocks apart. A line that did not fit on the disk ends where
// the next one begins.

// The originals: an application's tests may replace them later.
const { closeSync, constants, fstatSync, openSync, rmSync, writeFileSync, writeSync } =
  require('node:fs');
const path = require('node:path');
const { unwritableError, writing } = require('./errors.js');
const { checkOwn, statOf } = require('./write-file.js');

const { O_APPEND, O_CREAT, O_WRONLY } = constants;

/**
 * Refuses pipes, sockets and block devices: opening a named pipe would wait for its reader, and a
 * disk would be overwritten.
 */
function refusePipe(file) {
  const stat = statOf(file);
  if (!stat?.isFIFO() && !stat?.isSocket() && !stat?.isBlockDevice()) return;
  throw unwritableError(file, { message: 'it is not a regular file' });
}

/** The file that continues `file`, with a number from 2 on: `app.jsonl`, `app.2.jsonl` ... */
function nextFile(file, number) {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.${number}${ext}`);
}

function filesAfter(file) {
  const files = [];
  for (;;) {
    const next = nextFile(file, files.length + 2);
    if (statOf(next) === undefined) return files;
    files.push(next);
  }
}

/**
 * Empties or creates `file`. An earlier profile is replaced, with `maxBytes` the files that
 * continue it too. Throws for any other file that is not empty.
 */
function prepare(file, maxBytes) {
  writing(file, () => {
    refusePipe(file);
    const after = maxBytes === undefined ? [] : filesAfter(file);
    for (const one of [file, ...after]) checkOwn(one, 'profile');
    writeFileSync(file, '');
    for (const one of after) rmSync(one);
  });
}

/**
 * Like checkOwn(), but accepts a file that --permission forbids to read: another process of the run
 * began it.
 */
function checkAppended(file) {
  try {
    checkOwn(file, 'profile');
  } catch (error) {
    if (error.code !== 'ERR_ACCESS_DENIED') throw error;
  }
}

const AS_BIGINTS = { bigint: true };

class Writer {
  #fd;
  #dev;
  #ino;
  #first;
  #number = 1;
  #maxBytes;

  /**
   * `file`: absolute, because the application may change its folder. `maxBytes`: when the file has
   * so many bytes, the next file begins.
   */
  constructor(file, maxBytes = Number.POSITIVE_INFINITY) {
    this.#first = file;
    this.#maxBytes = maxBytes;
    this.#begin(file);
  }

  #begin(file) {
    this.file = file;
    writing(file, () => {
      checkAppended(file);
      this.#open(O_CREAT);
    });
  }

  /** If this file has no room, continues in the next one that has. Returns whether it did. */
  turn() {
    const before = this.#number;
    // By the descriptor, because --permission may allow writing but not reading.
    while (this.#isOpen() && fstatSync(this.#fd).size >= this.#maxBytes) {
      this.close();
      this.#begin(nextFile(this.#first, ++this.#number));
    }
    return this.#number !== before;
  }

  #open(flags) {
    this.#fd = openSync(this.file, O_WRONLY | O_APPEND | flags);
    ({ dev: this.#dev, ino: this.#ino } = fstatSync(this.#fd, AS_BIGINTS));
  }

  /**
   * Whether the descriptor is still ours. Daemons close all descriptors, and then another file may
   * have its number.
   */
  #isOpen() {
    try {
      const { dev, ino } = fstatSync(this.#fd, AS_BIGINTS);
      return dev === this.#dev && ino === this.#ino;
    } catch {
      return false;
    }
  }

  /** Appends a block. If this throws, the file may contain a part of it, which readers skip. */
  write(block) {
    writing(this.file, () => {
      if (!this.#isOpen()) this.#open(0);
      let written = 0;
      // Repeats only if a signal or a full disk has cut a write short.
      while (written < block.length) written += writeSync(this.#fd, block, written);
    });
  }

  close() {
    if (this.#isOpen()) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

module.exports = { Writer, filesAfter, prepare };
