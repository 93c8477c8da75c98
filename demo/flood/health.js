'use strict';

// A thread of its own that asks a server how it is, ten times a second, until it is told to end: what the load's own work delays is not the server's.

const http = require('node:http');
const { parentPort, workerData } = require('node:worker_threads');
const { setTimeout: sleep } = require('node:timers/promises');

const { port } = workerData;

const ask = () =>
  new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/health', agent: false };
    const req = http.get(options, (res) => {
      res.resume();
      res.once('end', () => resolve(res.statusCode === 200));
    });
    req.once('error', () => resolve(false));
  });

async function check() {
  const seen = { answered: 0, failed: 0, times: [] };
  let isOver = false;
  parentPort.once('message', () => {
    isOver = true;
  });
  while (!isOver) {
    const started = performance.now();
    if (await ask()) seen.answered++;
    else seen.failed++;
    seen.times.push(performance.now() - started);
    await sleep(100);
  }
  parentPort.postMessage(seen);
}

check();
