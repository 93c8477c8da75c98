'use strict';
// tier: run-time

// Tokens and handles between threads and processes: right, wrong, twice, too late or at once; who closes what meanwhile.

const { testWhere, isNative } = require('../helpers/backend.js');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { addsUp, allCanBeHad, takeAll } = require('../helpers/slab.js');
const { canShare } = require('../helpers/slab-kinds.js');
const { OPTIONS, Process, Thread, pair } = require('../helpers/slab-peer.js');
const { until } = require('../helpers/until.js');

const test = (title, body, has = isNative) => testWhere(has, 'a slab of several', title, body);
const stale = { name: 'RallocError', code: 'ERR_RALLOC_STALE_TOKEN' };
const double = { code: 'ERR_RALLOC_DOUBLE_FREE' };

/** A slab and another participant of it. */
const others = {
  'another thread': {
    has: isNative,
    safeties: ['checked', 'recycle'],
    async pair(t, { safety }) {
      const slab = new Slab({ ...OPTIONS, safety });
      t.teardown(() => slab.close({ force: true }));
      return { slab, other: await Thread.start(slab.handle(), { safety }) };
    },
  },
  'another process': { has: canShare, safeties: ['checked'], pair },
};

/** What two do, one after another: a participant takes long to start. */
const scenarios = {
  'Buffers go there and back, over the same bytes': async (t, slab, other) => {
    for (const size of [1, 64, 65, 4000, 4096]) {
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
  'whoever sent a Buffer can neither free nor send it, nor has it': async (t, slab, other) => {
    const buffer = stamp(slab.alloc(60), 1);
    const token = slab.send(buffer);
    t.throws(() => slab.free(buffer), { ...double, message: /was sent/ });
    t.throws(() => slab.send(buffer), { ...double, message: /was sent/ });
    t.false(slab.owns(buffer));
    t.like(slab.stats(), { held: 0, sent: 1, refused: 2 });
    t.notThrows(() => buffer[Symbol.dispose]());
    const { key } = await other.ask('receive', { token, id: 1 });
    t.like(slab.stats(), { sent: 0 });
    t.true(Number.isSafeInteger(await other.ask('send', { key })));
    t.like(await other.ask('send', { key }), double);
    t.false(await other.ask('owns', { key }));
    t.like(await other.ask('freeAgain', { key }), double);
    addsUp(t, slab);
  },
  'a token is received once, and taken back by its sender alone': async (t, slab, other) => {
    const buffer = stamp(slab.alloc(50), 3);
    const token = slab.send(buffer);
    t.like(await other.ask('revoke', { token }), stale, 'it did not send it');
    const again = slab.revoke(token);
    t.is(again.length, 50);
    t.true(isStamped(again, 3));
    t.throws(() => slab.revoke(token), stale);
    t.like(await other.ask('receive', { token, id: 3 }), stale);
    t.throws(() => slab.free(buffer), double);
    const next = slab.send(again);
    t.not(next, token, 'a generation later');
    t.like(await other.ask('receive', { token: next, id: 3 }), { isStamped: true });
    for (const method of ['receive', 'revoke']) t.throws(() => slab[method](next), stale);
    t.like(await other.ask('receive', { token: next }), stale);
    t.like(await other.ask('receive', { token: 12345 }), stale);

    const [key] = await other.ask('alloc', { size: 10, id: 4 });
    const theirs = await other.ask('send', { key });
    t.throws(() => slab.revoke(theirs), stale);
    const revoked = await other.ask('revoke', { token: theirs });
    t.not(revoked, key, 'a new Buffer there');
    t.true(await other.ask('isStamped', { key: revoked, id: 4 }));
    const late = await other.ask('send', { key: revoked });
    slab.free(slab.receive(late));
    t.like(await other.ask('revoke', { token: late }), stale, 'main has received it');
  },
};

for (const [who, { has, safeties, pair: makePair }] of Object.entries(others)) {
  for (const safety of safeties) {
    test(
      `${safety}, ${who}: ${Object.keys(scenarios).join('; ')}`,
      async (t) => {
        const { slab, other } = await makePair(t, { safety });
        for (const scenario of Object.values(scenarios)) await scenario(t, slab, other);
      },
      has,
    );
  }
}

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: a thread that gave its memory away cannot receive, and leaves the token to others`, async (t) => {
    const slab = new Slab({ sizes: [64, 4096], count: 64, safety });
    const peer = await Thread.start(slab.handle(), { safety });
    await peer.ask('steal', { size: 4096 });
    const tokens = [1, 2].map((id) => slab.send(stamp(slab.alloc(4000), id)));
    const token = slab.send(stamp(slab.alloc(60), 3));
    for (const wanted of tokens) {
      const refusal = await peer.ask('receive', { token: wanted });
      t.is(refusal.code, 'ERR_RALLOC_CLOSED');
      t.regex(refusal.message, /transferred away/);
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
}

test('a handle that was not given, of a slab that is gone, or of another process attaches nowhere', async (t) => {
  const slab = new Slab({ sizes: [64], count: 8 });
  const handle = slab.handle();
  const { id, nonce } = handle;
  const other = nonce.replace(/./, (digit) => (digit === '0' ? '1' : '0'));
  const closed = { code: 'ERR_RALLOC_CLOSED' };
  for (const wrong of [
    { id, nonce: other },
    { id: id + 1000, nonce },
  ]) {
    t.throws(() => Slab.attach(wrong), closed);
    t.like(await Thread.refusal(wrong), closed);
  }
  t.like(await new Process(t).ask('make', { how: 'attach', from: handle }), closed);
  t.is(slab.stats().participants, 1);
  slab.close();
  t.like(await Thread.refusal(handle), closed);
});

test('the creator closes: the slab goes on in the worker, and for others that attach', async (t) => {
  const slab = new Slab({ sizes: [64, 256], count: 16 });
  const handle = slab.handle();
  const first = await Thread.start(handle);
  const mine = stamp(slab.alloc(64), 1);
  const token = slab.send(stamp(slab.alloc(64), 2));
  const [key] = await first.ask('alloc', { size: 200, id: 3 });
  slab.close({ force: true });
  t.is(mine.length, 0);
  t.like(await first.ask('receive', { token, id: 2 }), { length: 64, isStamped: true });
  t.true(await first.ask('isStamped', { key, id: 3 }));
  t.deepEqual(await first.ask('handle'), handle);
  const again = Slab.attach(handle);
  const given = again.receive(await first.ask('send', { key }));
  t.is(given.length, 200);
  t.true(isStamped(given, 3));
  const all = takeAll(again, 64);
  t.is(all.length, 15, 'what main had is free');
  t.like(again.stats(), { participants: 2, held: 16 });
  await first.terminate();
  again.close({ force: true });
  t.throws(() => Slab.attach(handle), { code: 'ERR_RALLOC_CLOSED' }, 'nobody has it any more');
});

test('a worker that closes its part gives its slots back and goes on without', async (t) => {
  const slab = new Slab({ sizes: [64], count: 64 });
  const peer = await Thread.start(slab.handle());
  const keys = await peer.ask('alloc', { size: 64, id: 1, count: 40 });
  const token = await peer.ask('send', { key: keys[0] });
  t.like(await peer.ask('close', { force: false }), { code: 'ERR_RALLOC_IN_USE' });
  t.like(slab.stats(), { participants: 2, sent: 1 });
  t.is(await peer.ask('close', { force: true }), undefined);
  t.like(slab.stats(), { participants: 1, elsewhere: 0, sent: 1, held: 0 });
  for (const act of ['alloc', 'receive']) {
    t.like(await peer.ask(act, { size: 64, token, id: 1 }), { code: 'ERR_RALLOC_CLOSED' });
  }
  t.true(isStamped(slab.receive(token), 1), 'it had sent this before');
  slab.close({ force: true });
  await peer.terminate();
});

test('a slab made in a worker is used by main, and outlives that worker', async (t) => {
  const worker = await Thread.start(null);
  await worker.ask('make', { how: 'new', options: { sizes: [64], count: 32 } });
  const [key] = await worker.ask('alloc', { size: 64, id: 5 });
  const handle = await worker.ask('handle');
  t.deepEqual(await worker.ask('backends'), ['native', 'js', 'js'], 'V8 has what it alone has');
  const token = await worker.ask('send', { key });
  const slab = Slab.attach(handle);
  await worker.terminate();
  await until(() => slab.stats().participants === 1);
  const buffer = slab.receive(token);
  t.true(isStamped(buffer, 5));
  slab.free(buffer);
  allCanBeHad(t, slab);
  slab.close();
});
