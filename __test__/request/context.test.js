'use strict';

// Where arenas.current() gives the request's arena, and where it does not: an AsyncLocalStorage follows calls and
// promises, not the listeners of emitters that were there before.

const test = require('ava');
const { AsyncResource } = require('node:async_hooks');
const { once } = require('node:events');
const http = require('node:http');
const { finished } = require('node:stream/promises');
const { requestArena } = require('../../lib/index.js');
const { Client } = require('../helpers/client.js');
const { assertSettled, listen } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

/** Serves `handler(req, res, note)` to three POSTs on one connection; gives what `note(place)` saw. */
async function seenBy(t, handler) {
  const arenas = requestArena({ context: true });
  const seen = {};
  const server = http.createServer((req, res) => {
    const note = (place) => {
      const current = arenas.current();
      // Another request's arena would be worse than none.
      t.true(current === undefined || current === req.arena, place);
      seen[place] ??= [];
      seen[place].push(current === req.arena);
    };
    arenas(req, res, () => handler(req, res, note));
  });
  t.teardown(() => server.close());
  const client = await Client.connect(await listen(server));
  for (let i = 0; i < 3; i++) await client.get('/', { method: 'POST', body: Buffer.alloc(100) });
  await until(() => arenas.stats().inFlight === 0);
  await client.destroy();
  assertSettled(t, arenas);
  for (const [place, all] of Object.entries(seen)) t.is(all.length, 3, place);
  return Object.fromEntries(Object.entries(seen).map(([place, all]) => [place, [...new Set(all)]]));
}

test('in calls, callbacks and promises of the handler there is the arena of its request', async (t) => {
  const seen = await seenBy(t, async (req, res, note) => {
    note('call');
    await new Promise((resolve) => setTimeout(resolve, 1));
    note('timer');
    for await (const part of req) note(`part of ${part.length}`);
    note('for await');
    setImmediate(() => {
      note('callback');
      res.end('x', () => note('written'));
    });
    await finished(res);
    note('finished');
  });
  const { written, ...rest } = seen;
  for (const [place, found] of Object.entries(rest)) t.deepEqual(found, [true], place);
  t.is(Object.keys(rest).length, 6);
  t.truthy(written);
});

test("in bound listeners there is too; in others it is that, or none, and never another's", async (t) => {
  const seen = await seenBy(t, async (req, res, note) => {
    req.on('data', () => note('data'));
    req.on(
      'data',
      AsyncResource.bind(() => note('bound data')),
    );
    req.on(
      'end',
      AsyncResource.bind(() => {
        note('bound end');
        res.end('x');
      }),
    );
    for (const event of ['finish', 'close']) {
      res.on(event, () => note(event));
      res.on(
        event,
        AsyncResource.bind(() => note(`bound ${event}`)),
      );
    }
    await once(req, 'end');
    note('once');
  });
  for (const place of ['bound data', 'bound end', 'bound finish', 'bound close', 'once']) {
    t.deepEqual(seen[place], [true], place);
  }
  for (const place of ['data', 'finish', 'close']) t.truthy(seen[place], place);
});
