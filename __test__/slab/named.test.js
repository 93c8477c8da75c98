'use strict';
// tier: run-time

// A slab and several processes: names, tokens, descriptors, and who takes part.

const test = require('ava');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { addsUp, allCanBeHad } = require('../helpers/slab.js');
const { Peer } = require('../helpers/slab-peer.js');
const {
  OPTIONS,
  Other,
  canShare,
  freshName,
  pair,
  sharedTest,
} = require('../helpers/slab-process.js');
const { until } = require('../helpers/until.js');

const STALE = 'ERR_RALLOC_STALE_TOKEN';

for (const safety of ['checked', 'recycle']) {
  sharedTest(
    `${safety}: Buffers go to another process and back, over the same bytes`,
    async (t) => {
      const { slab, other } = await pair(t, { safety });
      for (const size of [1, 64, 65, 4096]) {
        const id = 10 * size;
        const token = slab.send(stamp(slab.allocUnsafe(size), id));
        const { key, length, isStamped: sawIt } = await other.ask('receive', { token, id });
        t.deepEqual([length, sawIt], [size, true]);
        const [theirs] = await other.ask('alloc', { size, id: id + 1 });
        const back = slab.receive(await other.ask('send', { key: theirs }));
        t.is(back.length, size);
        t.true(isStamped(back, id + 1));
        slab.free(back);
        t.is(await other.ask('free', { keys: [key] }), undefined);
      }
      t.like(slab.stats(), { participants: 2, shared: true, held: 0, sent: 0 });
      addsUp(t, slab);
    },
  );
}

sharedTest('a token is received once, and taken back by its sender alone', async (t) => {
  const { slab, other } = await pair(t);
  const token = slab.send(slab.alloc(10));
  t.like(await other.ask('revoke', { token }), { code: STALE });
  t.like(await other.ask('receive', { token }), { length: 10 });
  t.throws(() => slab.receive(token), { code: STALE });
  t.like(await other.ask('receive', { token }), { code: STALE });
  t.like(await other.ask('receive', { token: 12345 }), { code: STALE });
  const mine = slab.send(slab.alloc(10));
  slab.free(slab.revoke(mine));
  t.like(await other.ask('receive', { token: mine }), { code: STALE });
});

sharedTest('the participants are those who have it open', async (t) => {
  const before = Date.now();
  const { slab, other } = await pair(t);
  const members = slab.participants();
  t.like(members, [
    { pid: process.pid, self: true },
    { pid: other.pid, self: false },
  ]);
  for (const { since } of members) t.true(since >= before - 100 && since <= Date.now() + 100);
  t.like(await other.ask('participants'), [{ self: false }, { self: true }]);
  await other.ask('close', { force: true });
  t.like(slab.participants(), [{ pid: process.pid }]);
});

sharedTest(
  'an unlinked slab serves those who have it, and its name is free for another',
  async (t) => {
    const { name, slab, other } = await pair(t);
    t.true(Slab.list().some((one) => one.name === name));
    t.true(Slab.unlink(name));
    t.false(Slab.unlink(name), 'nothing has it');
    t.false(Slab.list().some((one) => one.name === name));
    const token = slab.send(stamp(slab.alloc(64), 3));
    const next = Slab.create(name, { sizes: [64], count: 4 });
    t.like(await other.ask('receive', { token, id: 3 }), { isStamped: true });
    t.throws(() => next.receive(token), { code: STALE });
    t.is(next.stats().participants, 1);
    next.close();
  },
);

sharedTest('of several processes that open or create it at once one creates it', async (t) => {
  const name = freshName(t);
  const others = Array.from({ length: 8 }, () => new Other(t));
  const answers = others.map((other) => other.ask('openOrCreate', { name, options: OPTIONS }));
  t.deepEqual(await Promise.all(answers), new Array(8).fill(undefined));
  const slab = Slab.open(name);
  t.is(slab.stats().participants, 9);
  t.like(slab.stats(), { count: 80 });
  slab.close();
});

sharedTest('memory without a name goes to a child by a descriptor', async (t) => {
  const slab = Slab.create(null, OPTIONS);
  t.teardown(() => slab.close({ force: true }));
  t.is(slab.name, '');
  t.is(slab.fd, slab.fd, 'the same every time');
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc', slab.fd];
  const other = new Other(t, { stdio });
  t.deepEqual(await other.ask('open', { from: 4 }), [64, 4096]);
  const token = slab.send(stamp(slab.alloc(64), 5));
  t.like(await other.ask('receive', { token, id: 5 }), { isStamped: true });
  await other.end();
  t.like(slab.recover(), [{ pid: other.pid }]);
  allCanBeHad(t, slab);
  slab.close();
  t.is(slab.fd, null);
});

sharedTest('a process without the descriptor has no such memory', async (t) => {
  const slab = Slab.create(null, OPTIONS);
  t.teardown(() => slab.close());
  t.is(typeof slab.fd, 'number');
  const other = new Other(t);
  t.like(await other.ask('open', { from: slab.fd }), { name: 'RallocError' });
});

sharedTest('two slabs of one process, and its threads, take part each for itself', async (t) => {
  const { name, slab } = await pair(t);
  const second = Slab.open(name);
  const worker = await Peer.start(slab.handle());
  t.teardown(() => worker.terminate());
  t.is(slab.stats().participants, 4);
  t.is(slab.participants().filter(({ pid }) => pid === process.pid).length, 3);
  const buffer = stamp(slab.alloc(64), 9);
  t.throws(() => second.free(buffer), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
  t.like(await worker.ask('receive', { token: slab.send(buffer), id: 9 }), { isStamped: true });
  t.deepEqual(slab.recover(), [], 'nobody died');
  await worker.terminate();
  second.close();
  await until(() => slab.stats().participants === 2);
  t.is(slab.stats().elsewhere, 0);
});

sharedTest('a program of its own has the options of its own', async (t) => {
  const { name, slab } = await pair(t, { maxBytes: 2 ** 20, warnAfterMs: 60_000 });
  t.is(slab.name, name);
  t.is(slab.stats().name, name);
  const second = Slab.open(name, { safety: 'recycle' });
  t.like(second.stats(), { safety: 'recycle', name, count: 80, committed: second.footprint });
  t.deepEqual(second.sizes, [64, 4096]);
  t.regex(require('node:util').inspect(second), /3 participants/);
  second.close();
});

test('a slab of one process has one participant, and nobody to recover', (t) => {
  const slab = new Slab({ sizes: [64], count: 4 });
  const [{ pid, self, since }, ...others] = slab.participants();
  t.deepEqual([pid, self, others], [process.pid, true, []]);
  t.true(since <= Date.now());
  t.deepEqual(slab.recover(), []);
  t.is(slab.name, '');
  t.is(slab.fd, null);
  slab.close();
  t.throws(() => slab.participants(), { code: 'ERR_RALLOC_CLOSED' });
  t.throws(() => slab.recover(), { code: 'ERR_RALLOC_CLOSED' });
});

if (!canShare) {
  test('where processes cannot share memory, it says so', (t) => {
    const calls = [
      () => Slab.create('/ralloc-test', OPTIONS),
      () => Slab.create(null, OPTIONS),
      () => Slab.openOrCreate('/ralloc-test', OPTIONS),
      () => Slab.open('/ralloc-test'),
      () => Slab.open(3),
      () => Slab.unlink('/ralloc-test'),
      () => Slab.list(),
    ];
    for (const call of calls) t.throws(call, { code: 'ERR_RALLOC_UNSUPPORTED' });
  });
}
