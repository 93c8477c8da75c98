'use strict';
// tier: run-time, differs by Node

// Where arenas.current() gives the request's arena, and where it does not: an AsyncLocalStorage follows calls and
// promises, not the listeners of emitters that were there before.

const test = require('ava');
const { AsyncLocalStorage, AsyncResource, executionAsyncId } = require('node:async_hooks');
const { once } = require('node:events');
const http = require('node:http');
const { finished } = require('node:stream/promises');
const { current, requestArena } = require('../../lib/index.js');
const { Client } = require('../helpers/client.js');
const { fresh } = require('../helpers/fresh.js');
const { assertSettled, serve, serveOnly } = require('../helpers/server.js');
const { turns, until, untilCollected } = require('../helpers/until.js');

/** Serves `handler(req, res, note)` to three POSTs on each of two connections; gives what `note(place)` saw. */
async function seenBy(t, handler) {
  const arenas = requestArena({ context: true });
  const seen = {};
  const noting = (req, res) => {
    const note = (place) => {
      const current = arenas.current();
      // Another request's arena would be worse than none.
      t.true(current === undefined || current === req.arena, place);
      seen[place] ??= [];
      seen[place].push(current === req.arena);
    };
    return handler(req, res, note);
  };
  const { port } = await serve(t, 'node:http', noting, { arenas });
  t.is(arenas.current(), undefined);
  const visit = async () => {
    const client = await Client.connect(port);
    for (let i = 0; i < 3; i++) await client.get('/', { method: 'POST', body: Buffer.alloc(100) });
    await client.destroy();
  };
  await Promise.all([visit(), visit()]);
  await until(() => arenas.stats().inFlight === 0);
  assertSettled(t, arenas);
  for (const [place, all] of Object.entries(seen)) t.is(all.length, 6, place);
  return Object.fromEntries(Object.entries(seen).map(([place, all]) => [place, [...new Set(all)]]));
}

/** What `handler(req, res, done)` gives to done() for one GET behind these arenas. */
function answerOf(t, arenas, handler) {
  return new Promise((done) => {
    const asked = (req, res) => handler(req, res, done);
    serve(t, 'node:http', asked, { arenas }).then(async ({ port }) => {
      const client = await Client.connect(port);
      await client.get('/');
      await client.destroy();
    });
  });
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
  for (const arenas of [1, 2].map(() => requestArena({ context: true }))) {
    const seen = await answerOf(t, arenas, async (req, res, done) => {
      const isOurs = current() === req.arena && arenas.current() === req.arena;
      const size = (current() ?? Buffer).allocUnsafe(100).length;
      const over = once(res, 'close');
      res.end('x');
      await over;
      done({ isOurs, size, after: current(), own: arenas.current() });
    });
    t.deepEqual(seen, { isOurs: true, size: 100, after: undefined, own: undefined });
    assertSettled(t, arenas);
  }
  t.is(current(), undefined);
});

test('without `context` there is no current arena, and current() of the middleware says what it needs', async (t) => {
  const arenas = requestArena();
  const message =
    'current() needs an AsyncLocalStorage: make the middleware by requestArena({ context: true })';
  const refused = () =>
    t.throws(() => arenas.current(), { code: 'ERR_RALLOC_UNSUPPORTED', message });
  const seen = await answerOf(t, arenas, (_req, res, done) => {
    refused();
    done(current());
    res.end();
  });
  t.is(seen, undefined);
  refused();
});

test('the second middleware, with `context`, knows the arena of the first', async (t) => {
  const [first, second] = [requestArena(), requestArena({ context: true })];
  const seen = await answerOf(t, first, (req, res, done) =>
    second(req, res, () => {
      done(second.current() === req.arena);
      res.end();
    }),
  );
  t.true(seen);
});

test("an application's own AsyncLocalStorage holds in next() and after it, also if next() throws", async (t) => {
  const arenas = requestArena({ context: true });
  const own = new AsyncLocalStorage();
  const around = () => [own.getStore(), current(), executionAsyncId()];
  const seen = await answerOf(t, requestArena(), (req, res, done) =>
    own.run('outer', async () => {
      const before = around();
      const told = [];
      const next = () => told.push([own.getStore(), current() === req.arena]);
      arenas(req, res, next);
      const after = around();
      const fails = () => {
        next();
        throw new Error('next');
      };
      t.throws(() => arenas(req, res, fails), { message: 'next' });
      done({ told, before, after, last: around() });
      res.end();
    }),
  );
  t.deepEqual(seen.told, Array(2).fill(['outer', true]));
  t.is(seen.before[1], undefined);
  t.deepEqual([seen.after, seen.last], [seen.before, seen.before]);
});

/** A server with one connection to another, which stays open: it is made in the context of the first request. */
async function withUpstream(t, handler) {
  const agent = new http.Agent({ keepAlive: true });
  const port = await serveOnly(t, (_req, res) => res.end('x'));
  const ask = async (res) => {
    const [answer] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
    answer.resume();
    await once(answer, 'end');
    res.end('x');
  };
  t.teardown(() => agent.destroy());
  return Client.connect(await serveOnly(t, (req, res) => handler(req, res, () => ask(res))));
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
  const seen = await answerOf(t, requestArena(), async (req, res, done) => {
    const over = once(res, 'close');
    res.end('x');
    await over;
    await turns(1);
    arenas(req, res, () => done([current(), arenas.current()]));
  });
  t.deepEqual(seen, [undefined, undefined]);
});

test('a middleware that is closed is asked no more, and others are', async (t) => {
  const [closed, open] = [requestArena({ context: true }), requestArena({ context: true })];
  await closed.close();
  await closed.close();
  const seen = await answerOf(t, closed, (req, res, done) => {
    const ofClosed = current();
    open(req, res, () => {
      done([ofClosed, current() === req.arena]);
      res.end();
    });
  });
  t.deepEqual(seen, [undefined, true]);
});
