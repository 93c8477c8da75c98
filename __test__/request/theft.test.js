'use strict';
// tier: run-time, differs

// A stream of bytes takes a request's memory while it is at work: the request goes on with other memory, and what was taken is never handed out again.

const test = require('ava');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { steal } = require('../helpers/theft.js');
const { until } = require('../helpers/until.js');

const SIZE = 20_000;
const THEFTS = 10; // requests that lose memory; the others live on what is left
const idOf = (req) => Number(req.url.slice(1));

test('a stream of bytes takes memory in mid-request', async (t) => {
  const ledger = new Ledger();
  const stolen = [];
  const server = await serve(t, 'node:http', async (req, res) => {
    const id = idOf(req);
    const first = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
    if (id % 3 === 1 && stolen.length < THEFTS) {
      stolen.push({ id, taken: await steal(first) });
      t.is(first.length, 0);
    }
    const second = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
    const third = ledger.stamp(id, req.arena.from(second));
    res.end(req.arena.concat([second, third]));
  });
  const client = await Client.connect(server.port);
  for (let id = 0; id < 80; id++) {
    const { body } = await client.get(`/${id}`);
    t.is(body.length, 2 * SIZE);
    sameAnswer(t, id, body);
  }
  await until(() => server.arenas.stats().inFlight === 0);
  t.is(stolen.length, THEFTS);
  for (const { id, taken } of stolen) {
    const bytes = Buffer.from(taken.buffer, taken.byteOffset, taken.length);
    t.is(bytes.length, SIZE);
    sameAnswer(t, id, bytes, `what was taken of request ${id} is still its own`);
  }
  t.deepEqual(ledger.alive(), []);
  t.is(server.arenas.stats().finished, 80);
  assertSettled(t, server.arenas);
});

test('a request that is aborted after a theft', async (t) => {
  const ledger = new Ledger();
  const taken = [];
  const server = await serve(t, 'express 5', async (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
    if (id < 5) {
      taken[id] = await steal(buffer);
      ledger.stamp(id, req.arena.allocUnsafe(SIZE));
      res.destroy();
    } else {
      res.end(buffer);
    }
  });
  for (let id = 0; id < 5; id++) {
    const client = await Client.connect(server.port);
    client.send(`/${id}`);
    await client.rest();
  }
  const client = await Client.connect(server.port);
  for (let id = 5; id < 40; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
  await until(() => server.arenas.stats().inFlight === 0);
  for (const [id, bytes] of taken.entries()) sameAnswer(t, id, Buffer.from(bytes));
  ledger.assertOwn(t);
  t.deepEqual(ledger.alive(), [0, 1, 2, 3, 4]);
  t.is(server.arenas.stats().aborted, 5);
  assertSettled(t, server.arenas);
});
