'use strict';

// Timers have a millisecond's grain, too coarse for thousands of starts a second; a client that
// spins takes from the server the core where V8 collects garbage, and one that sleeps leaves its
// sockets unread, which stalls TCP. So a thread sleeps instead, by Atomics.wait, and wakes the
// client's event loop at each start: about a tenth of a millisecond late, the same for everyone.
// One thread serves all slices: to start one takes tens of milliseconds.

const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

const TURN = 0; // counts up with each slice that begins or is stopped
const RUNG = 1; // nonzero: the loop has been woken and has not looked yet
const [START, GAP, TOTAL] = [0, 1, 2];

function now() {
  const [seconds, ns] = process.hrtime();
  return seconds * 1e9 + ns;
}

function beat({ flags, slice }) {
  for (let turn = 0; ; ) {
    Atomics.wait(flags, TURN, turn);
    turn = Atomics.load(flags, TURN);
    const [start, gap, total] = slice;
    for (let n = 0; n < total && Atomics.load(flags, TURN) === turn; n++) {
      const wait = start + n * gap - now();
      if (wait > 0) Atomics.wait(flags, TURN, turn, wait / 1e6);
      if (Atomics.exchange(flags, RUNG, 1) === 0) parentPort.postMessage(null);
    }
  }
}

class Metronome {
  #flags = new Int32Array(new SharedArrayBuffer(8));
  #slice = new Float64Array(new SharedArrayBuffer(24));
  #onBeat = () => {};

  constructor() {
    const shared = { flags: this.#flags, slice: this.#slice };
    const worker = new Worker(__filename, { workerData: shared });
    worker.on('message', () => {
      Atomics.store(this.#flags, RUNG, 0);
      this.#onBeat();
    });
    worker.unref();
  }

  /** Calls `onBeat` at `start + n × gap` (ns of hrtime) for n < total, until it is stopped. */
  start(start, gap, total, onBeat) {
    this.#onBeat = onBeat;
    this.#slice[START] = start;
    this.#slice[GAP] = gap;
    this.#slice[TOTAL] = total;
    this.#next();
  }

  stop() {
    this.#onBeat = () => {};
    this.#slice[TOTAL] = 0;
    this.#next();
  }

  #next() {
    Atomics.add(this.#flags, TURN, 1);
    Atomics.notify(this.#flags, TURN);
  }
}

if (!isMainThread) beat(workerData);

module.exports = { Metronome, now };
