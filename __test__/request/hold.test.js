'use strict';
// tier: run-time, differs

// Holds, and answers that are read slowly: what was started before the response ended ends on the bytes it was given, and nobody gets the
// memory before.

const test = require('ava');
const { requestArena } = require('../..');
const { Exchange } = require('../helpers/exchange.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until, untilCollected } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const MiB = 2 ** 20;
const idOf = (req) => Number(req.url.slice(1));
const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);

test('a hold keeps its memory from the next requests until it is released', async (t) => {
  const ledger = new Ledger();
  const holds = [];
  const handler = (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(10_000));
    if (id < 3) holds.push(req.arena.hold());
    res.end(buffer);
  };
  const holdMs = 2 ** 31 - 1; // however long the machine takes for 30 requests
  const server = await serve(t, 'express 5', handler, { holdMs });
  const client = await Client.connect(server.port);
  for (let id = 0; id < 20; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
  await over(server);
  t.deepEqual(ledger.alive(), [0, 1, 2]);
  ledger.assertOwn(t);
  t.true(server.arenas.stats().memory.held >= 30_000);
  t.is(server.arenas.stats().memory.leased, 0);

  holds[1].release();
  holds[1].release();
  t.deepEqual(ledger.alive(), [0, 2], 'dead the moment it is released');
  for (let id = 20; id < 30; id++) await client.get(`/${id}`);
  ledger.assertOwn(t);
  holds[0][Symbol.dispose]();
  holds[2].release();
  await over(server);
  t.deepEqual(ledger.alive(), []);
  assertSettled(t, server.arenas);
});

test('a queue of a thousand small messages of requests takes about twice their bytes', async (t) => {
  const arenas = requestArena();
  const size = 4400;
  const holds = [];
  for (let i = 0; i < 1000; i++) {
    const exchange = new Exchange();
    const arena = exchange.begin(arenas);
    arena.allocUnsafe(size);
    holds.push(arena.hold());
    await exchange.finish();
  }
  const { held } = arenas.stats().memory;
  t.true(held < 3 * 1000 * size, `${held} bytes`);
  for (const hold of holds) hold.release();
  t.is(arenas.stats().memory.held, 0);
  assertSettled(t, arenas);
});

test('a hold over req.arena.reset() in a request that then goes on, or is aborted', async (t) => {
  const ledger = new Ledger();
  const holds = [];
  const server = await serve(t, 'node:http', (req, res) => {
    const id = idOf(req);
    const first = ledger.stamp(id, req.arena.allocUnsafe(20_000));
    holds.push(req.arena.hold());
    req.arena.reset();
    t.is(first.length, 20_000);
    const second = ledger.stamp(id, req.arena.allocUnsafe(20_000));
    if (id === 1) res.destroy();
    else res.end(second);
  });
  const client = await Client.connect(server.port);
  sameAnswer(t, 0, (await client.get('/0')).body);
  client.send('/1');
  await client.rest();
  await over(server);
  const [first, second] = ledger.buffers(0);
  t.deepEqual([first.length, second.length], [20_000, 0]);
  const [held, aborted] = ledger.buffers(1);
  t.deepEqual([held.length, aborted.length], [20_000, 20_000]);
  for (const hold of holds) hold.release();
  t.deepEqual([first.length, held.length, aborted.length], [0, 0, 20_000]);
  ledger.assertOwn(t);
  assertSettled(t, server.arenas);
});

test('a hold that nobody releases expires: its memory is left to the garbage collector', async (t) => {
  const warnings = warned(t, 'RALLOC_HOLD_EXPIRED');
  let kept = null;
  const handler = (req, res) => {
    kept = req.arena.alloc(10_000, 1);
    req.arena.hold();
    res.end('ok');
  };
  const server = await serve(t, 'express 5', handler, { holdMs: 30 });
  const client = await Client.connect(server.port);
  await client.get('/');
  await over(server);
  await until(() => server.arenas.stats().memory.quarantined >= 10_000);
  t.is(server.arenas.stats().memory.held, 0);
  t.is(kept.length, 10_000, 'undetached: something may still be in flight');
  t.is(warnings.length, 1);
  kept = null;
  await client.destroy();
  await untilCollected(() => server.arenas.stats().memory.quarantined === 0);
  assertSettled(t, server.arenas);
});

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
