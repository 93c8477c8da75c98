'use strict';
// tier: run-time, differs

// Answers out of an arena, on real sockets: byte for byte, however slow the reader is and however many there are, and what scopes within do. Long responses: adapters/streams.test.js.

const test = require('ava');
const { once } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, isOf, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');

const MiB = 2 ** 20;
const idOf = (req) => Number(req.url.slice(1));
const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);

test('a reader that pauses gets its 6 MB while others use the pool', async (t) => {
  const ledger = new Ledger();
  let pending;
  const server = await serve(t, 'node:http', (req, res) => {
    const id = idOf(req);
    if (id === 0) pending = res;
    res.end(ledger.stamp(id, req.arena.allocUnsafe(id === 0 ? 6 * MiB : 256 * 1024)));
  });
  const slow = await Client.connect(server.port, { pause: true });
  slow.send('/0');
  await until(() => pending?.writableEnded);
  const other = await Client.connect(server.port);
  for (let id = 1; id <= 20; id++) sameAnswer(t, id, (await other.get(`/${id}`)).body);
  t.false(pending.closed);
  t.deepEqual(ledger.alive(), [0]);
  ledger.assertOwn(t);
  const { body } = await slow.response();
  t.is(body.length, 6 * MiB);
  sameAnswer(t, 0, body);
  await over(server);
  t.deepEqual(ledger.alive(), []);
  assertSettled(t, server.arenas);
});

test("many connections at once never see each other's bytes, nor those of requests before", async (t) => {
  const ledger = new Ledger();
  const wrong = [];
  const server = await serve(t, 'node:http', async (req, res) => {
    const id = idOf(req);
    const first = ledger.stamp(id, req.arena.allocUnsafe(20_000));
    await turn();
    const second = ledger.stamp(id, req.arena.allocUnsafe(1 + ((id * 7919) % 90_000)));
    if (id % 10 === 0) wrong.push(...ledger.wrong());
    res.end(req.arena.concat([first, second]));
  });
  const visit = async (from) => {
    const client = await Client.connect(server.port);
    for (let id = from; id < from + 10; id++) {
      const { body } = await client.get(`/${id}`);
      t.is(body.length, 20_001 + ((id * 7919) % 90_000));
      sameAnswer(t, id, body);
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, i) => visit(i * 10)));
  t.deepEqual(wrong, []);
  await over(server);
  t.deepEqual(ledger.alive(), []);
  assertSettled(t, server.arenas);
});

test("close() of a request's arena is refused, and it goes on", async (t) => {
  const refused = { code: 'ERR_RALLOC_UNSUPPORTED' };
  const server = await serve(t, 'node:http', (req, res) => {
    const before = req.arena.from('before, ');
    t.throws(() => req.arena.close(), refused);
    t.throws(() => req.arena[Symbol.dispose](), refused);
    t.is(before.toString(), 'before, ');
    res.end(req.arena.concat([before, req.arena.from('after')]));
  });
  const client = await Client.connect(server.port);
  t.is((await client.get('/')).body.toString(), 'before, after');
  await over(server);
  assertSettled(t, server.arenas);
});

test('scopes and checkpoints within a request', async (t) => {
  const ledger = new Ledger();
  const server = await serve(t, 'node:http', async (req, res) => {
    const id = idOf(req);
    const { arena } = req;
    const outer = ledger.stamp(id, arena.allocUnsafe(5000));
    const inScope = [];
    const work = (wait) => async (scope) => {
      const buffer = ledger.stamp(id, scope.allocUnsafe(3000 + wait));
      inScope.push(buffer);
      for (let i = 0; i < wait; i++) await turn();
      sameAnswer(t, id, buffer);
      return arena.copyOut(buffer.subarray(0, 10));
    };
    const copies = await Promise.all([5, 1, 3].map((wait) => arena.scope(work(wait))));
    t.true(copies.every((copy) => isOf(id, copy.subarray(0, 8))));
    t.deepEqual(
      inScope.map(({ length }) => length),
      [0, 0, 0],
    );
    const mark = arena.checkpoint();
    const between = ledger.stamp(id, arena.allocUnsafe(7000));
    arena.rewind(mark);
    t.is(between.length, 0);
    t.throws(() => arena.scope((scope) => scope.alloc(10)), { code: 'ERR_RALLOC_ESCAPED' });
    sameAnswer(t, id, outer);
    res.end(outer);
  });
  const visit = async (from) => {
    const client = await Client.connect(server.port);
    for (let id = from; id < from + 10; id++) {
      sameAnswer(t, id, (await client.get(`/${id}`)).body);
    }
  };
  await Promise.all([0, 10, 20].map(visit));
  await over(server);
  t.deepEqual(ledger.alive(), []);
  assertSettled(t, server.arenas);
});

test('a scope is at work when its client goes away, and when its response ends', async (t) => {
  const ledger = new Ledger();
  const begun = [];
  const settled = [];
  const server = await serve(t, 'node:http', async (req, res) => {
    const id = idOf(req);
    if (id >= 10) return res.end(ledger.stamp(id, req.arena.allocUnsafe(9000)));
    await req.arena.scope(async (scope) => {
      ledger.stamp(id, scope.allocUnsafe(9000));
      if (id % 2) res.end('over');
      begun.push(id);
      if (!res.closed) await once(res, 'close');
      await until(() => !scope.stats().live);
      // The scope's arena serves on from the heap, as its request's does.
      ledger.stamp(id, scope.alloc(100));
      settled.push(id);
    });
  });
  for (let id = 0; id < 6; id++) {
    const client = await Client.connect(server.port);
    client.send(`/${id}`);
    await until(() => begun.includes(id));
    if (id % 2) t.is((await client.response()).body.toString(), 'over');
    else await client.reset();
    await until(() => settled.includes(id));
  }
  const client = await Client.connect(server.port);
  for (let id = 10; id < 20; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
  await over(server);
  ledger.assertOwn(t);
  for (const id of [1, 3, 5]) t.is(ledger.buffers(id)[0].length, 0);
  const { finished, aborted, lateBuffers } = server.arenas.stats();
  t.deepEqual([finished, aborted, lateBuffers], [13, 3, 6]);
  assertSettled(t, server.arenas);
});
