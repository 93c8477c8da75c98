'use strict';

// Requests that hold their arena for a minute are told of, once. The minute is not waited for: the timer is
// turned by hand.

const test = require('ava');
const time = require('../../lib/base/time.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { until } = require('../helpers/until.js');

const TICK_MS = 30_000;
const ticks = new Set();
const { setInterval: realInterval, clearInterval: realClear } = time;
time.setInterval = (callback, ms, ...rest) => {
  if (ms !== TICK_MS) return realInterval(callback, ms, ...rest);
  const ticker = { callback, unref: () => ticker };
  ticks.add(ticker);
  return ticker;
};
time.clearInterval = (timer) => {
  if (!ticks.delete(timer)) realClear(timer);
};
const tick = () => {
  for (const { callback } of [...ticks]) callback();
};

const warnings = [];
process.on('warning', ({ code, message }) => warnings.push({ code, message }));
const told = async () => {
  await new Promise(setImmediate);
  return warnings.filter(({ code }) => code === 'RALLOC_LEASED_LONG').length;
};

test.serial(
  'a request that is in flight for more than a minute is warned about once',
  async (t) => {
    const waiting = [];
    const server = await serve(t, 'express 5', (req, res) => {
      req.arena.alloc(100);
      if (req.url === '/long') waiting.push(res);
      else res.end('ok');
    });
    t.is(ticks.size, 0, 'no timer without requests');
    const quick = await Client.connect(server.port);
    const long = await Client.connect(server.port);
    for (let i = 0; i < 6; i++) {
      await quick.get('/quick');
      tick();
    }
    t.is(await told(), 0, 'short ones never are');

    await quick.get('/quick');
    long.send('/long');
    await until(() => waiting.length === 1);
    t.is(ticks.size, 1);
    for (let i = 0; i < 2; i++) {
      await quick.get('/quick');
      tick();
      t.is(await told(), 0, `not after ${i + 1} ticks`);
    }
    tick();
    t.is(await told(), 1);
    for (let i = 0; i < 6; i++) tick();
    t.is(await told(), 1, 'once');
    t.regex(warnings[0].message, /60 s.*req\.arena\.reset\(\)/);

    waiting[0].end('at last');
    t.is((await long.response()).body.toString(), 'at last');
    await until(() => server.arenas.stats().inFlight === 0);
    tick();
    t.is(ticks.size, 0, 'the timer ends with the requests');
    assertSettled(t, server.arenas);
  },
);

test.serial('close() ends the timer', async (t) => {
  const server = await serve(t, 'node:http', (_req, res) => res.end('ok'));
  const before = ticks.size;
  const client = await Client.connect(server.port);
  await client.get('/');
  t.is(ticks.size, before + 1);
  await until(() => server.arenas.stats().inFlight === 0);
  await server.arenas.close();
  t.is(ticks.size, before);
});
