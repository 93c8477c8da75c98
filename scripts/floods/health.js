'use strict';

// A thread that asks a server for /health five times a second until it gets a message, and tells
// the longest time in ms, and how often there was no 200.

const { setTimeout: sleep } = require('node:timers/promises');
const { parentPort, workerData: port } = require('node:worker_threads');
const { get } = require('./clients.js');

async function main() {
  let isOver = false;
  parentPort.once('message', () => (isOver = true));
  const found = { ms: 0, failed: 0 };
  while (!isOver) {
    const start = performance.now();
    if ((await get(port, '/health')) !== 200) found.failed++;
    found.ms = Math.max(found.ms, Math.round(performance.now() - start));
    await sleep(200);
  }
  parentPort.postMessage(found);
}

main();
