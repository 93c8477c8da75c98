'use strict';
// tier: run-time

// Worker threads: an arena per isolate, and what is left when an isolate ends in the midst of something.

const test = require('ava');
const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { budget } = require('../helpers/budget.js');
const { isOf } = require('../helpers/ledger.js');
const { gc, until, untilCollected } = require('../helpers/until.js');
const { closing } = require('../helpers/sources.js');

const start = (name, workerData) =>
  new Worker(join(__dirname, '..', 'fixtures', name), { workerData });

/** Ends a worker; resolves to its exit code when it is gone. */
const terminated = (worker) => worker.terminate();

/** Uses much memory of an arena and of the heap, with collections between. */
function pressure(arena) {
  for (let i = 0; i < 10; i++) {
    for (let k = 0; k < 10; k++) {
      arena.allocUnsafe(50_000).fill(0xee);
      Buffer.alloc(200_000, 0xdd);
    }
    arena.reset();
    if (i % 5 === 0) gc();
  }
}

for (const mode of ['allocating', 'operations that outlive a reset']) {
  test(`a worker that is terminated in the midst of ${mode} leaves main as it was`, async (t) => {
    const arena = new Arena();
    const kept = stamp(arena.alloc(10_000), 1);
    for (let round = 0; round < budget(1, 20); round++) {
      const counts = new Int32Array(new SharedArrayBuffer(8));
      const worker = start('arena/worker-busy.js', { mode, counts });
      const [{ backend }] = await once(worker, 'message');
      t.is(backend, 'js');
      await until(() => Atomics.load(counts, 0) > 0);
      t.is(await terminated(worker), 1);
      t.true(Atomics.load(counts, 1) < Atomics.load(counts, 0), 'it was in the midst');
      t.true(isStamped(kept, 1));
      arena.scope((child) => pressure(child));
    }
    arena.reset();
    t.true(isDead(kept));
    arena.close();
    await untilCollected(() => arena.stats().memory.used === 0);
  });
}

test("a worker's arena memory, transferred to main before its termination, is main's to read and write", async (t) => {
  const arena = closing(t);
  const given = [];
  const worker = start('arena/worker-gives-on.js');
  await new Promise((resolve, reject) => {
    worker.on('error', reject).on('message', (gift) => {
      if (gift.last) resolve();
      else given.push({ ...gift, buffer: Buffer.from(gift.ab, gift.byteOffset, gift.size) });
    });
  });
  t.is(await terminated(worker), 1);
  pressure(arena);
  t.is(given.length, 9);
  for (const { what, id, buffer } of given) t.true(isStamped(buffer, id), what);
  given.forEach(({ ab, buffer }, i) => {
    Buffer.from(ab).fill(0x55);
    stamp(buffer, 100 + i);
  });
  pressure(arena);
  given.forEach(({ what, buffer }, i) => {
    t.true(isStamped(buffer, 100 + i), what);
  });
});

test("main's memory goes to a worker and back while main goes on", async (t) => {
  const arena = closing(t);
  const worker = start('arena/worker-returns.js');
  for (let round = 0; round < 5; round++) {
    arena.alloc(100);
    arena.reset(); // an ArrayBuffer that never moved cannot be transferred on Node 22 and later
    const { buffer: ab, byteOffset } = stamp(arena.alloc(10_000), round);
    const answer = once(worker, 'message');
    worker.postMessage({ ab, byteOffset, id: 50 + round }, [ab]);
    pressure(arena);
    const mine = stamp(arena.alloc(10_000), 9);
    const [back] = await answer;
    const buffer = Buffer.from(back.ab, byteOffset, 10_000);
    t.true(back.sawIt, 'the worker read what main had written');
    t.true(isStamped(buffer, 50 + round), 'main reads what the worker has written');
    t.true(isStamped(mine, 9));
    t.false(arena.owns(buffer));
  }
  await terminated(worker);
});

test("a worker's server has an arena for every request, and may be terminated within one", async (t) => {
  const worker = start('arena/worker-serves.js');
  const [{ port, backend }] = await once(worker, 'message');
  t.is(backend, 'js');
  const client = await Client.connect(port);
  const body = Buffer.alloc(100_000, 'b');
  for (let id = 0; id < 50; id++) {
    const answer = await client.get(`/${id}`, { method: 'POST', body });
    t.true(isOf(id, answer.body.subarray(0, 10_000)));
    t.true(answer.body.subarray(10_000).equals(body));
  }
  const stuck = await Client.connect(port);
  stuck.send('/stuck');
  await once(worker, 'message');
  worker.postMessage('stats');
  const [stats] = await once(worker, 'message');
  t.like(stats, { requests: 51, inFlight: 1, finished: 50, aborted: 0, heapBuffers: 0 });
  t.true(stats.memory.leased > 0);
  const closed = once(stuck.socket, 'close');
  t.is(await terminated(worker), 1);
  await closed;
  client.socket.destroy();
});
