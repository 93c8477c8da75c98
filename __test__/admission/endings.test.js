'use strict';
// tier: run-time, long

// Requests behind admission() that end in all the ways of the table of endings (helpers/endings/), one after another on all adapters, with one budget: afterwards nothing
// is charged, nobody waits, and no timer is left.

const test = require('ava');
const { Budget } = require('ralloc');
const time = require('../../lib/base/time.js');
const { serveOn } = require('../helpers/adapters.js');
const { budget: steps } = require('../helpers/budget.js');
const { visitAdmitted } = require('../helpers/endings/admitted.js');
const { chosen } = require('../helpers/endings/index.js');
const { until } = require('../helpers/until.js');

const REQUESTS = steps(100, 100_000);
const LANES = 4;
const MAX_BYTES = 2 ** 30; // nobody is refused
const OWN = /[\\/]lib[\\/](admission|budget)[\\/]/;

/** The timers that admission() and budgets have set, and that are neither cleared nor over. */
function watchTimers(t) {
  const real = { ...time };
  const live = new Map(); // timer → how it was set
  const isOwn = () => OWN.test(new Error('where').stack);
  const set =
    (kind, isOver) =>
    (callback, ms, ...args) => {
      if (!isOwn()) return real[kind](callback, ms, ...args);
      const timer = real[kind](() => {
        if (isOver) live.delete(timer);
        callback(...args);
      }, ms);
      live.set(timer, kind);
      return timer;
    };
  const clear = (kind) => (timer) => {
    live.delete(timer);
    real[kind](timer);
  };
  Object.assign(time, {
    setTimeout: set('setTimeout', true),
    setInterval: set('setInterval', false),
    clearTimeout: clear('clearTimeout'),
    clearInterval: clear('clearInterval'),
  });
  t.teardown(() => Object.assign(time, real));
  return live;
}

/** One cell of the table, on a server of its own: how many requests it had. */
async function run(t, { ending, adapter }, budget) {
  const ends = [];
  const own = Object.assign(Object.create(t), { teardown: (end) => ends.unshift(end) });
  try {
    const admitted = { budget, key: () => ending, wait: {} };
    return await visitAdmitted(own, { ending, adapter }, admitted);
  } finally {
    for (const end of ends) await end();
  }
}

test.serial(
  'whatever way requests end, nothing is charged afterwards, nobody waits and no timer is left',
  async (t) => {
    const timers = watchTimers(t);
    const budget = new Budget({ maxBytes: MAX_BYTES });
    const cells = chosen(24, true);
    const step = Math.max(1, Math.floor(cells.length / REQUESTS)); // each adapter, however few
    let done = 0;
    let next = 0;
    const lane = async () => {
      while (done < REQUESTS) {
        const cell = cells[(next * step) % cells.length];
        next++;
        const count = await run(t, cell, budget);
        done += count;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    t.log(`${done} requests of ${next} cells`);
    await until(() => timers.size === 0);
    t.like(budget.stats(), { used: 0, charges: 0, waiting: 0 });
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
