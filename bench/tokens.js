'use strict';

// A frame from the main thread to a worker: by token of a slab, by postMessage with its copy, by transfer.
//
// Caveats: "moving" takes frames that are there already, so that it shows what the way costs and nothing else;
// it has no transfer, for what was transferred is not there any more. "filling and moving" makes each frame
// anew, as a producer does: then memset is most of what a token costs. The receiver reads two bytes, so
// the cost of reading what another core has just written is not in it. Four frames are in flight, and each
// is answered by a message of its own, the same for all; CPU time is that of both threads, the rate of frames
// is in `wall`.

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Slab } = require('..');
const { compare } = require('./harness.js');

const IN_FLIGHT = 4;
const SIZES = { '4 MiB': 4 * 2 ** 20, '64 KiB': 64 * 2 ** 10 };

/** Sends frames by `send(worker, turn)`, which returns what two bytes of it come to: run(n) of a rival. */
function moved(send, workerData = {}) {
  const worker = new Worker(path.join(__dirname, 'fixtures', 'token-peer.js'), { workerData });
  return async (n) => {
    const expected = [];
    let sent = 0;
    await new Promise((resolve, reject) => {
      const next = () => expected.push(send(worker, sent++ & 127));
      const onAnswer = (answer) => {
        if (answer !== expected.shift()) reject(new Error('the frame is not what was sent'));
        if (sent < n) next();
        else if (expected.length === 0) resolve();
      };
      worker.removeAllListeners('message');
      worker.on('message', onAnswer);
      while (sent < Math.min(n, IN_FLIGHT)) next();
    });
    return n;
  };
}

function byToken(size, write) {
  const slab = new Slab({ sizes: [size], count: 2 * IN_FLIGHT, safety: 'recycle' });
  for (let i = 0; i < 2 * IN_FLIGHT; i++) slab.use(size, () => {}); // zeroes it: the pages are there
  const send = (worker, turn) => {
    const frame = slab.allocUnsafe(size);
    write(frame, turn);
    const expected = frame[0] + frame[size - 1];
    worker.postMessage(slab.send(frame));
    return expected;
  };
  return moved(send, { handle: slab.handle(), options: { safety: 'recycle' } });
}

function byCopy(size, write) {
  const frame = Buffer.alloc(size);
  return moved((worker, turn) => {
    write(frame, turn);
    worker.postMessage(frame);
    return frame[0] + frame[size - 1];
  });
}

function byTransfer(write, make) {
  return moved((worker, turn) => {
    const ab = make();
    const frame = new Uint8Array(ab);
    write(frame, turn);
    const expected = frame[0] + frame[frame.length - 1];
    worker.postMessage(ab, [ab]);
    return expected;
  });
}

const mark = (frame, turn) => {
  frame[0] = turn;
  frame[frame.length - 1] = turn;
};
const fill = (frame, turn) => frame.fill(turn);

const scenarios = {};
for (const [name, size] of Object.entries(SIZES)) {
  scenarios[`moving a frame, ${name}`] = () =>
    compare({
      'slab, a token': byToken(size, mark),
      'postMessage, a copy': byCopy(size, mark),
    });
  scenarios[`filling and moving a frame, ${name}`] = () =>
    compare({
      'slab, a token': byToken(size, fill),
      'transfer of a new ArrayBuffer': byTransfer(fill, () => new ArrayBuffer(size)),
      'transfer of allocUnsafeSlow': byTransfer(fill, () => Buffer.allocUnsafeSlow(size).buffer),
      'postMessage, a copy': byCopy(size, fill),
    });
}

module.exports = {
  notMeasured: 'reading the frame in the other thread; more than one receiver; other systems',
  scenarios,
};
