'use strict';

// A pipe with a name: a read or write of the thread pool on it blocks until this side lets it go on, so that a test decides how long
// an operation is in flight.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { newFolder, removeFolder, socketPath } = require('./folder.js');

const { O_RDWR, O_NONBLOCK } = fs.constants;

/** A file of mkfifo's, with an end of its own that never blocks. */
class PosixPipe {
  #own;

  constructor(folder) {
    this.path = path.join(folder, 'fifo');
    execFileSync('mkfifo', [this.path]);
    this.#own = fs.openSync(this.path, O_RDWR | O_NONBLOCK);
  }

  write(bytes) {
    fs.writeSync(this.#own, bytes);
  }

  read() {
    const bytes = Buffer.allocUnsafeSlow(64 * 1024);
    try {
      return bytes.subarray(0, fs.readSync(this.#own, bytes));
    } catch (error) {
      if (error.code === 'EAGAIN') return null;
      throw error;
    }
  }

  close() {
    fs.closeSync(this.#own);
  }
}

/** A named pipe, to which each that opens it is a peer. The first is the one that is written to. */
class WindowsPipe {
  #server = net.createServer({ pauseOnConnect: true }, (peer) => this.#accept(peer));
  #peers = [];
  #early = []; // written before there is a peer
  #parts = [];

  constructor(folder) {
    this.path = socketPath(folder);
    this.#server.listen(this.path);
  }

  #accept(peer) {
    this.#peers.push(peer);
    peer.on('data', (part) => this.#parts.push(part)).pause();
    peer.on('error', () => {}); // who opened it has closed it
    for (const bytes of this.#early.splice(0)) peer.write(bytes);
  }

  write(bytes) {
    if (this.#peers.length === 0) this.#early.push(bytes);
    else this.#peers[0].write(bytes);
  }

  read() {
    for (const peer of this.#peers) peer.resume();
    return this.#parts.shift() ?? null;
  }

  close() {
    for (const peer of this.#peers) peer.destroy();
    this.#server.close();
  }
}

const Pipe = process.platform === 'win32' ? WindowsPipe : PosixPipe;

class Fifo {
  #folder = newFolder();
  #pipe = new Pipe(this.#folder);

  constructor() {
    this.path = this.#pipe.path;
    this.fd = fs.openSync(this.path, 'r+'); // blocks: for the thread pool
  }

  write(bytes) {
    this.#pipe.write(bytes);
  }

  /** Bytes that were written, as many as are there at once; null when there are none. */
  read() {
    return this.#pipe.read();
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
    this.#pipe.close();
    removeFolder(this.#folder);
  }
}

module.exports = { Fifo };
