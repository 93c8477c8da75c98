'use strict';
// tier: run-time, differs

// body() where nothing more comes, or nobody may have it any more: it settles, and no body lacks a part.

const test = require('ava');
const { once } = require('node:events');
const { Client } = require('../helpers/client.js');
const { serve } = require('../helpers/server.js');
const { turns, until } = require('../helpers/until.js');
const { stats } = require('../..');

const POST = { method: 'POST' };
const PART = Buffer.alloc(10_000, 'a');

/** A server whose handler's body is in `outcome`: its length, or the code of the error. */
async function serving(t, act, options) {
  const seen = { outcome: undefined, begun: false };
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      const body = req.arena.body();
      seen.begun = true;
      act(req, res);
      seen.outcome = await body.then(
        ({ length }) => length,
        ({ code }) => code,
      );
      if (!res.writableEnded) res.end();
    },
    options,
  );
  return { port, arenas, seen };
}

for (const [name, end] of Object.entries({
  'goes away': (client) => client.destroy(),
  stalls: () => {},
  'sends the rest': (client) => client.write(PART),
})) {
  test(`the response is over before the body, and the client ${name}: it rejects`, async (t) => {
    const { port, seen, arenas } = await serving(t, (_req, res) => {
      res.statusCode = 408;
      res.end();
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': 2 * PART.length } });
    client.write(PART);
    await until(() => seen.begun);
    await end(client);
    await until(() => seen.outcome !== undefined);
    t.is(seen.outcome, 'ERR_RALLOC_DEAD_BUFFER');
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().lateBuffers, 0);
    t.is(arenas.stats().memory.leased, 0);
  });
}

for (const headers of [{ 'Transfer-Encoding': 'chunked' }, { 'Content-Length': 3 * PART.length }]) {
  test(`somebody takes the listeners of data away: ${Object.keys(headers)}`, async (t) => {
    const { port, seen } = await serving(t, (req) => {
      until(() => req.arena.stats().allocated > 0).then(() => {
        req.removeAllListeners('data');
        seen.isRemoved = true;
      });
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers });
    const isChunked = headers['Content-Length'] === undefined;
    const write = () => {
      if (isChunked) client.write(`${PART.length.toString(16)}\r\n`);
      client.write(PART);
      if (isChunked) client.write('\r\n');
    };
    write();
    await until(() => seen.isRemoved);
    write();
    write();
    if (isChunked) client.write('0\r\n\r\n');
    await client.response();
    t.is(seen.outcome, 'ERR_RALLOC_ABORTED');
  });
}

test('body() after the response rejects', async (t) => {
  let outcome;
  const { port } = await serve(t, 'node:http', (req, res) => {
    res.end('over');
    res.once('close', () => {
      setImmediate(() => {
        outcome = t.throwsAsync(req.arena.body(), { code: 'ERR_RALLOC_ABORTED' });
      });
    });
  });
  const client = await Client.connect(port);
  t.is((await client.get('/')).body.toString(), 'over');
  await until(() => outcome !== undefined);
  await outcome;
});

test('Transfer-Encoding wins over Content-Length, where a lenient parser lets both through', async (t) => {
  const http = require('node:http');
  const { requestArena } = require('../..');
  const arenas = requestArena();
  const server = http.createServer({ insecureHTTPParser: true }, (req, res) =>
    arenas(req, res, async () => res.end(await req.arena.body())),
  );
  t.teardown(() => server.close());
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  for (const length of [9, 9_999_999]) {
    const client = await Client.connect(server.address().port);
    const headers = { 'Content-Length': length, 'Transfer-Encoding': 'chunked' };
    client.send('/', { ...POST, headers });
    client.write('3\r\nabc\r\n0\r\n\r\n');
    t.is((await client.response()).body.toString(), 'abc');
    await client.destroy();
  }
});

test('all arenas are full while a body grows: it goes on in the heap', async (t) => {
  const MiB = 2 ** 20;
  const hogs = [];
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      if (req.url === '/hog') {
        hogs.push(res);
        while (arenas.stats().heapRequests === 0) req.arena.alloc(30_000);
        return undefined;
      }
      const body = await req.arena.body();
      const isRight = body.every((byte) => byte === PART[0]);
      return res.end(`${body.length} ${isRight}`);
    },
    { maxBytes: MiB, maxBytesPerRequest: MiB },
  );
  const client = await Client.connect(port);
  client.send('/', { ...POST, headers: { 'Content-Length': 30 * PART.length } });
  for (let i = 0; i < 3; i++) client.write(PART);
  await until(() => arenas.stats().memory.leased > 0);
  const hog = await Client.connect(port);
  hog.send('/hog', POST);
  await until(() => arenas.stats().heapRequests > 0);
  for (let i = 3; i < 30; i++) client.write(PART);
  t.is((await client.response()).body.toString(), `${30 * PART.length} true`);
  for (const res of hogs) res.end();
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().memory.leased, 0);
  t.true(stats().bodies.copied > 0);
});

const forgotten = {
  'the response is over first': [
    (req) => {
      req.arena.body();
    },
    PART.subarray(1),
    /response ended before the body/,
  ],
  'a body parser has read it': [
    async (req) => {
      await once(req.resume(), 'end');
      req.arena.body();
    },
    PART,
    /read before, as body parsers do/,
  ],
};

for (const [title, [begin, sent, why]] of Object.entries(forgotten)) {
  test(`nobody awaits body(), and ${title}: the process goes on, and a later await rejects`, async (t) => {
    const unhandled = [];
    const listener = (error) => unhandled.push(error);
    process.on('unhandledRejection', listener);
    t.teardown(() => process.off('unhandledRejection', listener));
    let arena;
    const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
      arena = req.arena;
      await begin(req);
      res.end();
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': PART.length } });
    client.write(sent);
    await client.response();
    await until(() => arenas.stats().inFlight === 0);
    await turns(2);
    t.deepEqual(unhandled, []);
    t.regex((await t.throwsAsync(arena.body())).message, why);
    await client.destroy();
  });
}

test('an answer before the body was read is told of once, and a client that goes away is not', async (t) => {
  const told = [];
  const listener = ({ code, message }) => {
    if (code === 'RALLOC_BODY_UNREAD' && message.includes('/told/')) told.push(message);
  };
  process.on('warning', listener);
  t.teardown(() => process.off('warning', listener));
  const { port, arenas } = await serving(t, (req, res) => {
    if (req.url === '/told/gone') res.destroy();
    else res.end();
  });
  const paths = ['/told/gone', '/told/first?secret', '/told/second'];
  for (const [i, path] of paths.entries()) {
    const client = await Client.connect(port);
    client.send(path, { ...POST, headers: { 'Content-Length': PART.length } });
    client.write(PART.subarray(1));
    await until(() => arenas.stats().requests > i && arenas.stats().inFlight === 0);
    await client.destroy();
  }
  await until(() => told.length > 0);
  await turns(1);
  t.is(told.length, 1);
  t.regex(told[0], /^POST \/told\/first was answered while its body was still being read/);
});
