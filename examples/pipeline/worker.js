'use strict';

// The thread of one stage: receives frames by token, works on them in place, and sends them on. What it has in
// its hands when it dies goes back to the slab.

const { parentPort, workerData } = require('node:worker_threads');
const { Slab } = require('ralloc');

const slab = Slab.attach(workerData.handle, { safety: 'recycle' });
const work = require(workerData.file);

parentPort.on('message', ({ seq, token }) => {
  let frame;
  try {
    frame = slab.receive(token);
  } catch (error) {
    if (error.code !== 'ERR_RALLOC_STALE_TOKEN') throw error;
    parentPort.postMessage({ seq, isLost: true });
    return;
  }
  const result = work(frame, seq);
  parentPort.postMessage({ seq, token: slab.send(frame), result });
});
