'use strict';
// tier: run-time

// Threads that want the same few slots: what one of them caches is not out of the others' reach for long, nor
// much of it.

const { nativeTest } = require('../helpers/backend.js');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { addsUp } = require('../helpers/slab.js');
const { Peer, gate } = require('../helpers/slab-peer.js');
const { until } = require('../helpers/until.js');

const test = (title, body) => nativeTest(title, 'a slab stays in its thread', body);
const exhausted = { code: 'ERR_RALLOC_EXHAUSTED' };

const startPeers = (slab, count) =>
  Promise.all(Array.from({ length: count }, () => Peer.start(slab.handle())));
const terminateAll = (peers) => Promise.all(peers.map((peer) => peer.terminate()));

/** Every Buffer of `size` that can be had here. */
function takeAll(slab, size) {
  const all = [];
  for (let one = slab.tryAlloc(size); one !== null; one = slab.tryAlloc(size)) all.push(one);
  return all;
}

function freeAll(slab, buffers) {
  for (const buffer of buffers) slab.free(buffer);
}

test('four threads share four slots, one each, again and again', async (t) => {
  const slab = new Slab({ sizes: [64], count: 4 });
  const peers = await startPeers(slab, 3);
  for (let round = 0; round < 10; round++) {
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
    t.like(
      slab.stats(),
      { held: 0, cached: 0, elsewhere: 0, free: 4 },
      'nobody caches one of four',
    );
  }
  await terminateAll(peers);
  slab.close();
});

test('what idle threads have cached is back after two ticks of 50 ms, so that one can have the whole pool', async (t) => {
  const COUNT = 256;
  const slab = new Slab({ sizes: [64], count: COUNT });
  const peers = await startPeers(slab, 3);
  let seen = 0;
  for (let round = 0; round < 8; round++) {
    for (const peer of peers) {
      const keys = await peer.ask('alloc', { size: 64, id: round, count: 60 });
      await peer.ask('free', { keys });
    }
    const cached = slab.stats().elsewhere;
    t.true(cached <= 3 * (COUNT / 16), `${cached} cached over there`);
    if (cached > 0) seen++;
    // By their own timers: other programs may keep a thread from its processor.
    await Promise.all(peers.map((peer) => peer.ask('ticks', { count: 2 })));
    const mine = takeAll(slab, 64);
    t.is(mine.length, COUNT);
    freeAll(slab, mine);
    t.true(slab.stats().cached <= COUNT / 16, 'and main keeps no more than its share');
  }
  t.true(seen > 0);
  addsUp(t, slab);
  await terminateAll(peers);
  slab.close();
});

test('threads that are blocked keep at most their share: a quarter of the pool, all together', async (t) => {
  const COUNT = 512;
  const slab = new Slab({ sizes: [64], count: COUNT });
  const peers = await startPeers(slab, 3);
  // In one step, so that no timer of theirs comes between.
  const { words, open } = gate();
  const blocked = peers.map(async (peer) => {
    const keys = await peer.ask('alloc', { size: 64, id: 1, count: 100 });
    await peer.ask('freeAndBlock', { keys, gate: words });
  });
  await until(() => Atomics.load(words, 1) === 3);
  const { elsewhere } = slab.stats();
  t.true(elsewhere > 0, 'they have some in their caches');
  t.true(elsewhere <= 3 * (COUNT / 16), `${elsewhere}`);
  for (let round = 0; round < 3; round++) {
    const mine = takeAll(slab, 64);
    t.is(mine.length, COUNT - elsewhere);
    t.throws(() => slab.alloc(64), exhausted);
    freeAll(slab, mine);
  }
  open();
  await Promise.all(blocked);
  const mine = [];
  await until(() => {
    mine.push(...takeAll(slab, 64));
    return mine.length === COUNT;
  });
  freeAll(slab, mine);
  await terminateAll(peers);
  slab.close();
});

test('a thread that has a large cache gives it up as soon as others may want the slots', async (t) => {
  const slab = new Slab({ sizes: [64], count: 256 });
  freeAll(slab, takeAll(slab, 64));
  t.is(slab.stats().cached, 256, 'alone it caches all');
  const handle = slab.handle();
  t.true(slab.stats().cached <= 64, 'a quarter once it has a handle');
  const peers = await Promise.all([1, 2, 3].map(() => Peer.start(handle)));
  const keys = await peers[0].ask('allocAll', { size: 64 });
  t.true(keys.length >= 192);
  await until(() => slab.stats().cached === 0);
  t.is((await peers[1].ask('allocAll', { size: 64 })).length, 256 - keys.length);
  await terminateAll(peers);
  t.like(slab.stats(), { elsewhere: 0, sent: 0, held: 0 });
  slab.close();
});

test('eight threads that allocate, send and free at once hold no slot twice', async (t) => {
  const slab = new Slab({ sizes: [64, 256], count: [64, 32] });
  const peers = await startPeers(slab, 8);
  const results = await Promise.all(
    peers.map((peer, i) => peer.ask('stampAndCheck', { sizes: [64, 200], turns: 20_000, seed: i })),
  );
  for (const { damaged, taken } of results) {
    t.is(damaged, 0);
    t.true(taken > 0);
  }
  await until(() => slab.stats().elsewhere === 0);
  t.is(takeAll(slab, 64).length + takeAll(slab, 256).length, 96);
  await terminateAll(peers);
  slab.close({ force: true });
});
