'use strict';
// tier: run-time

// What is published on the channels of node:diagnostics_channel, while somebody subscribes.

const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const test = require('ava');
const { Budget, Slab } = require('../..');
const { serveOn } = require('../helpers/adapters.js');
const { until, untilCollected } = require('../helpers/until.js');

/** What comes on a channel until the test is over, and is of `name`. */
function heard(t, channel, name, key = 'name') {
  const all = [];
  const listen = (message) => {
    if (message[key] === name) all.push(message);
  };
  subscribe(channel, listen);
  t.teardown(() => unsubscribe(channel, listen));
  return all;
}

// What tells of them is below the adapters, of which these differ most.
for (const adapter of ['express 5', 'node:http', 'fastify', 'koa', 'hono']) {
  test(`on ${adapter} each request is told with its arena at its start, and at its end with its bytes, once, however it ends`, async (t) => {
    const name = `ways on ${adapter}`;
    const starts = heard(t, 'ralloc:request:start', name);
    const ends = heard(t, 'ralloc:request:end', name);
    const counts = [];
    const answer = ({ arena, req }) => {
      counts.push([starts.length, ends.length, starts.at(-1).arena === arena]);
      if (req.url === '/throws') throw new Error('thrown');
      const buffer = arena.alloc(1000);
      return req.url === '/hangs' ? new Promise(() => {}) : buffer;
    };
    const { connect, arenas } = await serveOn(t, adapter, answer, { name });
    const client = await connect();
    t.is((await client.get('/ok')).status, 200);
    t.is((await client.get('/throws')).status, 500);
    client.send('/hangs');
    await until(() => starts.length === 3);
    await client.destroy();
    await until(() => ends.length === 3);
    t.deepEqual(
      ends.map(({ arena, finished }) => [starts.findIndex((one) => one.arena === arena), finished]),
      [
        [0, true],
        [1, true],
        [2, false],
      ],
    );
    t.deepEqual(counts, [
      [1, 0, true],
      [2, 1, true],
      [3, 2, true],
    ]);
    const [{ arena, req, res }] = starts;
    t.deepEqual([req.url, res.statusCode], ['/ok', 200]);
    t.deepEqual(ends[0], { name, arena, bytes: 1000, finished: true });
    t.is(ends[2].bytes, 1000);
    await until(() => arenas.stats().inFlight === 0);
    t.is(ends.length, 3);
  });
}

for (const onOverflow of ['heap', 'error']) {
  test(`an overflow is told, with onOverflow '${onOverflow}'`, async (t) => {
    const name = `full ${onOverflow}`;
    const overflows = heard(t, 'ralloc:request:overflow', name);
    let hold;
    const answer = ({ arena }) => {
      hold ??= arena.hold(); // so that the second request finds no memory
      try {
        return arena.alloc(100_000).subarray(0, 1);
      } catch (error) {
        return Buffer.from(error.code);
      }
    };
    const options = { name, onOverflow, maxBytes: 1 << 17 };
    const { connect } = await serveOn(t, 'node:http', answer, options);
    const client = await connect();
    await client.get('/');
    t.deepEqual(overflows, []);
    const { body } = await client.get('/');
    t.is(`${body}`, onOverflow === 'heap' ? '\0' : 'ERR_RALLOC_LIMIT');
    t.is(overflows.length, 1);
    const [{ error, onHeap }] = overflows;
    t.is(error.code, 'ERR_RALLOC_LIMIT');
    t.is(onHeap, onOverflow === 'heap');
    hold.release();
    await client.destroy();
  });
}

test('a listener that allocates hears of an overflow once', async (t) => {
  let heard = 0;
  const listener = ({ name, arena }) => {
    if (name === 'full again' && ++heard < 10) arena.alloc(1000);
  };
  subscribe('ralloc:request:overflow', listener);
  t.teardown(() => unsubscribe('ralloc:request:overflow', listener));
  let hold;
  const answer = ({ arena }) => {
    hold ??= arena.hold();
    return arena.alloc(100_000).subarray(0, 1);
  };
  const options = { name: 'full again', maxBytes: 1 << 17 };
  const { connect } = await serveOn(t, 'node:http', answer, options);
  const client = await connect();
  for (let i = 0; i < 2; i++) await client.get('/');
  t.is(heard, 1);
  hold.release();
  await client.destroy();
});

test('a quarantine that is full is told with each request that gets no memory of it', async (t) => {
  const full = heard(t, 'ralloc:request:quarantine', 'waits');
  const kept = [];
  const answer = ({ arena, res }) => {
    const buffer = arena.alloc(1000);
    kept.push(buffer);
    if (kept.length === 1) res.statusCode = 500; // its memory waits for the collector
    return Buffer.from('an answer');
  };
  const options = { name: 'waits', maxQuarantineBytes: 1 };
  const { connect, arenas } = await serveOn(t, 'node:http', answer, options);
  const client = await connect();
  await client.get('/');
  await until(() => arenas.stats().memory.quarantined > 0);
  const { quarantined } = arenas.stats().memory;
  await client.get('/');
  t.deepEqual(full, [{ name: 'waits', quarantined, limit: 1 }]);
  kept.length = 0;
  await untilCollected(() => arenas.stats().memory.quarantined === 0);
  await client.get('/');
  t.is(full.length, 1);
  await client.destroy();
});

test('a budget tells what it refuses, and that it is full', async (t) => {
  const refused = heard(t, 'ralloc:budget:refused', 'short', 'budget');
  const pressed = heard(t, 'ralloc:budget:pressure', 'short', 'budget');
  const budget = new Budget({ name: 'short', maxBytes: 10 });
  const charge = budget.charge(8);
  t.is(budget.tryCharge(3), null);
  t.is(budget.tryCharge(4), null);
  const told = { budget: 'short', limit: 10, used: 8, waiting: 0 };
  t.deepEqual(refused, [told, told]);
  await until(() => pressed.length > 0);
  t.is(pressed.length, 1, 'once for all that did not fit meanwhile');
  t.like(pressed[0], { budget: 'short', limit: 10, used: 8 });
  t.deepEqual(pressed[0].cause, { of: 'budget', value: 8, limit: 10 });
  charge.release();
});

test('a slab tells an allocation for which it has no slot', (t) => {
  const exhausted = heard(t, 'ralloc:slab:exhausted', 'small');
  const slab = new Slab({ name: 'small', sizes: [64], count: 1, maxCount: 1 });
  slab.alloc(8);
  t.is(slab.tryAlloc(9), null);
  t.throws(() => slab.alloc(10), { code: 'ERR_RALLOC_EXHAUSTED' });
  const told = { name: 'small', size: 64, count: 1 };
  t.deepEqual(exhausted, [
    { ...told, requested: 9 },
    { ...told, requested: 10 },
  ]);
  slab.close({ force: true });
});
