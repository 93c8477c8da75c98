'use strict';
// tier: run-time, differs

// Memory of unfinished responses waits for the garbage collector, within a bound: beyond it requests get
// heap Buffers, and a collection is asked for, until it has come back.

const test = require('ava');
const { requestArena } = require('../../lib/index.js');
const { Exchange } = require('../helpers/exchange.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { gc, turns, until, untilCollected } = require('../helpers/until.js');

const MiB = 1024 * 1024;
const SIZE = 250_000;
const options = { maxBytes: 16 * MiB, maxQuarantineBytes: 2 * MiB };
const warnings = [];
process.on('warning', ({ code }) => warnings.push(code));

/** A ledger that can be let go: the frame of a test that waits may keep whatever it once touched. */
class Keeper {
  #ledger = new Ledger();

  stamp(id, buffer) {
    return this.#ledger.stamp(id, buffer);
  }

  wrong() {
    return this.#ledger.wrong();
  }

  forget() {
    this.#ledger = null;
  }
}

async function abort(server, id, begun) {
  const client = await Client.connect(server.port);
  client.send(`/${id}`);
  await until(begun);
  await client.reset();
  await until(() => server.arenas.stats().inFlight === 0);
}

/** Aborts requests until the quarantine is over its bound. */
async function fill(server, pending) {
  for (let id = 0; server.arenas.stats().memory.quarantined <= 2 * MiB; id++) {
    await abort(server, id, () => pending.size > id);
  }
}

/** Requests until one is served from the arena again. After a collection that took long there is none for a while. */
async function untilServed(server, client, owned) {
  for (;;) {
    const before = server.arenas.stats().heapRequests;
    await client.get('/9999');
    if (server.arenas.stats().heapRequests === before && owned()) return;
    await turns(5);
  }
}

for (const age of ['young', 'old']) {
  test.serial(`over maxQuarantineBytes, with Buffers that are ${age}`, async (t) => {
    const pending = new Set();
    const kept = new Keeper();
    let owned = null;
    const server = await serve(
      t,
      'node:http',
      (req, res) => {
        const id = Number(req.url.slice(1));
        const buffer = req.arena.allocUnsafe(SIZE);
        if (id === 9999) {
          owned = req.arena.owns(buffer);
          res.end();
        } else if (id > 9999) {
          res.end(kept.stamp(id, buffer));
        } else {
          kept.stamp(id, buffer);
          pending.add(id);
        }
      },
      options,
    );
    await fill(server, pending);
    const { memory, heapRequests } = server.arenas.stats();
    t.is(heapRequests, 0);
    t.true(memory.quarantined > 2 * MiB && memory.quarantined <= 4 * MiB);

    const client = await Client.connect(server.port);
    for (let id = 10_000; id < 10_010; id++) {
      sameAnswer(t, id, (await client.get(`/${id}`)).body);
    }
    const { heapRequests: on, heapBuffers, heapBytes } = server.arenas.stats();
    t.deepEqual([on, heapBuffers, heapBytes], [10, 10, 10 * SIZE]);
    t.is(warnings.filter((code) => code === 'RALLOC_QUARANTINE_HIGH').length, 1, 'once');
    t.deepEqual(kept.wrong(), [], 'sameBytes: of requests that are over');

    if (age === 'old') for (let i = 0; i < 4; i++) gc({ type: 'minor' });
    kept.forget();
    await untilServed(server, client, () => owned);
    await until(() => server.arenas.stats().inFlight === 0);
    assertSettled(t, server.arenas);
    t.true(server.arenas.stats().memory.quarantined <= 2 * MiB);
    await client.destroy();
  });
}

test.serial("safety: 'gc' leaves every Buffer alive, and keeps to the same bounds", async (t) => {
  const ledger = new Ledger();
  let most = 0;
  const server = await serve(
    t,
    'express 5',
    (req, res) => {
      const id = Number(req.url.slice(1));
      const buffer = req.arena.allocUnsafe(SIZE);
      most = Math.max(most, server.arenas.stats().memory.used);
      // One in ten is kept for good; the others only the garbage collector can tell of.
      if (id % 10 === 0) ledger.stamp(id, buffer);
      else buffer.fill(1);
      res.end(buffer);
    },
    { ...options, safety: 'gc' },
  );
  const client = await Client.connect(server.port);
  for (let id = 0; id < 300; id++) await client.get(`/${id}`);
  await until(() => server.arenas.stats().inFlight === 0);
  t.is(ledger.alive().length, 30);
  ledger.assertOwn(t);
  t.true(most <= options.maxBytes);
  t.is(server.arenas.stats().finished, 300);
  assertSettled(t, server.arenas);
});

test.serial('a Buffer that is kept after an abort does not keep its request', async (t) => {
  const middleware = requestArena();
  const seen = [];
  const abortOne = async () => {
    const exchange = new Exchange();
    const buffer = exchange.begin(middleware).allocUnsafe(SIZE);
    seen.push(new WeakRef(exchange.req));
    await exchange.close();
    return buffer;
  };
  const kept = [await abortOne(), await abortOne()];
  await untilCollected(() => seen[0].deref() === undefined); // the last is still a variable of a frame
  t.deepEqual(
    kept.map(({ length }) => length),
    [SIZE, SIZE],
  );
});
