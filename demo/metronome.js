'use strict';

// Timers have a millisecond's grain, too coarse for thousands of starts a second; a client that
// spins takes from the server the core where V8 collects garbage, and one that sleeps leaves its
// sockets unread, which stalls TCP. So a thread sleeps instead, by Atomics.wait, and wakes the
// client's event loop at each start: about a tenth of a millisecond late, the same for everyone.

const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

const STOP = 0; // nonzero: no more beats
const RUNG = 1; // nonzero: the loop has been woken and has not looked yet

function now() {
  const [seconds, ns] = process.hrtime();
  return seconds * 1e9 + ns;
}

function beat({ flags, start, gap, total }) {
  for (let n = 0; n < total && Atomics.load(flags, STOP) === 0; n++) {
    const wait = start + n * gap - now();
    if (wait > 0) Atomics.wait(flags, STOP, 0, wait / 1e6);
    if (Atomics.exchange(flags, RUNG, 1) === 0) parentPort.postMessage(null);
  }
}

/** Calls `onBeat` at `start + n × gap` (ns of hrtime) for n < total; answers a function to stop. */
function metronome(start, gap, total, onBeat) {
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(__filename, { workerData: { flags, start, gap, total } });
  worker.on('message', () => {
    Atomics.store(flags, RUNG, 0);
    onBeat();
  });
  return () => {
    Atomics.store(flags, STOP, 1);
    Atomics.notify(flags, STOP);
    return worker.terminate();
  };
}

if (!isMainThread) beat(workerData);

module.exports = { metronome, now };
