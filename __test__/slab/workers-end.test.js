'use strict';
// tier: run-time

// Threads that end in the midst of using a slab: every slot they had is back.

const { nativeTest } = require('../helpers/backend.js');
const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { Slab } = require('../..');
const { budget } = require('../helpers/budget.js');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { addsUp } = require('../helpers/slab.js');
const { Peer } = require('../helpers/slab-peer.js');
const { until } = require('../helpers/until.js');

const test = (title, body) => nativeTest(title, 'a slab stays in its thread', body);
const stale = { code: 'ERR_RALLOC_STALE_TOKEN' };

const COUNT = 512;
const SIZE = 256;
const MINE = 20;

const start = (workerData) =>
  new Worker(join(__dirname, '..', 'fixtures', 'slab', 'worker-ends.js'), { workerData });

const activities = ['allocating', 'batching', 'holding', 'sending'];
const endings = {
  'is terminated': { code: 1 },
  returns: { code: 0 },
  throws: { code: 1, error: 'in the midst' },
  'calls process.exit()': { code: 7 },
};

/** Resolves to { code, error } when the worker is gone. */
function ended(worker) {
  const outcome = {};
  worker.on('error', ({ message }) => {
    outcome.error = message;
  });
  return new Promise((resolve) => {
    worker.on('exit', (code) => resolve({ code, ...outcome }));
  });
}

for (const activity of activities) {
  for (const [ending, outcome] of Object.entries(endings)) {
    test(`a worker that ${ending} in the midst of ${activity} gives every slot back`, async (t) => {
      const safety = activity.length % 2 === 0 ? 'checked' : 'recycle';
      const slab = new Slab({ sizes: [SIZE], count: COUNT, safety });
      const mine = Array.from({ length: MINE }, (_, id) => stamp(slab.alloc(SIZE), id));
      for (let round = 0; round < budget(1, 3); round++) {
        const turns = new Int32Array(new SharedArrayBuffer(4));
        const worker = start({
          handle: slab.handle(),
          activity,
          ending,
          turns,
          options: { safety },
        });
        const tokens = [];
        worker.on('message', ({ token }) => tokens.push(token));
        const end = ended(worker);
        if (ending === 'is terminated') {
          await until(() => Atomics.load(turns, 0) > 1000);
          await worker.terminate();
        }
        t.deepEqual(await end, outcome);

        const { held, cached, elsewhere, sent, free, participants } = slab.stats();
        t.deepEqual(
          { held, elsewhere, participants },
          { held: MINE, elsewhere: 0, participants: 1 },
        );
        t.is(free, COUNT - MINE - cached - sent);
        t.true(activity === 'sending' ? sent >= tokens.length : sent === 0, `${sent} sent`);
        // What the dead sent and main heard of is still there; what main never heard of comes back when
        // slots run out.
        for (const token of tokens.slice(0, 30)) slab.free(slab.receive(token));
        const rest = Array.from({ length: COUNT - MINE }, () => slab.allocUnsafe(SIZE));
        t.is(slab.tryAllocUnsafe(SIZE), null);
        for (const token of tokens) t.throws(() => slab.receive(token), stale);
        for (const buffer of rest) slab.free(buffer.fill(0x11));
        t.like(slab.stats(), { held: MINE, sent: 0, elsewhere: 0 });
        addsUp(t, slab);
      }
      t.true(mine.every(isStamped), "main's own are as they were");
      slab.close({ force: true });
    });
  }
}

test('tokens of a worker that is gone can be received, until slots run out', async (t) => {
  const slab = new Slab({ sizes: [64, 256], count: 32 });
  const peer = await Peer.start(slab.handle());
  const keys = await peer.ask('alloc', { size: 60, id: 0, count: 10 });
  const tokens = [];
  for (const key of keys) tokens.push(await peer.ask('send', { key }));
  await peer.terminate();
  t.like(slab.stats(), { sent: 10, elsewhere: 0 });
  const first = slab.receive(tokens[0]);
  t.true(isStamped(first, 0));
  // A thread that takes the dead one's place did not send them.
  const next = await Peer.start(slab.handle());
  t.like(await next.ask('revoke', { token: tokens[1] }), stale);
  t.like(await next.ask('receive', { token: tokens[1], id: 1 }), { isStamped: true });
  const all = await next.ask('allocAll', { size: 64 });
  t.is(all.length, 30, 'the eight among them');
  for (const token of tokens) t.throws(() => slab.receive(token), stale);
  t.true(isStamped(first, 0));
  await next.terminate();
  t.like(slab.stats(), { held: 1, sent: 0, elsewhere: 0 });
  slab.close({ force: true });
});

test('tokens of a living worker are never taken back from it, however few slots are left', async (t) => {
  const slab = new Slab({ sizes: [64], count: 16 });
  const peer = await Peer.start(slab.handle());
  const [key] = await peer.ask('alloc', { size: 64, id: 9 });
  const token = await peer.ask('send', { key });
  const rest = [];
  await until(() => {
    for (let one = slab.tryAlloc(64); one !== null; one = slab.tryAlloc(64)) rest.push(one);
    return rest.length === 15; // with what the worker had cached
  });
  t.throws(() => slab.alloc(64), { code: 'ERR_RALLOC_EXHAUSTED' });
  const received = slab.receive(token);
  t.true(isStamped(received, 9));
  await peer.terminate();
  slab.close({ force: true });
});

test('a worker that is terminated with operations in flight writes into nobody else’s slots', async (t) => {
  const slab = new Slab({ sizes: [2 ** 20], count: 16 });
  for (let round = 0; round < 4; round++) {
    const file = join(__dirname, '..', 'fixtures', 'slab', 'worker-in-flight.js');
    const worker = new Worker(file, { workerData: { handle: slab.handle(), count: 12 } });
    await once(worker, 'message');
    await worker.terminate();
    const mine = Array.from({ length: 16 }, () => slab.allocUnsafe(2 ** 20).fill(round));
    t.like(slab.stats(), { held: 16, elsewhere: 0 });
    const expected = Buffer.alloc(2 ** 20, round);
    // As long as the operations would have taken: the same number of them, here.
    await Promise.all(mine.map(() => randomFilled(Buffer.allocUnsafeSlow(2 ** 20))));
    t.true(mine.every((buffer) => buffer.equals(expected)));
    for (const buffer of mine) slab.free(buffer);
  }
  slab.close();
});

test("a worker's ArrayBuffers, transferred to main before it ends, can be read and written after", async (t) => {
  const { code, signal, stderr, result } = await run('slab/transferred.js');
  t.deepEqual([code, signal], [0, null], stderr);
  t.deepEqual(result, { took: Array(6).fill(10_000), wrong: [], elsewhere: 0 });
});

test('workers in a row leave no growth', async (t) => {
  const { code, signal, stderr, result } = await run('slab/workers-in-a-row.js');
  t.deepEqual([code, signal], [0, null], stderr);
  const { workers, rss, files, ranges, held, participants } = result;
  t.is(rss.length, 10);
  t.log(`RSS ${rss} MB; open files ${files}; ranges of memory ${ranges}`);
  // What one worker touched of the slab, 8 MB, would be here ten times.
  t.true(Math.max(...rss.slice(5)) - Math.max(...rss.slice(0, 5)) <= 16);
  t.true(Math.max(...files.slice(1)) <= files[1] + 2, 'no file stays open');
  // What a worker leaves keeps its addresses, which unmerged would be two ranges for each.
  t.true(ranges.at(-1) - ranges[0] < workers, 'the kernel merges them');
  t.deepEqual([held, participants], [0, 1]);
});

function randomFilled(buffer) {
  return new Promise((resolve, reject) => {
    require('node:crypto').randomFill(buffer, (error) => (error ? reject(error) : resolve()));
  });
}
