'use strict';
// tier: run-time, differs

// req.arena.body(): the body of a request in one Buffer of its arena, and all that Node does with a request as it would be without.

const test = require('ava');
const http = require('node:http');
const { once } = require('node:events');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { adapters, servers, serveOn } = require('../helpers/adapters.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { fractions } = require('../helpers/swarm.js');
const { stamped } = require('../helpers/sources.js');
const { sendChunked } = require('../helpers/uploads.js');
const { until } = require('../helpers/until.js');
const { requestArena } = require('../..');

const KiB = 1024;
const MiB = 1024 * KiB;
const POST = { method: 'POST' };

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);

for (const name of [...adapters, ...servers]) {
  test(`${name}: bodies of any size come whole, one after another on a connection`, async (t) => {
    const { arenas, connect } = await serveOn(
      t,
      name,
      async ({ arena }) => {
        const body = await arena.body({ limit: 4 * MiB });
        t.true(body.length === 0 || arena.owns(body));
        return body;
      },
      { maxBytesPerRequest: 8 * MiB },
    );
    const client = await connect();
    for (const size of [1, 100, 65_535, 300_000, MiB, 3 * MiB]) {
      const body = stamped(size, size);
      client.send('/', { ...POST, body });
      const answer = await client.response();
      t.is(answer.status, 200);
      sameBytes(t, answer.body, body, String(size));
    }
    await settled(arenas);
    assertSettled(t, arenas);
    t.is(arenas.stats().heapRequests, 0);
  });
}

test('a request without a body has an empty one', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    const body = await req.arena.body();
    res.end(`${body.length} ${req.complete}`);
  });
  const client = await Client.connect(port);
  t.is((await client.get('/')).body.toString(), '0 true');
  client.send('/', { ...POST, body: Buffer.alloc(0) });
  t.is((await client.response()).body.toString(), '0 true');
});

test('chunked bodies in pieces of any size, with trailers', async (t) => {
  const next = fractions(3);
  const seen = [];
  const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
    for (const name of ['end', 'close']) req.on(name, () => seen.push(name));
    const body = await req.arena.body({ limit: 8 * MiB });
    seen.push(req.complete, req.readableEnded, req.trailers.x);
    res.end(body);
  });
  const client = await Client.connect(port);
  for (const total of [1, 5000, 300_000, 3 * MiB]) {
    const body = stamped(total);
    const parts = [];
    for (let at = 0; at < total; at += parts.at(-1).length) {
      parts.push(body.subarray(at, at + 1 + Math.floor(next() ** 2 * 200_000)));
    }
    sendChunked(client, '/', parts, 'X: trailer\r\n');
    sameBytes(t, (await client.response()).body, body);
    await settled(arenas);
    const events = seen.splice(0);
    t.deepEqual(
      events.filter((name) => name === 'end' || name === 'close'),
      ['end', 'close'],
    );
    t.deepEqual(
      events.filter((name) => name !== 'end' && name !== 'close'),
      [true, true, 'trailer'],
    );
  }
});

test('a second call gives the same promise', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    const first = req.arena.body();
    const second = req.arena.body({ limit: 1 });
    t.is(first, second);
    await first;
    t.is(req.arena.body(), first);
    res.end(await second);
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, body: Buffer.from('hello') });
  t.is((await client.response()).body.toString(), 'hello');
});

test('a body that is read late, after awaits, comes whole', async (t) => {
  const { port } = await serve(t, 'express 5', async (req, res) => {
    await until(() => req.readableLength > 0);
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    res.end(await req.arena.body());
  });
  const client = await Client.connect(port);
  const body = stamped(900_000);
  client.send('/', { ...POST, body });
  sameBytes(t, (await client.response()).body, body);
});

test('a client that waits for 100 Continue gets it', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    res.end(await req.arena.body());
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, headers: { 'Content-Length': 5, Expect: '100-continue' } });
  t.true(await client.continued());
  client.write('hello');
  t.is((await client.response()).body.toString(), 'hello');
});

test('a handler that answers before its body has come', async (t) => {
  const outcome = [];
  const { port, arenas } = await serve(t, 'node:http', (req, res) => {
    req.arena.body().then(
      () => outcome.push('whole'),
      (error) => outcome.push(error.code),
    );
    res.end('early');
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, headers: { 'Content-Length': 200_000 } });
  client.write(Buffer.alloc(100_000));
  t.is((await client.response()).body.toString(), 'early');
  client.write(Buffer.alloc(100_000));
  await until(() => outcome.length > 0);
  t.true(['whole', 'ERR_RALLOC_DEAD_BUFFER', 'ERR_RALLOC_ABORTED'].includes(outcome[0]));
  await settled(arenas);
  assertSettled(t, arenas);
});

test('bodies of requests that were not Node`s own come by their stream', async (t) => {
  const { Hono } = require('hono');
  const arenas = require('ralloc/hono').requestArena();
  const app = new Hono();
  app.use(arenas);
  app.post('/', async (c) => c.body(new Uint8Array(await c.get('arena').body({ limit: 10 }))));
  app.post('/chunks', async (c) => {
    const chunks = await c.get('arena').chunks({ limit: 10 });
    return c.body(new Uint8Array(Buffer.concat(chunks)));
  });
  app.post('/read', async (c) => {
    await c.req.raw.arrayBuffer();
    return c.body(await c.get('arena').body());
  });
  app.onError((error, c) => error.getResponse?.() ?? c.text(error.code, 500));
  const ask = (path, body) => app.request(path, { ...POST, body });
  t.is(await (await ask('/', 'hello')).text(), 'hello');
  t.is(await (await ask('/')).text(), '');
  t.is((await ask('/', 'hello, world')).status, 413);
  t.is(await (await ask('/chunks', 'hello')).text(), 'hello');
  t.is(await (await ask('/chunks')).text(), '');
  t.is((await ask('/chunks', 'hello, world')).status, 413);
  t.is(await (await ask('/read', 'hello')).text(), 'ERR_RALLOC_INVALID_ARGUMENT');
});

test('a mock request gives its body too', async (t) => {
  const inject = require('light-my-request');
  const arenas = requestArena();
  const listener = (req, res) => arenas(req, res, async () => res.end(await req.arena.body()));
  const { payload } = await inject(listener, { ...POST, url: '/', payload: 'hello' });
  t.is(payload, 'hello');
});

test('a kept-alive agent uses its connection again', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    const { length } = await req.arena.body();
    res.end(`${length} ${req.socket.remotePort}`);
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ask = async () => {
    const req = http.request({ port, host: '127.0.0.1', agent, ...POST });
    req.end(Buffer.alloc(200_000));
    const [res] = await once(req, 'response');
    let text = '';
    for await (const part of res) text += part;
    return text;
  };
  const first = await ask();
  t.regex(first, /^200000 /);
  t.is(await ask(), first);
});
