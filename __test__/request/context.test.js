'use strict';
// tier: run-time, differs

// Where arenas.current() gives the request's arena, and where it does not: an AsyncLocalStorage follows calls and
// promises, not the listeners of emitters that were there before.

const test = require('ava');
const { AsyncResource } = require('node:async_hooks');
const { once } = require('node:events');
const http = require('node:http');
const { finished } = require('node:stream/promises');
const { current, requestArena } = require('../../lib/index.js');
const { Client } = require('../helpers/client.js');
const { fresh } = require('../helpers/fresh.js');
const { assertSettled, listen } = require('../helpers/server.js');
const { turns, until, untilCollected } = require('../helpers/until.js');

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
    await turns(1);
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
  const { written, finished: after, ...rest } = seen; // once the response is over there is none
  for (const [place, found] of Object.entries(rest)) t.deepEqual(found, [true], place);
  t.is(Object.keys(rest).length, 5);
  t.truthy(written);
  t.truthy(after);
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
      AsyncResource.bind(() => note('bound end')),
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
    res.end('x');
  });
  for (const place of ['bound data', 'bound end', 'bound finish', 'bound close', 'once']) {
    t.deepEqual(seen[place], [true], place);
  }
  for (const place of ['data', 'finish', 'close']) t.truthy(seen[place], place);
});

test("ralloc's own current() has the arena of whichever middleware, until its response is over", async (t) => {
  t.is(current(), undefined);
  const [first, second] = [requestArena({ context: true }), requestArena({ context: true })];
  const without = requestArena();
  const seen = [];
  const serve = async (arenas) => {
    const server = http.createServer((req, res) => {
      arenas(req, res, async () => {
        const isOurs = current() === req.arena && arenas.current() === req.arena;
        const size = (current() ?? Buffer).allocUnsafe(100).length;
        const over = once(res, 'close');
        res.end('x');
        await over;
        seen.push({ isOurs, size, after: current(), own: arenas.current() });
      });
    });
    t.teardown(() => server.close());
    const client = await Client.connect(await listen(server));
    await client.get('/');
    await until(() => seen.length > 0);
    await client.destroy();
    return seen.pop();
  };
  for (const arenas of [first, second]) {
    t.deepEqual(await serve(arenas), { isOurs: true, size: 100, after: undefined, own: undefined });
    assertSettled(t, arenas);
  }
  const server = http.createServer((req, res) =>
    without(req, res, () => res.end(`${current() === undefined}`)),
  );
  t.teardown(() => server.close());
  const client = await Client.connect(await listen(server));
  t.is((await client.get('/')).body.toString(), 'true');
  await client.destroy();
  t.is(current(), undefined);
});

/** A server with one connection to another, which stays open: it is made in the context of the first request. */
async function withUpstream(t, handler) {
  const agent = new http.Agent({ keepAlive: true });
  const upstream = http.createServer((_req, res) => res.end('x'));
  const port = await listen(upstream);
  const server = http.createServer((req, res) =>
    handler(req, res, async () => {
      const [answer] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
      answer.resume();
      await once(answer, 'end');
      res.end('x');
    }),
  );
  t.teardown(() => {
    agent.destroy();
    server.close();
    upstream.close();
  });
  return Client.connect(await listen(server));
}

test('a connection that a request opened and left idle keeps nothing of that request', async (t) => {
  const arenas = requestArena({ context: true });
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const client = await withUpstream(t, (req, res, ask) =>
    arenas(req, res, () => {
      for (const object of [req, res, req.arena]) registry.register(object);
      ask();
    }),
  );
  for (let i = 0; i < 2; i++) await client.get('/'); // a client's connection keeps its last request
  await client.destroy();
  await untilCollected(() => collected === 6);
  assertSettled(t, arenas);
});

test('a request that another copy of ralloc began has its context, and is not kept by it', async (t) => {
  const copy = fresh('request/mount.js');
  const first = new copy.Mount({});
  const arenas = requestArena({ context: true });
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const seen = [];
  const client = await withUpstream(t, (req, res, ask) => {
    t.is(first.enter(req, res), undefined);
    arenas(req, res, async () => {
      registry.register(req.arena);
      const { arena } = req;
      seen.push(current() === arena, arenas.current() === arena);
      await ask();
    });
  });
  for (let i = 0; i < 2; i++) await client.get('/');
  await client.destroy();
  await untilCollected(() => collected === 2);
  t.deepEqual(seen, [true, true, true, true]);
});

test('who enters the context of a request after its response finds no arena', async (t) => {
  const arenas = requestArena({ context: true });
  const seen = await new Promise((resolve) => {
    const server = http.createServer((req, res) =>
      requestArena()(req, res, async () => {
        const over = once(res, 'close');
        res.end('x');
        await over;
        await turns(1);
        arenas(req, res, () => resolve([current(), arenas.current()]));
      }),
    );
    t.teardown(() => server.close());
    listen(server)
      .then(Client.connect)
      .then(async (client) => {
        await client.get('/');
        await client.destroy();
      });
  });
  t.deepEqual(seen, [undefined, undefined]);
});

test('a middleware that is closed is asked no more, and others are', async (t) => {
  const [closed, open] = [requestArena({ context: true }), requestArena({ context: true })];
  await closed.close();
  await closed.close();
  const seen = await new Promise((resolve) => {
    const server = http.createServer((req, res) =>
      closed(req, res, () => {
        const ofClosed = current();
        open(req, res, () => {
          resolve([ofClosed, current() === req.arena]);
          res.end();
        });
      }),
    );
    t.teardown(() => server.close());
    listen(server)
      .then(Client.connect)
      .then(async (client) => {
        await client.get('/');
        await client.destroy();
      });
  });
  t.deepEqual(seen, [undefined, true]);
});
