'use strict';
// tier: run-time

// arenas.close() and arenas.current(): the middleware as a whole.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until, untilCollected } = require('../helpers/until.js');
const { requestArena } = require('../../lib/index.js');

const idOf = (req) => Number(req.url.slice(1));

for (const kind of kinds) {
  test(`${kind}: close() stops leasing and resolves when the last is back`, async (t) => {
    const ledger = new Ledger();
    const waiting = new Map(); // in the order in which they come
    const owned = [];
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const buffer = ledger.stamp(id, req.arena.allocUnsafe(20_000));
      owned[id] = req.arena.owns(buffer);
      waiting.set(id, () => res.end(buffer));
    });
    const { arenas } = server;
    const clients = await Promise.all([0, 1, 2, 3].map(() => Client.connect(server.port)));
    for (const id of [0, 1]) clients[id].send(`/${id}`);
    await until(() => waiting.size === 2);

    let closed = false;
    const closing = arenas.close();
    t.is(arenas.close(), closing, 'the second call is the first');
    closing.then(() => {
      closed = true;
    });
    for (const id of [2, 3]) clients[id].send(`/${id}`);
    await until(() => waiting.size === 4);
    t.deepEqual(owned, [true, true, false, false]);

    waiting.get(0)();
    sameAnswer(t, 0, (await clients[0].response()).body);
    await until(() => arenas.stats().inFlight === 3);
    t.false(closed, 'one is still out');
    waiting.get(1)();
    sameAnswer(t, 1, (await clients[1].response()).body);
    await closing;
    t.is(arenas.stats().inFlight, 2, 'those on the heap are not waited for');
    t.deepEqual([ledger.buffers(0)[0].length, ledger.buffers(1)[0].length], [0, 0]);

    for (const id of [2, 3]) {
      waiting.get(id)();
      sameAnswer(t, id, (await clients[id].response()).body);
    }
    await until(() => arenas.stats().inFlight === 0);
    const { heapRequests, finished } = arenas.stats();
    t.deepEqual([heapRequests, finished], [2, 4]);
    assertSettled(t, arenas);
    await untilCollected(() => arenas.stats().memory.used === 0);
  });

  test(`${kind}: arenas.current() is the arena of the request that is worked for`, async (t) => {
    const arenas = requestArena({ context: true });
    const wrong = [];
    const deep = async (req) => {
      await turn();
      if (arenas.current() !== req.arena) wrong.push(req.url);
      await Promise.all([1, 2].map(() => turn()));
      return arenas.current().from(req.url);
    };
    const handler = async (req, res) => {
      const body = await deep(req);
      setImmediate(() => {
        if (arenas.current() !== req.arena) wrong.push(`${req.url} in a callback`);
        res.end(body);
      });
    };
    const server = await serve(t, kind, handler, { arenas });
    t.is(arenas.current(), undefined);
    const visit = async (from) => {
      const client = await Client.connect(server.port);
      for (let id = from; id < from + 10; id++) {
        t.is((await client.get(`/${id}`)).body.toString(), `/${id}`);
      }
    };
    await Promise.all([0, 10, 20, 30].map(visit));
    t.deepEqual(wrong, []);
    t.is(arenas.current(), undefined);
    await until(() => arenas.stats().inFlight === 0);
    assertSettled(t, arenas);
  });
}

test('an aborted request is waited for as well, and its memory given back', async (t) => {
  let begun = false;
  const server = await serve(t, 'express 5', (req) => {
    req.arena.allocUnsafe(10_000);
    begun = true;
  });
  const client = await Client.connect(server.port);
  client.send('/');
  await until(() => begun);
  const closing = server.arenas.close();
  await client.reset();
  await closing;
  t.is(server.arenas.stats().aborted, 1);
  await untilCollected(() => server.arenas.stats().memory.used === 0);
});

test('close() of a middleware that nobody used', async (t) => {
  const arenas = requestArena();
  t.is(await arenas.close(), 0);
  t.is(arenas.stats().requests, 0);
});

test('without `context` current() says what it needs, in and outside of requests', async (t) => {
  const arenas = requestArena();
  const message =
    'current() needs an AsyncLocalStorage: make the middleware by requestArena({ context: true })';
  const refused = () =>
    t.throws(() => arenas.current(), { code: 'ERR_RALLOC_UNSUPPORTED', message });
  const handler = (_req, res) => res.end(refused().code);
  const server = await serve(t, 'express 5', handler, { arenas });
  const client = await Client.connect(server.port);
  t.is((await client.get('/')).body.toString(), 'ERR_RALLOC_UNSUPPORTED');
  refused();
});

test('the second middleware, with `context`, knows the arena of the first', async (t) => {
  const second = requestArena({ context: true });
  const first = requestArena();
  const handler = (req, res) => res.end(String(second.current() === req.arena));
  const server = await serve(t, 'express 5', handler, { before: [first], arenas: second });
  const client = await Client.connect(server.port);
  t.is((await client.get('/')).body.toString(), 'true');
});
