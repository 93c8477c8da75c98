'use strict';
// tier: run-time, long

// Requests behind admission() that end in all the ways of the table of endings (helpers/endings/), and of refusals: afterwards nothing is charged, nobody waits, and no timer is left. For 10⁵
// of them there is a program: fixtures/admission/ended.js.

const test = require('ava');
const { randomInt } = require('node:crypto');
const { Budget } = require('ralloc');
const { serveOn } = require('../helpers/adapters.js');
const { watchTimers } = require('../helpers/admission-timers.js');
const { budget: steps, seedOr } = require('../helpers/budget.js');
const { endMany } = require('../helpers/endings/mixed.js');
const { until } = require('../helpers/until.js');

const REQUESTS = steps(150, 100_000);
const VISITS = steps(15, 200); // between two looks

test.serial(
  'whatever way requests end, nothing is charged afterwards, nobody waits and no timer is left',
  async (t) => {
    const seed = seedOr(randomInt(2 ** 31));
    t.log(`RALLOC_SEED=${seed}`);
    const timers = watchTimers(t);
    t.true((await endMany(t, { requests: REQUESTS, seed, visits: VISITS })) >= REQUESTS);
    await until(() => timers.size === 0);
  },
);

test.serial(
  'a client that goes while what is left of its refused body is dropped leaves no timer',
  async (t) => {
    const timers = watchTimers(t);
    const budget = new Budget({ maxBytes: 1000 });
    const server = await serveOn(t, 'node:http', () => {}, undefined, undefined, { budget });
    const client = await server.connect();
    client.send('/', { method: 'POST', headers: { 'Content-Length': 2 ** 30 } });
    t.is((await client.response()).status, 413);
    await client.reset();
    await until(() => server.admit.stats().open === 0);
    t.false([...timers.values()].includes('setTimeout'));
  },
);
