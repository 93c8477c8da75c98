'use strict';

// A thread pool with no free thread: what is given to it waits until release().

const fs = require('node:fs');
const { promisify } = require('node:util');
const { Fifo } = require('./fifo.js');

const read = promisify(fs.read);
const THREADS = Number(process.env.UV_THREADPOOL_SIZE ?? 4);

class BusyPool {
  #fifo = new Fifo();
  #blockers = Array.from({ length: THREADS }, () =>
    read(this.#fifo.fd, Buffer.alloc(1), 0, 1, null),
  );

  async release() {
    this.#fifo.write(Buffer.alloc(THREADS));
    await Promise.all(this.#blockers);
    this.#fifo.close();
  }
}

module.exports = { BusyPool };
