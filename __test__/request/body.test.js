'use strict';
// tier: run-time, differs

// Bodies out of an arena arrive byte for byte, however the response is sent and however slow its reader is;
// after the response every Buffer of it is dead.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { sameBytes } = require('../helpers/bytes.js');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, isOf, pattern, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');

const MiB = 1024 * 1024;
const idOf = (req) => Number(req.url.slice(1));

/** Waits for the end of all requests, then asserts what holds after every one. */
async function settle(t, { arenas }, ledger) {
  await until(() => arenas.stats().inFlight === 0);
  t.deepEqual(ledger.alive(), []);
  t.is(arenas.stats().aborted, 0);
  assertSettled(t, arenas);
}

for (const kind of kinds) {
  test(`${kind}: a reader that pauses gets its 6 MB while others use the pool`, async (t) => {
    const ledger = new Ledger();
    let pending;
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const size = id === 0 ? 6 * MiB : 256 * 1024;
      if (id === 0) pending = res;
      res.end(ledger.stamp(id, req.arena.allocUnsafe(size)));
    });
    const slow = await Client.connect(server.port, { pause: true });
    slow.send('/0');
    await until(() => pending?.writableEnded);
    const other = await Client.connect(server.port);
    for (let id = 1; id <= 20; id++) {
      const { body } = await other.get(`/${id}`);
      sameAnswer(t, id, body);
    }
    t.false(pending.closed);
    t.deepEqual(ledger.alive(), [0]);
    ledger.assertOwn(t);

    const { body } = await slow.response();
    t.is(body.length, 6 * MiB);
    sameAnswer(t, 0, body);
    await settle(t, server, ledger);
  });

  test(`${kind}: a hundred requests on one kept-alive connection`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, (req, res) => {
      t.deepEqual(ledger.alive(), [], 'the Buffers of the requests before are dead');
      const id = idOf(req);
      const sizes = [1, 700, 5000, 40_000, id * 997];
      const parts = sizes.map((size) => ledger.stamp(id, req.arena.allocUnsafe(size)));
      res.end(ledger.stamp(id, req.arena.concat(parts)));
    });
    const client = await Client.connect(server.port);
    for (let id = 0; id < 100; id++) {
      const { body } = await client.get(`/${id}`);
      sameAnswer(t, id, body);
    }
    await settle(t, server, ledger);
    t.is(server.arenas.stats().finished, 100);
  });

  test(`${kind}: chunks written one by one, the next after the drain`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, async (req, res) => {
      const id = idOf(req);
      for (let i = 0; i < 40; i++) {
        const more = res.write(ledger.stamp(id, req.arena.allocUnsafe(50_000)));
        if (!more) await new Promise((resolve) => res.once('drain', resolve));
        else await turn();
      }
      res.end();
    });
    const clients = await Promise.all([0, 1, 2].map(() => Client.connect(server.port)));
    const bodies = await Promise.all(clients.map((client, id) => client.get(`/${id}`)));
    for (const [id, { headers, body }] of bodies.entries()) {
      t.is(headers['transfer-encoding'], 'chunked');
      t.is(body.length, 40 * 50_000);
      sameAnswer(t, id, body);
    }
    await settle(t, server, ledger);
  });

  test(`${kind}: a posted body gathered in the arena and sent back`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, async (req, res) => {
      const id = idOf(req);
      const parts = [];
      for await (const part of req) parts.push(req.arena.from(part));
      const body = req.arena.concat(parts);
      const right = isOf(id, body);
      res.statusCode = right ? 200 : 400;
      res.end(ledger.stamp(id, body));
    });
    const client = await Client.connect(server.port);
    for (let id = 0; id < 5; id++) {
      const sent = pattern(id, 300_000);
      const { status, body } = await client.get(`/${id}`, { method: 'POST', body: sent });
      t.is(status, 200);
      sameBytes(t, body, sent);
    }
    await settle(t, server, ledger);
  });

  test(`${kind}: HEAD, 204, 304 and a body unread end their arenas`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const buffer = ledger.stamp(id, req.arena.allocUnsafe(80_000));
      if (id === 204 || id === 304) res.statusCode = id;
      res.end(buffer);
      res.end(); // twice is as once
    });
    const client = await Client.connect(server.port);
    t.is((await client.get('/1', { method: 'HEAD' })).body.length, 0);
    t.is((await client.get('/204')).status, 204);
    t.is((await client.get('/304')).status, 304);
    const posted = await client.get('/2', { method: 'POST', body: Buffer.alloc(200_000) });
    sameAnswer(t, 2, posted.body);
    const last = await client.get('/3', { headers: { Connection: 'close' } });
    sameAnswer(t, 3, last.body);
    t.is((await client.rest()).length, 0);
    await settle(t, server, ledger);
    t.is(server.arenas.stats().finished, 5);
  });

  test(`${kind}: many connections at once never see each other's bytes`, async (t) => {
    const ledger = new Ledger();
    const wrong = [];
    const server = await serve(t, kind, async (req, res) => {
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
    await Promise.all(Array.from({ length: 30 }, (_, i) => visit(i * 10)));
    t.deepEqual(wrong, []);
    await settle(t, server, ledger);
  });
}
