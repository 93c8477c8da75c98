'use strict';
// tier: run-time

// A slab and several threads: handles, tokens, and what is left of those that end.

const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { nativeTest } = require('../helpers/backend.js');
const { addsUp, allCanBeHad } = require('../helpers/slab.js');
const { until } = require('../helpers/until.js');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { Peer } = require('../helpers/slab-peer.js');

const ONE_THREAD = 'memory is of one thread';

function start(t, slab, options) {
  const worker = new Worker(join(__dirname, '..', 'fixtures', 'slab', 'worker.js'), {
    workerData: { handle: slab.handle(), ...options },
  });
  t.teardown(() => worker.terminate());
  return {
    worker,
    async ask(act, rest) {
      const answer = once(worker, 'message');
      worker.postMessage({ act, ...rest });
      return (await answer)[0];
    },
  };
}

for (const safety of ['checked', 'recycle']) {
  const make = (options) => new Slab({ sizes: [64, 4096], count: 64, safety, ...options });

  nativeTest(
    `${safety}: Buffers go to a worker and back by token, over the same bytes`,
    ONE_THREAD,
    async (t) => {
      const slab = make();
      const { ask } = start(t, slab, { safety });
      for (const size of [1, 64, 65, 4000, 4096]) {
        for (let round = 0; round < 5; round++) {
          const id = size * 10 + round;
          const { sawIt, length, token } = await ask('pass', {
            token: slab.send(stamp(slab.allocUnsafe(size), id)),
            id,
          });
          t.deepEqual([sawIt, length], [true, size]);
          const back = slab.receive(token);
          t.is(back.length, size);
          t.true(isStamped(back, id + 1000));
          slab.free(back);
        }
      }
      const { participants, shared } = slab.stats();
      t.deepEqual([participants, shared], [2, true]);
      t.like(await ask('stats'), {
        arenas: 'js',
        backend: 'native',
        participants: 2,
        shared: true,
        held: 0,
      });
      addsUp(t, slab);
    },
  );

  nativeTest(
    `${safety}: a token is received once, by whoever comes first`,
    ONE_THREAD,
    async (t) => {
      const slab = make();
      const { ask } = start(t, slab, { safety });
      const stale = 'ERR_RALLOC_STALE_TOKEN';
      const token = slab.send(slab.alloc(10));
      t.is(slab.stats().sent, 1);
      t.is(await ask('fails', { what: 'revoke', token }), stale, 'only its sender may');
      t.is(await ask('receive', { token }), 10);
      t.throws(() => slab.receive(token), { code: stale });
      t.throws(() => slab.revoke(token), { code: stale });
      t.is(await ask('fails', { what: 'receive', token }), stale);
      const mine = slab.send(slab.alloc(20));
      const back = slab.revoke(mine);
      t.is(back.length, 20);
      t.is(await ask('fails', { what: 'receive', token: mine }), stale);
      slab.free(back);
      const again = slab.send(slab.alloc(20));
      t.not(again, mine, 'a generation later');
      t.true(Number.isSafeInteger(again));
      slab.free(slab.revoke(again));
      addsUp(t, slab);
    },
  );

  nativeTest(
    `${safety}: a worker that is terminated amid its work gives everything back`,
    ONE_THREAD,
    async (t) => {
      const slab = make({ count: 200 });
      const kept = stamp(slab.alloc(4096), 1);
      for (let round = 0; round < 3; round++) {
        const counts = new Int32Array(new SharedArrayBuffer(4));
        const { worker } = start(t, slab, { mode: 'loop', counts, safety });
        await until(() => Atomics.load(counts, 0) > 3000);
        t.is(slab.stats().participants, 2);
        t.is(await worker.terminate(), 1);
        await until(() => slab.stats().participants === 1);
        t.true(isStamped(kept, 1));
        const { elsewhere, sent, held } = slab.stats();
        t.is(elsewhere, 0);
        t.is(held, 1);
        t.true(sent <= round + 1, 'each may have ended between send() and receive()');
      }
      slab.free(kept);
      allCanBeHad(t, slab);
    },
  );

  nativeTest(
    `${safety}: a worker that exits, or closes its part, gives everything back`,
    ONE_THREAD,
    async (t) => {
      const slab = make();
      for (const end of ['exit', 'close']) {
        const { worker, ask } = start(t, slab, { safety });
        t.is(await ask('take', { size: 64, count: 20 }), 20);
        await ask('free');
        t.is(await ask('take', { size: 4096, count: 20 }), 20);
        const lost = await ask('send', { size: 64 });
        t.true(slab.stats().elsewhere >= 20);
        if (end === 'exit') {
          worker.postMessage({ act: end });
          t.is((await once(worker, 'exit'))[0], 7);
        } else {
          await ask(end);
        }
        await until(() => slab.stats().participants === 1);
        const { elsewhere, sent } = slab.stats();
        t.is(elsewhere, 0);
        t.is(sent, 1, 'what it has sent is still under way');
        slab.free(slab.receive(lost));
      }
      allCanBeHad(t, slab);
    },
  );
}

nativeTest('what the dead have sent comes back when slots run out', ONE_THREAD, async (t) => {
  const slab = new Slab({ sizes: [64], count: 4 });
  const { worker, ask } = start(t, slab);
  const token = await ask('send', { size: 10 });
  await worker.terminate();
  await until(() => slab.stats().participants === 1);
  const all = Array.from({ length: 4 }, () => slab.alloc(64));
  t.is(new Set(all.map(({ byteOffset }) => byteOffset)).size, 4);
  t.throws(() => slab.receive(token), { code: 'ERR_RALLOC_STALE_TOKEN' });
  slab.close({ force: true });
});

nativeTest('the slab outlives its creator, whose Buffers die alone', ONE_THREAD, async (t) => {
  const slab = new Slab({ sizes: [64, 4096], count: 16 });
  const handle = slab.handle();
  const { ask } = start(t, slab);
  const mine = stamp(slab.alloc(100), 5);
  const token = slab.send(stamp(slab.alloc(4096), 6));
  t.is((await ask('stats')).participants, 2);
  slab.close({ force: true });
  t.is(mine.length, 0);
  t.like(await ask('pass', { token, id: 6 }), { sawIt: true, length: 4096 });
  t.is(await ask('take', { size: 64, count: 16 }), 16);
  const again = Slab.attach(handle);
  t.is(again.stats().participants, 2);
  t.is(again.tryAlloc(64), null, 'the worker has them all');
  await ask('close');
  await until(() => again.tryAlloc(64) !== null);
  again.close({ force: true });
  t.throws(() => Slab.attach(handle), { code: 'ERR_RALLOC_CLOSED' }, 'nobody has it any more');
});

nativeTest('a slab that a worker made is as good, and outlives it', ONE_THREAD, async (t) => {
  const worker = new Worker(join(__dirname, '..', 'fixtures', 'slab', 'worker-makes.js'));
  const [{ handle, token, id, own, made }] = await once(worker, 'message');
  t.is(made, 'native');
  t.like(own, { backend: 'js', live: true, held: 1 }, 'what nobody else can have is of V8');
  const slab = Slab.attach(handle);
  t.is(await worker.terminate(), 1);
  await until(() => slab.stats().participants === 1);
  const buffer = slab.receive(token);
  t.true(isStamped(buffer, id));
  t.is(slab.stats().elsewhere, 0);
  slab.free(buffer);
  allCanBeHad(t, slab);
  slab.close();
});

nativeTest('a worker that idles keeps no slots from the others for long', ONE_THREAD, async (t) => {
  const slab = new Slab({ sizes: [64], count: 256 });
  const { ask } = start(t, slab);
  await ask('take', { size: 64, count: 60 });
  t.true((await ask('free')) > 0, 'cached over there');
  const all = [];
  await until(() => {
    for (let one = slab.tryAlloc(64); one !== null; one = slab.tryAlloc(64)) all.push(one);
    return all.length === 256;
  });
  for (const buffer of all) slab.free(buffer);
  await until(() => slab.stats().cached === 0);
  t.is(await ask('drain', { size: 64 }), 256, 'and main keeps none from it');
});

nativeTest('a worker that is blocked keeps at most a quarter of a pool', ONE_THREAD, async (t) => {
  const slab = new Slab({ sizes: [64, 256], count: [256, 4] });
  const { worker, ask } = start(t, slab);
  await ask('take', { size: 64, count: 200 });
  await ask('take', { size: 256, count: 4 });
  await ask('free');
  const cell = new Int32Array(new SharedArrayBuffer(4));
  t.is(await ask('block', { cell }), 'blocked');
  const had = [64, 256].map((size) => {
    let count = 0;
    while (slab.tryAlloc(size) !== null) count++;
    return count;
  });
  t.true(had[0] >= 192, `${had[0]} of 256`);
  t.is(had[1], 4, 'small pools have no caches');
  Atomics.store(cell, 0, 1);
  Atomics.notify(cell, 0);
  await worker.terminate();
});

// Threads that end in the midst of using a slab: every slot they had is back.

const threadTest = (title, body) => nativeTest(title, 'a slab stays in its thread', body);
const stale = { code: 'ERR_RALLOC_STALE_TOKEN' };

const COUNT = 512;
const SIZE = 256;
const MINE = 20;

const startOfEnd = (workerData) =>
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
    threadTest(
      `a worker that ${ending} in the midst of ${activity} gives every slot back`,
      async (t) => {
        const safety = activity.length % 2 === 0 ? 'checked' : 'recycle';
        const slab = new Slab({ sizes: [SIZE], count: COUNT, safety });
        const mine = Array.from({ length: MINE }, (_, id) => stamp(slab.alloc(SIZE), id));
        for (let round = 0; round < budget(1, 3); round++) {
          const turns = new Int32Array(new SharedArrayBuffer(4));
          const worker = startOfEnd({
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
      },
    );
  }
}

threadTest('tokens of a worker that is gone can be received, until slots run out', async (t) => {
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

threadTest(
  'tokens of a living worker are never taken back from it, however few slots are left',
  async (t) => {
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
  },
);

threadTest(
  'a worker that is terminated with operations in flight writes into nobody else’s slots',
  async (t) => {
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
  },
);

threadTest(
  "a worker's ArrayBuffers, transferred to main before it ends, can be read and written after",
  async (t) => {
    const { code, signal, stderr, result } = await run('slab/transferred.js');
    t.deepEqual([code, signal], [0, null], stderr);
    t.deepEqual(result, { took: Array(6).fill(10_000), wrong: [], elsewhere: 0 });
  },
);

threadTest('workers in a row leave no growth', async (t) => {
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
  // What a worker leaves keeps its addresses, which unmerged would be two ranges for each.
  t.true(grown < workers / 2, 'the kernel merges them');
  t.deepEqual([held, participants], [0, 1]);
});

function randomFilled(buffer) {
  return new Promise((resolve, reject) => {
    require('node:crypto').randomFill(buffer, (error) => (error ? reject(error) : resolve()));
  });
}
