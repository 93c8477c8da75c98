'use strict';

// A named pipe: a read or write of the thread pool on it blocks until this side lets it go on, so that a
// test decides how long an operation is in flight.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');

const { O_RDWR, O_NONBLOCK } = fs.constants;

class Fifo {
  #dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  #own; // never blocks

  constructor() {
    const file = path.join(this.#dir, 'fifo');
    this.path = file;
    execFileSync('mkfifo', [file]);
    this.fd = fs.openSync(file, O_RDWR); // blocks: for the thread pool
    this.#own = fs.openSync(file, O_RDWR | O_NONBLOCK);
  }

  write(bytes) {
    fs.writeSync(this.#own, bytes);
  }

  /** Bytes that were written, as many as are there at once; null when there are none. */
  read() {
    const bytes = Buffer.allocUnsafeSlow(64 * 1024);
    try {
      return bytes.subarray(0, fs.readSync(this.#own, bytes));
    } catch (error) {
      if (error.code === 'EAGAIN') return null;
      throw error;
    }
  }

  /** The next `length` bytes that are written, and what came with the last of them. */
  async readAll(length) {
    const parts = [];
    for (let left = length; left > 0; ) {
      const part = this.read();
      if (part === null) await turn();
      else left -= parts[parts.push(part) - 1].length;
    }
    return Buffer.concat(parts);
  }

  close() {
    fs.closeSync(this.fd);
    fs.closeSync(this.#own);
    fs.rmSync(this.#dir, { recursive: true });
  }
}

module.exports = { Fifo };
