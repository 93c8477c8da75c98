'use strict';
// tier: run-time, differs

// admission() on every adapter: what is refused, what waits, and, by the table of endings (helpers/endings/), that nothing stays charged however a request ends.

const test = require('ava');
const { Budget } = require('ralloc');
const { adapters, servers, serveOn, RAW } = require('../helpers/adapters.js');
const { nodeMajor } = require('../helpers/backend.js');
const { isSoak } = require('../helpers/budget.js');
const { visitAdmitted } = require('../helpers/endings/admitted.js');
const { chosen } = require('../helpers/endings/index.js');
const { until } = require('../helpers/until.js');

const MAX_BYTES = 32_000_000;
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

for (const adapter of [...adapters, ...servers]) {
  test.serial(`${adapter}: refused, answered, and let in again`, async (t) => {
    const budget = new Budget({ name: 'all', maxBytes: MAX_BYTES });
    let called = 0;
    const counted = (exchange) => {
      called++;
      return collect(exchange);
    };
    const served = await serveAdmitted(t, adapter, counted, { budget, wait: false });
    const full = budget.charge(MAX_BYTES - 1000);
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

  test.serial(`${adapter}: waits for room`, async (t) => {
    const budget = new Budget({ maxBytes: MAX_BYTES });
    const key = () => 'one';
    const served = await serveAdmitted(t, adapter, collect, { budget, key });
    const full = budget.charge(budget.available);
    const client = await served.connect();
    client.send('/', posted(1_000_000));
    await until(() => served.admit.stats().waiting === 1);
    full.release();
    t.is((await client.response()).body.toString(), '1000000');
    await client.destroy();
    await until(() => budget.used === 0 && served.admit.stats().open === 0);
    t.like(served.admit.stats(), { admitted: 1, waited: 1, keys: 0 });
  });

  test.serial(`${adapter}: a key that is no string is an error of the request`, async (t) => {
    const budget = new Budget({ maxBytes: MAX_BYTES });
    const wrap = adapters.includes(adapter) && adapter !== 'node:http';
    if (!wrap) return t.pass('it throws in the listener');
    const served = await serveAdmitted(t, adapter, collect, { budget, key: () => 5 });
    const client = await served.connect();
    t.is((await client.get('/', posted(1000))).status, 500);
    t.is(budget.used, 0);
  });
}

test.serial(
  'fastify: a request that is injected, whose response emits finish and close, is over once',
  async (t) => {
    const budget = new Budget({ maxBytes: MAX_BYTES });
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

for (const { ending, adapter } of chosen(nodeMajor, isSoak)) {
  test.serial(`${adapter}: ${ending}`, async (t) => {
    const budget = new Budget({ maxBytes: MAX_BYTES });
    await visitAdmitted(t, { ending, adapter }, { budget });
    t.like(budget.stats(), { used: 0, charges: 0 });
  });
}
