'use strict';
// tier: run-time, differs

// Requests whose bodies are asked for, cut short, or never sent: the response decides, not the request.

const test = require('ava');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, pattern, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');

const idOf = (req) => Number(req.url.slice(1));
const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);

for (const kind of kinds) {
  test(`${kind}: answered while the request's body never comes`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, (req, res) => {
      res.end(ledger.stamp(idOf(req), req.arena.allocUnsafe(60_000)));
    });
    const client = await Client.connect(server.port);
    client.send('/1', { method: 'POST', headers: { 'Content-Length': '1000' } });
    sameAnswer(t, 1, (await client.response()).body);
    await over(server);
    t.deepEqual(ledger.alive(), []);
    await client.destroy();
    assertSettled(t, server.arenas);
  });

  test(`${kind}: a handler waits for a body that is cut short`, async (t) => {
    const ledger = new Ledger();
    const parts = [];
    const server = await serve(t, kind, async (req, res) => {
      for await (const part of req) parts.push(ledger.stamp(1, req.arena.from(part)));
      res.end('unreached');
    });
    const client = await Client.connect(server.port);
    client.send('/1', { method: 'POST', headers: { 'Content-Length': '100000' } });
    client.socket.write(pattern(1, 30_000));
    await until(() => parts.length > 0);
    await client.reset();
    await over(server);
    t.is(server.arenas.stats().aborted, 1);
    t.deepEqual(ledger.alive(), [1]);
    ledger.assertOwn(t);
    assertSettled(t, server.arenas);
  });

  test(`${kind}: Expect: 100-continue, with the body sent and without`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, async (req, res) => {
      const id = idOf(req);
      const parts = [];
      if (id === 1) for await (const part of req) parts.push(req.arena.from(part));
      else parts.push(req.arena.alloc(5000));
      res.end(ledger.stamp(id, req.arena.concat(parts)));
    });
    const expecting = {
      method: 'POST',
      headers: { Expect: '100-continue', 'Content-Length': '5000' },
    };
    const client = await Client.connect(server.port);
    client.send('/1', expecting);
    // Node writes `HTTP/1.1 100 Continue` and an empty line.
    t.is((await client.response({ head: true })).status, 100);
    client.socket.write(pattern(1, 5000));
    sameAnswer(t, 1, (await client.response()).body);
    client.send('/2', expecting);
    t.is((await client.response({ head: true })).status, 100);
    sameAnswer(t, 2, (await client.response()).body);
    await over(server);
    t.deepEqual(ledger.alive(), []);
    await client.destroy();
    assertSettled(t, server.arenas);
  });

  test(`${kind}: a handler that destroys its response`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const buffer = ledger.stamp(id, req.arena.allocUnsafe(90_000));
      if (id === 1) res.destroy();
      else if (id === 2) req.socket.destroy();
      else res.end(buffer);
    });
    for (const id of [1, 2]) {
      const client = await Client.connect(server.port);
      client.send(`/${id}`);
      t.is((await client.rest()).length, 0);
    }
    const client = await Client.connect(server.port);
    for (let id = 10; id < 20; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
    await over(server);
    t.is(server.arenas.stats().aborted, 2);
    t.deepEqual(ledger.alive(), [1, 2]);
    ledger.assertOwn(t);
    assertSettled(t, server.arenas);
  });
}
