'use strict';
// tier: run-time, differs by Node

// admission() on every adapter: what is refused, and what waits. How its requests can end: adapters/endings.test.js; at random: adapters/mix.test.js.

const test = require('ava');
const { Budget } = require('ralloc');
const time = require('../../lib/base/time.js');
const { adapters, serveOn, RAW } = require('../helpers/adapters.js');
const { columns } = require('../helpers/endings/common.js');
const { until } = require('../helpers/until.js');

const DRAIN_MS = 5000;

test.serial(
  'a client that goes while what is left of its refused body is dropped leaves no timer',
  async (t) => {
    const own = { ...time };
    t.teardown(() => Object.assign(time, own));
    const draining = new Set();
    time.setTimeout = (callback, ms) => {
      const timer = own.setTimeout(callback, ms);
      if (ms === DRAIN_MS) draining.add(timer);
      return timer;
    };
    time.clearTimeout = (timer) => {
      draining.delete(timer);
      own.clearTimeout(timer);
    };
    const budget = new Budget({ maxBytes: 1000 });
    const server = await serveOn(t, 'node:http', () => {}, undefined, undefined, { budget });
    const client = await server.connect();
    client.send('/', { method: 'POST', headers: { 'Content-Length': 2 ** 30 } });
    t.is((await client.response()).status, 413);
    t.is(draining.size, 1);
    await client.reset();
    await until(() => server.admit.stats().open === 0);
    t.is(draining.size, 0);
  },
);

const LARGE_BUDGET = 32_000_000;

const posted = (bytes) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/octet-stream' },
  body: Buffer.alloc(bytes, 7),
});

async function collect({ req, res }) {
  res.end(`${Buffer.concat(await req.toArray()).length}`);
  return RAW;
}

const serveAdmitted = (t, adapter, handler, admitted) =>
  serveOn(t, adapter, handler, undefined, undefined, admitted);

for (const adapter of columns) {
  test.serial(`${adapter}: refused, answered, and let in again`, async (t) => {
    const budget = new Budget({ name: 'all', maxBytes: LARGE_BUDGET });
    let called = 0;
    const counted = (exchange) => {
      called++;
      return collect(exchange);
    };
    const served = await serveAdmitted(t, adapter, counted, { budget, wait: false });
    const full = budget.charge(LARGE_BUDGET - 1000);
    const client = await served.connect();
    const { status, headers, body } = await client.get('/', posted(1000));
    t.deepEqual([status, body.toString()], [503, 'Service Unavailable\n']);
    t.true(Number(headers['retry-after']) >= 1);
    full.release();
    t.is((await client.get('/', posted(1000))).body.toString(), '1000');
    t.is((await client.get('/')).body.toString(), '0');
    await client.destroy();
    await until(() => budget.used === 0 && served.admit.stats().open === 0);
    t.like(served.admit.stats(), { admitted: 1, refused: { 413: 0, 429: 0, 503: 1 } });
    t.is(called, 2, 'not for the one that was refused');
  });

  test.serial(`${adapter}: waits for room, and a key that is no string is an error`, async (t) => {
    const budget = new Budget({ maxBytes: LARGE_BUDGET });
    const key = ({ url }) => (url === '/wrong' ? 5 : 'one');
    const served = await serveAdmitted(t, adapter, collect, { budget, key });
    const full = budget.charge(budget.available);
    const client = await served.connect();
    client.send('/', posted(1_000_000));
    await until(() => served.admit.stats().waiting === 1);
    full.release();
    t.is((await client.response()).body.toString(), '1000000');
    await until(() => budget.used === 0 && served.admit.stats().open === 0);
    t.like(served.admit.stats(), { admitted: 1, waited: 1, keys: 0 });
    // Without a framework it throws in the listener.
    if (adapters.includes(adapter) && adapter !== 'node:http') {
      t.is((await client.get('/wrong', posted(1000))).status, 500);
      t.is(budget.used, 0);
    }
    await client.destroy();
  });
}

test.serial(
  'fastify: a request that is injected, whose response emits finish and close, is over once',
  async (t) => {
    const budget = new Budget({ maxBytes: LARGE_BUDGET });
    const app = require('fastify')();
    app.register(require('ralloc/fastify').admission, { budget, key: () => 'one' });
    app.post('/', async ({ body }) => `${body.length}`);
    t.teardown(() => app.close());
    const headers = { 'Content-Type': 'text/plain' };
    for (let i = 0; i < 5; i++) {
      const { body } = await app.inject({
        method: 'POST',
        url: '/',
        headers,
        payload: 'x'.repeat(9),
      });
      t.is(body, '9');
    }
    await until(() => app.admission.stats().open <= 0);
    t.like(app.admission.stats(), { admitted: 5, open: 0, keys: 0 });
    t.like(budget.stats(), { used: 0, charges: 0 });
  },
);
