'use strict';
// tier: run-time

// Tokens and handles that are used wrongly, twice, too late or at once; who closes what meanwhile.

const { nativeTest } = require('../helpers/backend.js');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { Peer, gate } = require('../helpers/slab-peer.js');
const { until } = require('../helpers/until.js');

const test = (title, body) => nativeTest(title, 'a slab stays in its thread', body);
const stale = { name: 'RallocError', code: 'ERR_RALLOC_STALE_TOKEN' };
const double = { code: 'ERR_RALLOC_DOUBLE_FREE' };

// What one participant may do with a token, whatever the slab: a worker stands for the other threads and processes.
for (const { title, safety, make } of modes.filter(({ isShared }) => isShared)) {
  test(`${title}: whoever sent a Buffer can neither free nor send it, nor has it`, async (t) => {
    const slab = make({ sizes: [64], count: 64 });
    const peer = await Peer.start(slab.handle(), { safety });
    const buffer = stamp(slab.alloc(60), 1);
    const token = slab.send(buffer);
    t.throws(() => slab.free(buffer), { ...double, message: /was sent/ });
    t.throws(() => slab.send(buffer), { ...double, message: /was sent/ });
    t.false(slab.owns(buffer));
    t.like(slab.stats(), { held: 0, sent: 1, refused: 2 });
    const { key } = await peer.ask('receive', { token, id: 1 });
    t.like(slab.stats(), { sent: 0 });
    t.is(await peer.ask('send', { key }).then(Number.isSafeInteger), true);
    t.like(await peer.ask('send', { key }), double);
    t.false(await peer.ask('owns', { key }));
    t.like(await peer.ask('freeAgain', { key }), double);
    addsUp(t, slab);
    await peer.terminate();
    slab.close();
  });

  test(`${title}: a thread that gave its memory away cannot receive, and leaves the token to others`, async (t) => {
    const slab = make({ sizes: [64, 4096], count: 64 });
    const peer = await Peer.start(slab.handle(), { safety });
    await peer.ask('steal', { size: 4096 });
    const tokens = [1, 2].map((id) => slab.send(stamp(slab.alloc(4000), id)));
    const token = slab.send(stamp(slab.alloc(60), 3));
    const gone = { code: 'ERR_RALLOC_CLOSED', message: /transferred away/ };
    for (const [i, wanted] of tokens.entries()) {
      const refusal = await peer.ask('receive', { token: wanted, id: i + 1 });
      t.is(refusal.code, gone.code);
      t.regex(refusal.message, gone.message);
    }
    t.like(await peer.ask('receive', { token, id: 3 }), { isStamped: true }, 'of another pool');
    t.is(slab.stats().sent, 2);
    const revoked = slab.revoke(tokens[0]);
    const received = slab.receive(tokens[1]);
    t.true(isStamped(revoked, 1) && isStamped(received, 2));
    slab.free(revoked);
    slab.free(received);
    addsUp(t, slab);
    await peer.terminate();
    slab.close();
  });

  test(`${title}: what was sent and not received comes back to its sender, and to no other`, async (t) => {
    const slab = make({ sizes: [64], count: 64 });
    const peer = await Peer.start(slab.handle(), { safety });
    const buffer = stamp(slab.alloc(50), 3);
    const token = slab.send(buffer);
    t.like(await peer.ask('revoke', { token }), stale, 'the worker did not send it');
    const again = slab.revoke(token);
    t.is(again.length, 50);
    t.true(isStamped(again, 3));
    t.throws(() => slab.revoke(token), stale);
    t.like(await peer.ask('receive', { token, id: 3 }), stale);
    t.throws(() => slab.free(buffer), double);
    slab.free(again);

    const [key] = await peer.ask('alloc', { size: 10, id: 4 });
    const theirs = await peer.ask('send', { key });
    t.throws(() => slab.revoke(theirs), stale);
    t.is(await peer.ask('revoke', { token: theirs }), 2, 'a new Buffer there');
    t.true(await peer.ask('isStamped', { key: 2, id: 4 }));
    const late = await peer.ask('send', { key: 2 });
    slab.free(slab.receive(late));
    t.like(await peer.ask('revoke', { token: late }), stale, 'main has received it');
    await peer.terminate();
    slab.close();
  });
}

test('two workers race for a hundred tokens: each is received once', async (t) => {
  const slab = new Slab({ sizes: [64], count: 128 });
  const peers = await Promise.all([1, 2].map(() => Peer.start(slab.handle())));
  for (let round = 0; round < 5; round++) {
    const tokens = Array.from({ length: 100 }, (_, id) => slab.send(stamp(slab.alloc(64), id)));
    const { words, open } = gate();
    const races = peers.map((peer) => peer.ask('race', { gate: words, tokens }));
    open();
    const [first, second] = await Promise.all(races);
    t.deepEqual(
      first.map((got, i) => got !== second[i]),
      tokens.map(() => true),
    );
    t.like(slab.stats(), { sent: 0, held: 0 });
    for (const token of tokens) t.throws(() => slab.receive(token), stale);
    const count = (all) => all.filter(Boolean).length;
    for (const [peer, got] of [
      [peers[0], first],
      [peers[1], second],
    ]) {
      const { held } = await peer.ask('stats');
      t.is(held, count(got));
      const last = await peer.ask('alloc', { size: 64, id: 1 });
      const keys = Array.from({ length: held + 1 }, (_, i) => last[0] - held + i);
      t.is(await peer.ask('free', { keys }), undefined);
    }
  }
  addsUp(t, slab);
  await Promise.all(peers.map((peer) => peer.terminate()));
  slab.close();
});

test('a token that was never given is stale, and what is no token is refused', async (t) => {
  const slab = new Slab({ sizes: [64, 256], count: [8, 8] });
  const other = new Slab({ sizes: [64, 256], count: [8, 8] });
  const peer = await Peer.start(slab.handle());
  const token = slab.send(slab.alloc(64));
  const foreign = other.send(other.alloc(200));
  const forged = [
    0,
    2 ** 22 - 1,
    token + 1,
    token + 2 ** 22,
    token - 2 ** 22,
    2 ** 53 - 1,
    foreign,
  ];
  for (const number of forged) {
    t.throws(() => slab.receive(number), stale, `${number}`);
    t.throws(() => slab.revoke(number), stale, `${number}`);
    t.like(await peer.ask('receive', { token: number, id: 0 }), stale, `${number}`);
  }
  const invalid = [undefined, null, '1', 1n, -1, 1.5, NaN, Infinity, 2 ** 53, {}, [token]];
  for (const value of invalid) {
    t.throws(() => slab.receive(value), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
    t.throws(() => slab.revoke(value), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  t.like(slab.stats(), { sent: 1, held: 0 }, 'nothing has changed');
  t.is(slab.receive(token).length, 64);
  for (const one of [slab, other]) one.close({ force: true });
  await peer.terminate();
});

test('a handle that was not given, of a slab that is gone, or of another process attaches nowhere', async (t) => {
  const slab = new Slab({ sizes: [64], count: 8 });
  const handle = slab.handle();
  t.deepEqual(slab.handle(), handle);
  t.deepEqual(structuredClone(handle), handle);
  const { id, nonce } = handle;
  const other = nonce.replace(/./, (digit) => (digit === '0' ? '1' : '0'));
  for (const wrong of [
    { id, nonce: other },
    { id: id + 1000, nonce },
  ]) {
    t.like(await Peer.refusal(wrong), { code: 'ERR_RALLOC_CLOSED' });
  }
  for (const wrong of [
    null,
    1,
    {},
    { id },
    { id: -1, nonce },
    { id, nonce: 'x' },
    { id, nonce: 5 },
  ]) {
    t.throws(() => Slab.attach(wrong), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  const child = fork(require.resolve('../fixtures/slab/attach.js'));
  child.send(handle);
  const [answer] = await once(child, 'message');
  t.like(answer, { code: 'ERR_RALLOC_CLOSED' });
  t.is(slab.stats().participants, 1);
  slab.close();
  t.like(await Peer.refusal(handle), { code: 'ERR_RALLOC_CLOSED' });
});

test('the creator closes: the slab goes on in the worker, and for others that attach', async (t) => {
  const slab = new Slab({ sizes: [64, 256], count: 16 });
  const handle = slab.handle();
  const first = await Peer.start(handle);
  const mine = stamp(slab.alloc(64), 1);
  const token = slab.send(stamp(slab.alloc(64), 2));
  const [key] = await first.ask('alloc', { size: 200, id: 3 });
  slab.close({ force: true });
  t.is(mine.length, 0);
  t.like(await first.ask('receive', { token, id: 2 }), { length: 64, isStamped: true });
  t.true(await first.ask('isStamped', { key, id: 3 }));
  t.deepEqual(await first.ask('handle'), handle);
  const second = await Peer.start(handle);
  const given = await first.ask('send', { key });
  t.like(await second.ask('receive', { token: given, id: 3 }), { length: 200, isStamped: true });
  t.is((await second.ask('allocAll', { size: 64 })).length, 15, 'what main had is free');
  t.like(await second.ask('stats'), { participants: 2, held: 16 });
  await Promise.all([first.terminate(), second.terminate()]);
  t.like(await Peer.refusal(handle), { code: 'ERR_RALLOC_CLOSED' });
});

test('a worker that closes its part gives its slots back and goes on without', async (t) => {
  const slab = new Slab({ sizes: [64], count: 64 });
  const peer = await Peer.start(slab.handle());
  const keys = await peer.ask('alloc', { size: 64, id: 1, count: 40 });
  const token = await peer.ask('send', { key: keys[0] });
  t.like(await peer.ask('close', { force: false }), { code: 'ERR_RALLOC_IN_USE' });
  t.like(slab.stats(), { participants: 2, sent: 1 });
  t.is(await peer.ask('close', { force: true }), undefined);
  t.like(slab.stats(), { participants: 1, elsewhere: 0, sent: 1, held: 0 });
  t.like(await peer.ask('alloc', { size: 64, id: 1 }), { code: 'ERR_RALLOC_CLOSED' });
  t.like(await peer.ask('receive', { token, id: 1 }), { code: 'ERR_RALLOC_CLOSED' });
  t.true(isStamped(slab.receive(token), 1), 'it had sent this before');
  slab.close({ force: true });
  await peer.terminate();
});

test('a slab made in a worker is used by main, and outlives that worker', async (t) => {
  const { Worker } = require('node:worker_threads');
  const worker = new Worker(require.resolve('../fixtures/slab/worker-sends.js'));
  const [{ handle, token }] = await once(worker, 'message');
  const slab = Slab.attach(handle);
  await worker.terminate();
  await until(() => slab.stats().participants === 1);
  t.true(isStamped(slab.receive(token), 5));
  const all = Array.from({ length: 31 }, (_, id) => stamp(slab.alloc(64), id));
  t.is(slab.tryAlloc(64), null);
  t.true(all.every(isStamped));
  slab.close({ force: true });
});
