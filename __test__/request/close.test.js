'use strict';
// tier: run-time

// arenas.close(), with a deadline and without one. With requests at work on every adapter: adapters/endings.test.js.

const test = require('ava');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until, untilCollected } = require('../helpers/until.js');
const { requestArena } = require('../../lib/index.js');
const { Clock } = require('../helpers/clock.js');
const time = require('../../lib/base/time.js');

const idOf = (req) => Number(req.url.slice(1));

test('close() stops leasing and resolves when the last is back', async (t) => {
  const ledger = new Ledger();
  const waiting = new Map(); // in the order in which they come
  const owned = [];
  const server = await serve(t, 'node:http', (req, res) => {
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

// arenas.close({ timeoutMs }): a shutdown that some client could make wait for ever.

const code = 'ERR_RALLOC_INVALID_ARGUMENT';

/** A server with `count` streams of events that never end by themselves, and their clients. */
async function streaming(t, count) {
  const open = [];
  const server = await serve(t, 'express 5', (req, res) => {
    res.write(req.arena.from('data: begun\n\n'));
    open.push({ res, arena: req.arena });
  });
  const clients = [];
  for (let i = 0; i < count; i++) {
    clients.push(await Client.connect(server.port));
    clients[i].send('/events');
  }
  await until(() => open.length === count);
  return { ...server, open, clients };
}

test('close({ timeoutMs }) says how many streams are still open, which go on', async (t) => {
  const clock = new Clock();
  const { arenas, open, clients, close } = await streaming(t, 2);
  const closing = clock.use(() => arenas.close({ timeoutMs: 10_000 }));
  clock.use(() => clock.pass(10_000));
  t.is(await closing, 2);
  t.is(arenas.stats().inFlight, 2);
  const more = open[0].arena.from('data: more\n\n');
  t.true(open[0].arena.owns(more));
  open[0].res.end(more);
  t.true((await clients[0].response()).body.toString().endsWith('more\n\n'));
  t.is(more.length, 0);
  await close(); // which destroys the other's socket
  t.is(await arenas.close(), 0);
  assertSettled(t, arenas);
});

test.serial('a deadline that is not needed keeps no timer', async (t) => {
  const { setTimeout: set, clearTimeout: clear } = time;
  t.teardown(() => Object.assign(time, { setTimeout: set, clearTimeout: clear }));
  const [made, cleared] = [[], []];
  time.setTimeout = (...args) => {
    const timer = set(...args);
    if (args[1] === 12_345) made.push(timer);
    return timer;
  };
  time.clearTimeout = (timer) => {
    cleared.push(timer);
    clear(timer);
  };
  const { arenas, open } = await streaming(t, 1);
  const closing = arenas.close({ timeoutMs: 12_345 });
  open[0].res.end();
  t.is(await closing, 0);
  t.is(made.length, 1);
  t.true(cleared.includes(made[0]));
});

test('a deadline of the wrong type or value is a typed error, and closes nothing', async (t) => {
  const arenas = requestArena();
  for (const timeoutMs of ['1', null, {}, 1n]) {
    await t.throwsAsync(arenas.close({ timeoutMs }), { instanceOf: TypeError, code });
  }
  for (const timeoutMs of [-1, 1.5, Number.NaN, 2 ** 31]) {
    const error = await t.throwsAsync(arenas.close({ timeoutMs }), {
      instanceOf: RangeError,
      code,
    });
    t.regex(error.message, /"options\.timeoutMs".* <= 2147483647/);
  }
  for (const options of [null, 5, [], 'soon']) {
    await t.throwsAsync(arenas.close(options), { instanceOf: TypeError, code });
  }
  const error = await t.throwsAsync(arenas.close({ timeout: 5 }), {
    instanceOf: TypeError,
    code,
  });
  t.regex(error.message, /"timeout".*"timeoutMs"/);
  const req = {};
  arenas(req, { on() {} }, () => {});
  t.true(req.arena.owns(req.arena.alloc(10)), 'it serves as before');
  arenas.end(req);
});
