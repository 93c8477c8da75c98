'use strict';
// tier: run-time

// Each thread has its own regions.

const test = require('ava');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { join } = require('node:path');
const { Region } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');

const program = join(__dirname, '..', 'fixtures', 'region', 'worker.js');

test('workers have regions of their own, that end with them', async (t) => {
  const region = new Region();
  const mine = stamp(region.alloc(5000), 1);
  const workers = [1, 2, 3].map((seed) => new Worker(program, { workerData: seed }));
  const told = await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (const [{ problems, held }] of told) t.like({ problems, held }, { problems: [], held: 50 });
  await Promise.all(workers.map((worker) => worker.terminate()));
  t.true(isStamped(mine, 1));
  region.free(mine);
  region.close();
});

test('what a worker has sent by a transfer list outlives its region', async (t) => {
  const worker = new Worker(program, { workerData: 'transfer' });
  const [bytes] = await once(worker, 'message');
  await worker.terminate();
  t.true(isStamped(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 7));
});
