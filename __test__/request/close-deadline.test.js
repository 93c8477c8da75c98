'use strict';
// tier: run-time

// arenas.close({ timeoutMs }): a shutdown that some client could make wait for ever.

const test = require('ava');
const { once } = require('node:events');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Clock } = require('../helpers/clock.js');
const { until } = require('../helpers/until.js');
const time = require('../../lib/base/time.js');
const { requestArena } = require('../../lib/index.js');

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

test('a close() without a deadline goes on while one with a deadline has given up', async (t) => {
  const { arenas, open } = await streaming(t, 1);
  const patient = arenas.close();
  t.is(await arenas.close({ timeoutMs: 0 }), 1);
  open[0].res.end();
  t.is(await patient, 0);
  t.is(arenas.close(), patient);
  t.is(await arenas.close({ timeoutMs: 2 ** 31 - 1 }), 0, 'at once');
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

test('server.close() with requests in flight ends with nothing leased', async (t) => {
  const { arenas, server, open } = await streaming(t, 3);
  const closed = once(server, 'close');
  server.close();
  for (const { res } of open) {
    res.shouldKeepAlive = false;
    res.end();
  }
  t.is(await arenas.close({ timeoutMs: 60_000 }), 0);
  server.closeIdleConnections();
  await closed;
  assertSettled(t, arenas);
});

test('a deadline of the wrong type or value is a typed error, and closes nothing', (t) => {
  const arenas = requestArena();
  for (const timeoutMs of ['1', null, {}, 1n]) {
    t.throws(() => arenas.close({ timeoutMs }), { instanceOf: TypeError, code });
  }
  for (const timeoutMs of [-1, 1.5, Number.NaN, 2 ** 31]) {
    const error = t.throws(() => arenas.close({ timeoutMs }), { instanceOf: RangeError, code });
    t.regex(error.message, /"options\.timeoutMs".* <= 2147483647/);
  }
  for (const options of [null, 5, [], 'soon']) {
    t.throws(() => arenas.close(options), { instanceOf: TypeError, code });
  }
  const error = t.throws(() => arenas.close({ timeout: 5 }), { instanceOf: TypeError, code });
  t.regex(error.message, /"timeout".*"timeoutMs"/);
  const req = {};
  arenas(req, { on() {} }, () => {});
  t.true(req.arena.owns(req.arena.alloc(10)), 'it serves as before');
  arenas.end(req);
});
