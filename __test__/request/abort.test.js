'use strict';
// tier: run-time, differs

// Clients that go away, and handlers that fail: no Buffer of such a request ever shows another's bytes, and
// its handler can go on without noticing.

const test = require('ava');
const { once } = require('node:events');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');

const MiB = 1024 * 1024;
const idOf = (req) => Number(req.url.split('/')[1]);
const goings = ['destroy', 'reset'];

/** Requests that use the pool after an abort, as they would find any memory that came back too early. */
async function churn(t, port, from = 1000, count = 30) {
  const client = await Client.connect(port);
  for (let id = from; id < from + count; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
  await client.destroy();
}

/** Resolves when more can be written, or nothing ever. */
const drained = (res) =>
  new Promise((resolve) => {
    const done = () => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.on('drain', done).on('close', done);
  });

const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);

for (const kind of kinds) {
  for (const going of goings) {
    test(`${kind}: a client that ${going}s before the response`, async (t) => {
      const ledger = new Ledger();
      let begun = null;
      let late = null;
      const server = await serve(t, kind, async (req, res) => {
        const id = idOf(req);
        const buffer = ledger.stamp(id, req.arena.allocUnsafe(100_000));
        if (id >= 1000) return res.end(buffer);
        begun = res;
        await once(res, 'close');
        // The handler goes on, as handlers do: its allocations come from the heap now.
        await over(server);
        late = [req.arena.alloc(70_000), req.arena.allocUnsafe(10), req.arena.from('late')];
        for (const one of late) ledger.stamp(id, one);
        res.end(buffer);
      });
      const client = await Client.connect(server.port);
      client.send('/1');
      await until(() => begun !== null);
      await client[going]();
      await until(() => late !== null);
      await churn(t, server.port);

      ledger.assertOwn(t);
      t.deepEqual(ledger.alive(), [1], 'what is kept of an aborted request keeps its bytes');
      const { aborted, lateBuffers, lateBytes, heapRequests } = server.arenas.stats();
      t.deepEqual(
        { aborted, lateBuffers, lateBytes },
        { aborted: 1, lateBuffers: 3, lateBytes: 70_014 },
      );
      t.is(heapRequests, 0);
      await over(server);
      assertSettled(t, server.arenas);
      t.true(server.arenas.stats().memory.quarantined >= 100_000);
    });

    test(`${kind}: a client that ${going}s within the response`, async (t) => {
      const ledger = new Ledger();
      const server = await serve(t, kind, async (req, res) => {
        const id = idOf(req);
        if (id >= 1000) return res.end(ledger.stamp(id, req.arena.allocUnsafe(200_000)));
        for (let i = 0; i < 40 && !res.destroyed; i++) {
          const part = ledger.stamp(id, req.arena.allocUnsafe(256 * 1024));
          if (!res.write(part)) await drained(res);
        }
        res.end();
      });
      for (let id = 1; id <= 4; id++) {
        const client = await Client.connect(server.port);
        client.send(`/${id}`);
        await once(client.socket, 'readable');
        client.socket.read();
        await client[going]();
        await churn(t, server.port, 1000 * id, 10);
        ledger.assertOwn(t);
      }
      await over(server);
      t.is(server.arenas.stats().aborted, 4);
      t.is(server.arenas.stats().finished, 40);
      assertSettled(t, server.arenas);
    });

    test(`${kind}: a client that ${going}s with the ended response unread`, async (t) => {
      const ledger = new Ledger();
      let ended = 0;
      const server = await serve(t, kind, (req, res) => {
        const id = idOf(req);
        const size = id >= 1000 ? 50_000 : 5 * MiB;
        res.end(ledger.stamp(id, req.arena.allocUnsafe(size)));
        if (id < 1000) ended = id;
      });
      for (let id = 1; id <= 3; id++) {
        const client = await Client.connect(server.port, { pause: true });
        client.send(`/${id}`);
        await until(() => ended === id);
        ledger.assertOwn(t);
        await client[going]();
        await churn(t, server.port, 1000 * id, 10);
        ledger.assertOwn(t);
      }
      await over(server);
      assertSettled(t, server.arenas);
    });
  }

  test(`${kind}: handlers that throw, at once and later, answer 500 and end clean`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, async (req, res) => {
      const id = idOf(req);
      const buffer = ledger.stamp(id, req.arena.allocUnsafe(30_000));
      if (id === 2) await null;
      if (id === 1 || id === 2) throw new Error('of the handler');
      if (id === 3) {
        res.writeHead(200, { 'Content-Length': 60_000 }).write(buffer);
        throw new Error('of the handler, too late for a 500');
      }
      res.end(buffer);
    });
    const client = await Client.connect(server.port);
    for (const id of [1, 2, 1, 2]) {
      t.is((await client.get(`/${id}`)).status, 500);
      await over(server);
      ledger.assertOwn(t);
    }
    t.is(server.arenas.stats().finished, 4);
    await t.throwsAsync(client.get('/3'));
    await over(server);
    t.is(server.arenas.stats().aborted, 1);
    await churn(t, server.port);
    ledger.assertOwn(t);
    await over(server);
    assertSettled(t, server.arenas);
  });

  test(`${kind}: a response that is closed when the middleware runs`, async (t) => {
    const ledger = new Ledger();
    const seen = [];
    const wait = async (_req, res, next) => {
      seen.push('before');
      await once(res, 'close');
      next();
    };
    const server = await serve(
      t,
      kind,
      (req, res) => {
        const { live } = req.arena.stats();
        ledger.stamp(1, req.arena.allocUnsafe(50_000));
        seen.push(live);
        res.end('unheard');
      },
      { before: [wait] },
    );
    const client = await Client.connect(server.port);
    client.send('/1');
    await until(() => seen.length === 1);
    await client.reset();
    await until(() => seen.length === 2);
    t.deepEqual(seen, ['before', false]);
    const { requests, aborted, lateBuffers, memory } = server.arenas.stats();
    t.deepEqual([requests, aborted, lateBuffers, memory.used], [1, 1, 1, 0]);
  });
}
