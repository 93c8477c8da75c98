'use strict';
// tier: run-time, differs

// Somebody takes a request's memory while it is at work: a stream of bytes, a transfer list, a worker that
// then terminates. The request goes on with other memory, and what was taken is never handed out again.

const test = require('ava');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { isNative, nodeMajor } = require('../helpers/backend.js');
const { steal } = require('../helpers/theft.js');
const { until } = require('../helpers/until.js');

const SIZE = 20_000;
const THEFTS = 10; // requests that lose memory; the others live on what is left
// Node 20 copies an external ArrayBuffer silently where others move it.
const copies = isNative && nodeMajor < 22;
const idOf = (req) => Number(req.url.slice(1));

// A worker that takes an ArrayBuffer, says what it reads there, and keeps it until it is terminated.
const KEEPS = `
const { parentPort } = require('node:worker_threads');
let kept;
parentPort.on('message', ({ ab, byteOffset }) => {
  kept = Buffer.from(ab, byteOffset, 1000);
  parentPort.postMessage(kept.reduce((a, b) => a + b));
});`;

/** Moves the ArrayBuffer away within this isolate; where it cannot be, nothing is stolen. */
function transfer(buffer) {
  const { buffer: ab, byteOffset, length } = buffer;
  try {
    return Buffer.from(structuredClone(ab, { transfer: [ab] }), byteOffset, length);
  } catch (error) {
    // An external ArrayBuffer that never moved is refused on Node 22 and later.
    if (error.name !== 'DataCloneError') throw error;
    return null;
  }
}

const thieves = {
  'a stream of bytes': (buffer) => steal(buffer),
  'a transfer list': async (buffer) => transfer(buffer),
};

for (const [thief, take] of Object.entries(thieves)) {
  test(`${thief} takes memory in mid-request`, async (t) => {
    const ledger = new Ledger();
    const stolen = [];
    const server = await serve(t, 'node:http', async (req, res) => {
      const id = idOf(req);
      const first = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
      if (id % 3 === 1 && stolen.length < THEFTS) {
        const taken = await take(first);
        if (taken !== null && first.length === 0) stolen.push({ id, taken });
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
    t.is(stolen.length, thief === 'a transfer list' && copies ? 0 : THEFTS);
    for (const { id, taken } of stolen) {
      const bytes = Buffer.from(taken.buffer, taken.byteOffset, taken.length);
      t.is(bytes.length, SIZE);
      sameAnswer(t, id, bytes, `what was taken of request ${id} is still its own`);
    }
    t.deepEqual(ledger.alive(), []);
    t.is(server.arenas.stats().finished, 80);
    assertSettled(t, server.arenas);
  });
}

test('memory posted to a worker that then terminates', async (t) => {
  const worker = new Worker(KEEPS, { eval: true });
  const ledger = new Ledger();
  let posted = 0;
  const server = await serve(t, 'node:http', async (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
    if (id % 4 === 3 && posted < 5) {
      const sum = buffer.subarray(0, 1000).reduce((a, b) => a + b);
      const answer = once(worker, 'message');
      const { buffer: ab, byteOffset } = buffer;
      worker.postMessage({ ab, byteOffset }, [ab]);
      const [read] = await answer;
      t.is(read, sum);
      posted++;
    }
    const after = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
    res.end(after);
  });
  const client = await Client.connect(server.port);
  const visit = async (from, to) => {
    for (let id = from; id < to; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
  };
  await visit(0, 30);
  t.is(posted, 5);
  await worker.terminate();
  await visit(30, 80);
  await until(() => server.arenas.stats().inFlight === 0);
  ledger.assertOwn(t);
  t.deepEqual(ledger.alive(), []);
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
