'use strict';
// tier: run-time, differs

// Many requests on one connection before the first answer, up to clients that reset with some of them in
// work and others behind those: there Node tells of the connection's end only, not of each response's.

const test = require('ava');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer, pattern } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');

const idOf = (req) => Number(req.url.slice(1));
const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);

function pipeline(client, from, to) {
  const one = (id) => `GET /${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  client.socket.write(Array.from({ length: to - from }, (_, i) => one(from + i)).join(''));
}

for (const kind of kinds) {
  test(`${kind}: fifty pipelined requests, answered in whatever order`, async (t) => {
    const ledger = new Ledger();
    const waiting = [];
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const body = ledger.stamp(id, req.arena.allocUnsafe(1000 + id * 300));
      waiting.push(() => res.end(body));
    });
    const client = await Client.connect(server.port);
    for (let round = 0; round < 4; round++) {
      const from = round * 50;
      pipeline(client, from, from + 50);
      await until(() => waiting.length === 50);
      t.is(server.arenas.stats().inFlight, 50);
      for (const answer of waiting.splice(0).reverse()) answer();
      for (let id = from; id < from + 50; id++) {
        const { body } = await client.response();
        t.is(body.length, 1000 + id * 300);
        sameAnswer(t, id, body);
      }
      await over(server);
      t.deepEqual(ledger.alive(), []);
    }
    t.is(server.arenas.stats().finished, 200);
    assertSettled(t, server.arenas);
  });

  for (const going of ['reset', 'destroy']) {
    test(`${kind}: pipelined behind a pending response when the client ${going}s`, async (t) => {
      const ledger = new Ledger();
      const responses = [];
      const server = await serve(t, kind, (req, res) => {
        const id = idOf(req);
        const body = ledger.stamp(id, req.arena.allocUnsafe(20_000));
        if (id >= 1000) return res.end(body);
        responses.push(res);
        // The first stays pending; of those behind it some are ended, some written to, some not begun.
        if (id % 3 === 1) res.end(body.subarray(0, 500));
        else if (id % 3 === 2) res.write(body.subarray(0, 500));
      });
      for (let round = 0; round < 3; round++) {
        const client = await Client.connect(server.port);
        pipeline(client, 0, 12);
        await until(() => responses.length === 12);
        await client[going]();
        await over(server);
        for (const res of responses.splice(0)) if (!res.writableEnded) res.end('too late');

        const other = await Client.connect(server.port);
        for (let id = 1000; id < 1030; id++) sameAnswer(t, id, (await other.get(`/${id}`)).body);
        ledger.assertOwn(t);
      }
      await over(server);
      const { requests, aborted, finished } = server.arenas.stats();
      t.deepEqual({ requests, aborted, finished }, { requests: 126, aborted: 36, finished: 90 });
      assertSettled(t, server.arenas);
    });
  }

  // Then Node reads no more from the connection, and so no event tells that the client has gone.
  test(`${kind}: a reset behind more output than Node buffers is seen when a handler writes`, async (t) => {
    const ledger = new Ledger();
    const responses = [];
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const body = ledger.stamp(id, req.arena.allocUnsafe(50_000));
      responses.push(res);
      if (id > 0) res.end(body);
    });
    const client = await Client.connect(server.port);
    pipeline(client, 0, 8);
    await until(() => responses.length === 8);
    await client.reset();
    const other = await Client.connect(server.port);
    for (let id = 1000; id < 1030; id++) sameAnswer(t, id, (await other.get(`/${id}`)).body);
    ledger.assertOwn(t);
    responses[0].write('are you there?');
    responses[0].end();
    await over(server);
    const { requests, aborted, finished } = server.arenas.stats();
    t.deepEqual([requests, aborted + finished], [38, 38]);
    ledger.assertOwn(t);
    assertSettled(t, server.arenas);
  });

  test(`${kind}: a kept-alive connection that is reset in a later request`, async (t) => {
    const ledger = new Ledger();
    let pending = 0;
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      const body = ledger.stamp(id, req.arena.allocUnsafe(70_000));
      if (id % 10 === 9) pending++;
      else res.end(body);
    });
    for (let round = 0; round < 5; round++) {
      const client = await Client.connect(server.port);
      for (let id = round * 10; id < round * 10 + 9; id++) {
        sameAnswer(t, id, (await client.get(`/${id}`)).body);
      }
      client.send(`/${round * 10 + 9}`);
      await until(() => pending === round + 1);
      await client.reset();
      await over(server);
      ledger.assertOwn(t);
    }
    t.deepEqual(ledger.alive(), [9, 19, 29, 39, 49]);
    t.is(server.arenas.stats().aborted, 5);
    assertSettled(t, server.arenas);
  });

  test(`${kind}: pipelined requests on a connection that the first answer closes`, async (t) => {
    const ledger = new Ledger();
    const server = await serve(t, kind, (req, res) => {
      const id = idOf(req);
      if (id === 0) res.setHeader('Connection', 'close');
      res.end(ledger.stamp(id, req.arena.allocUnsafe(40_000)));
    });
    const client = await Client.connect(server.port);
    pipeline(client, 0, 5);
    sameAnswer(t, 0, (await client.response()).body);
    t.is((await client.rest()).length, 0);
    await over(server);
    ledger.assertOwn(t);
    assertSettled(t, server.arenas);
  });
}

// Requests whose bodies are asked for, cut short, or never sent: the response decides, not the request.

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
