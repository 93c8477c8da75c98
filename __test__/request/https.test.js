'use strict';
// tier: run-time, differs

// Over TLS: the bytes are encrypted before they leave, and the same rules hold.

const test = require('ava');
const { once } = require('node:events');
const https = require('node:https');
const tls = require('node:tls');
const { kinds, listen, listener, assertSettled } = require('../helpers/server.js');
const { certificate } = require('../helpers/certificate.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { run } = require('../helpers/child.js');
const { until } = require('../helpers/until.js');
const { requestArena } = require('../../lib/index.js');

const MiB = 1024 * 1024;
const pair = certificate();
const idOf = (req) => Number(req.url.slice(1));

async function secure(t, kind, handler) {
  const arenas = requestArena();
  const server = https.createServer(pair, listener(kind, [arenas], handler));
  const port = await listen(server);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const connect = async (pause) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: pair.cert, servername: 'localhost' });
    await once(socket, 'secureConnect');
    return new Client(socket, pause);
  };
  const over = () => until(() => arenas.stats().inFlight === 0); // a peer that has gone is missed after five seconds
  return { arenas, port, connect, over };
}

for (const kind of kinds) {
  test(`https, ${kind}: a slow reader and kept-alive ones beside it`, async (t) => {
    const ledger = new Ledger();
    const { arenas, connect, over } = await secure(t, kind, (req, res) => {
      const id = idOf(req);
      res.end(ledger.stamp(id, req.arena.allocUnsafe(id === 0 ? 5 * MiB : 100_000)));
    });
    const slow = await connect(true);
    slow.send('/0');
    await until(() => ledger.size === 1);
    const other = await connect();
    for (let id = 1; id <= 20; id++) sameAnswer(t, id, (await other.get(`/${id}`)).body);
    ledger.assertOwn(t);
    const { body } = await slow.response();
    t.is(body.length, 5 * MiB);
    sameAnswer(t, 0, body);
    await over();
    t.deepEqual(ledger.alive(), []);
    t.is(arenas.stats().finished, 21);
    assertSettled(t, arenas);
  });

  test(`https, ${kind}: clients that go away before and in the response`, async (t) => {
    const ledger = new Ledger();
    let begun = 0;
    const { arenas, connect, over } = await secure(t, kind, (req, res) => {
      const id = idOf(req);
      const buffer = ledger.stamp(id, req.arena.allocUnsafe(id < 10 ? 4 * MiB : 50_000));
      begun++;
      if (id >= 10 || id % 2) res.end(buffer);
    });
    for (let id = 0; id < 6; id++) {
      const client = await connect(true);
      client.send(`/${id}`);
      await until(() => begun > id);
      await client.destroy();
    }
    await over();
    const client = await connect();
    for (let id = 10; id < 30; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
    await over();
    ledger.assertOwn(t);
    t.true(arenas.stats().aborted >= 3);
    assertSettled(t, arenas);
  });
}

const resets = {
  'with their first requests': {
    args: [80],
    answer(res, id, stamped) {
      const buffer = stamped(id % 5 === 0 ? 90_000 : 3000);
      setImmediate(() => res.end(buffer));
    },
  },
  // Beyond the high-water mark of its answers Node reads no more, and so hears of no reset.
  'while what they are sent keeps the server from reading': {
    args: [40, 4],
    answer(res, id, stamped) {
      if (id % 4 === 1) return setImmediate(() => res.end(stamped(1500)));
      if (id % 4 === 2) return res.writeHead(204).end();
      res.write(stamped(90_000));
      setImmediate(() => res.end(stamped(3000)));
    },
  },
};

for (const [when, { args, answer }] of Object.entries(resets)) {
  test(`https: clients that reset TCP below TLS ${when}`, async (t) => {
    const ledger = new Ledger();
    let begun = 0;
    const { arenas, port, over } = await secure(t, 'node:http', (req, res) => {
      const id = ++begun;
      answer(res, id, (size) => ledger.stamp(id, req.arena.allocUnsafe(size)));
    });
    const { code } = await run('request/resets-below-tls.js', { args: [port, ...args] });
    t.is(code, 0);
    await over();
    t.true(begun >= 100);
    const { finished, aborted } = arenas.stats();
    t.is(finished + aborted, begun);
    ledger.assertOwn(t);
    assertSettled(t, arenas);
  });
}
