'use strict';
// tier: run-time

// Threads that share a slab: what one of them caches is not out of the others' reach for long, nor much of it; and what is left of
// those that end.

const ava = require('ava');
const { randomFill } = require('node:crypto');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { nativeTest } = require('../helpers/backend.js');
const { addsUp, takeAll } = require('../helpers/slab.js');
const { until } = require('../helpers/until.js');
const { budget } = require('../helpers/budget.js');
const { fixturePath, run } = require('../helpers/child.js');
const { Thread } = require('../helpers/slab-peer.js');

// One after another: each has several threads.
const test = (title, body) => nativeTest(title, 'a slab stays in its thread', body, ava.serial);
const exhausted = { code: 'ERR_RALLOC_EXHAUSTED' };
const stale = { code: 'ERR_RALLOC_STALE_TOKEN' };

const startPeers = (slab, count) =>
  Promise.all(Array.from({ length: count }, () => Thread.start(slab.handle())));
const terminateAll = (peers) => Promise.all(peers.map((peer) => peer.terminate()));

function freeAll(slab, buffers) {
  for (const buffer of buffers) slab.free(buffer);
}

test('four threads share four slots, one each, again and again', async (t) => {
  const slab = new Slab({ sizes: [64], count: 4 });
  const peers = await startPeers(slab, 3);
  for (let round = 0; round < 5; round++) {
    const mine = stamp(slab.alloc(64), round);
    const keys = await Promise.all(
      peers.map((peer, i) => peer.ask('alloc', { size: 64, id: 10 * round + i })),
    );
    t.throws(() => slab.alloc(64), exhausted);
    t.like(await peers[0].ask('alloc', { size: 64, id: 0 }), exhausted);
    t.like(slab.stats(), { held: 1, cached: 0, elsewhere: 3, free: 0 });
    for (const [i, peer] of peers.entries()) {
      t.true(await peer.ask('isStamped', { key: keys[i][0], id: 10 * round + i }));
      await peer.ask('free', { keys: keys[i] });
    }
    t.true(isStamped(mine, round));
    slab.free(mine);
    const none = { held: 0, cached: 0, elsewhere: 0, free: 4 };
    t.like(slab.stats(), none, 'nobody caches one of four');
  }
  await terminateAll(peers);
  slab.close();
});

test('what idle threads have cached is back after two ticks of 50 ms, so that one can have the whole pool', async (t) => {
  const COUNT = 256;
  const slab = new Slab({ sizes: [64], count: COUNT });
  const peers = await startPeers(slab, 2);
  let seen = 0;
  for (let round = 0; round < 3; round++) {
    for (const peer of peers) {
      const keys = await peer.ask('alloc', { size: 64, id: round, count: 60 });
      await peer.ask('free', { keys });
    }
    const cached = slab.stats().elsewhere;
    t.true(cached <= 2 * (COUNT / 12), `${cached} cached over there`);
    if (cached > 0) seen++;
    // By their own timers: other programs may keep a thread from its processor.
    await Promise.all(peers.map((peer) => peer.ask('ticks', { count: 2 })));
    const mine = takeAll(slab, 64);
    t.is(mine.length, COUNT);
    freeAll(slab, mine);
    t.true(slab.stats().cached <= COUNT / 12, 'and main keeps no more than its share');
  }
  t.true(seen > 0);
  addsUp(t, slab);
  await terminateAll(peers);
  slab.close();
});

test('a thread that has a large cache gives it up as soon as others may want the slots', async (t) => {
  const slab = new Slab({ sizes: [64], count: 256 });
  freeAll(slab, takeAll(slab, 64));
  t.is(slab.stats().cached, 256, 'alone it caches all');
  slab.handle();
  t.true(slab.stats().cached <= 64, 'a quarter once it has a handle');
  const peers = await startPeers(slab, 2);
  const keys = await peers[0].ask('allocAll', { size: 64 });
  t.true(keys.length >= 192);
  await until(() => slab.stats().cached === 0);
  t.is((await peers[1].ask('allocAll', { size: 64 })).length, 256 - keys.length);
  await terminateAll(peers);
  t.like(slab.stats(), { elsewhere: 0, sent: 0, held: 0 });
  slab.close();
});

// Threads that end in the midst of using a slab: every slot they had is back.

const COUNT = 512;
const SIZE = 256;
const MINE = 20;

const endings = {
  'is terminated': { code: 1 },
  returns: { code: 0 },
  throws: { code: 1, error: 'in the midst' },
  'calls process.exit()': { code: 7 },
};

// Only one that is terminated ends anywhere: the others end where a turn does.
const ends = [
  ...['allocating', 'batching', 'holding', 'sending'].map((activity) => [
    'is terminated',
    activity,
  ]),
  ['returns', 'holding'],
  ['throws', 'sending'],
  ['calls process.exit()', 'batching'],
];

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

for (const [ending, activity] of ends) {
  test(`a worker that ${ending} in the midst of ${activity} gives every slot back`, async (t) => {
    const safety = activity.length % 2 === 0 ? 'checked' : 'recycle';
    const slab = new Slab({ sizes: [SIZE], count: COUNT, safety });
    const mine = Array.from({ length: MINE }, (_, id) => stamp(slab.alloc(SIZE), id));
    for (let round = 0; round < budget(1, 10); round++) {
      const turns = new Int32Array(new SharedArrayBuffer(4));
      const worker = new Worker(fixturePath('slab/worker-ends.js'), {
        workerData: { handle: slab.handle(), activity, ending, turns, options: { safety } },
      });
      const tokens = [];
      worker.on('message', ({ token }) => tokens.push(token));
      const end = ended(worker);
      if (ending === 'is terminated') {
        await until(() => Atomics.load(turns, 0) > 1000);
        await worker.terminate();
      }
      t.deepEqual(await end, endings[ending]);

      const { held, cached, elsewhere, sent, free, participants } = slab.stats();
      t.deepEqual({ held, elsewhere, participants }, { held: MINE, elsewhere: 0, participants: 1 });
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

test('a worker that is terminated with operations in flight writes into nobody else’s slots', async (t) => {
  const slab = new Slab({ sizes: [2 ** 20], count: 16 });
  for (let round = 0; round < budget(2, 20); round++) {
    const worker = await Thread.start(slab.handle());
    await worker.ask('fillForEver', { size: 2 ** 20, count: 12 });
    await worker.terminate();
    const mine = Array.from({ length: 16 }, () => slab.allocUnsafe(2 ** 20).fill(round));
    t.like(slab.stats(), { held: 16, elsewhere: 0 });
    const expected = Buffer.alloc(2 ** 20, round);
    // As long as the operations would have taken: the same number of them, here.
    await Promise.all(mine.map(() => promisify(randomFill)(Buffer.allocUnsafeSlow(2 ** 20))));
    t.true(mine.every((buffer) => buffer.equals(expected)));
    freeAll(slab, mine);
  }
  slab.close();
});

test("a worker's ArrayBuffers, transferred to main before it ends, can be read and written after", async (t) => {
  const { code, signal, stderr, result } = await run('slab/transferred.js');
  t.deepEqual([code, signal], [0, null], stderr);
  t.deepEqual(result, { took: Array(4).fill(10_000), wrong: [], elsewhere: 0 });
});

test('workers in a row leave no growth', async (t) => {
  const { code, signal, stderr, result } = await run('slab/workers-in-a-row.js', {
    env: { MALLOC_ARENA_MAX: '1' }, // more of glibc's would be ranges too
  });
  t.deepEqual([code, signal], [0, null], stderr);
  const { workers, rss, files, ranges, grown, held, participants } = result;
  t.is(rss.length, 10);
  t.log(`RSS ${rss} MB; open files ${files}; ranges of memory ${ranges}`);
  // What one worker touched of the slab, 8 MB, would be here ten times.
  t.true(Math.max(...rss.slice(5)) - Math.max(...rss.slice(0, 5)) <= 16);
  t.true(Math.max(...files.slice(1)) <= files[1] + 2, 'no file stays open');
  // What a worker leaves keeps its addresses, which unmerged would be two ranges for each: as many
  // as there are workers, in the second half.
  t.true(grown < 0.8 * workers, 'the kernel merges them');
  t.deepEqual([held, participants], [0, 1]);
});
