'use strict';
// tier: run-time, differs

// req.arena.body(): the body of a request in one Buffer of its arena, and all that Node does with a request as it would be without.

const test = require('ava');
const http = require('node:http');
const { IncomingMessage } = require('node:http');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { adapters, servers, serveOn } = require('../helpers/adapters.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { fractions } = require('../helpers/swarm.js');
const { stamped } = require('../helpers/sources.js');
const { sendChunked, SIZE, ask, bytesOf, releasedBy } = require('../helpers/uploads.js');
const { until, untilCollected } = require('../helpers/until.js');
const { requestArena, stats } = require('../..');
const { keepsParserFunctions, nodeMajor, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');

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

// Which chunks of bodies are known to be ralloc's alone, by the connection and by Node's own methods.

let id = 1;

// The first, for parsers are pooled, and those of later tests are known.
test.serial('what came before the middleware saw the connection is copied', async (t) => {
  let first; // the connection whose bodies come before the middleware
  const { port } = await serve(
    t,
    'node:http',
    async (req, res) => res.end(String((await req.arena.body()).length)),
    {
      before: [
        (req, _res, next) => {
          first ??= req.socket;
          if (req.socket !== first) next();
          else until(() => req.readableLength > 0).then(() => next());
        },
      ],
    },
  );
  const client = await Client.connect(port);
  const small = Buffer.alloc(5000, 1);
  const { foreign } = stats().bodies.left;
  client.send('/', { ...POST, body: small });
  t.is((await client.response()).body.toString(), '5000');
  t.is(stats().bodies.left.foreign - foreign, 5000);
  const next = keepsParserFunctions ? await Client.connect(port) : client;
  const released = await releasedBy(async () => {
    next.send('/', { ...POST, body: small });
    t.is((await next.response()).body.toString(), '5000');
  });
  t.is(released, 5000, 'the next request of the connection is known, or of another one');
});

test.serial('who reads a body himself finds nothing of it kept', async (t) => {
  const refs = [];
  const { port } = await serve(t, 'node:http', async (req, res) => {
    await until(() => req.readableLength > 0);
    for await (const chunk of req) refs.push(new WeakRef(chunk));
    const alive = () => refs.filter((ref) => ref.deref() !== undefined);
    await untilCollected(() => alive().length <= 1); // the last is still a variable of this function
    res.end(String(req.complete));
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, body: bytesOf(1) });
  t.is((await client.response()).body.toString(), 'true');
  t.true(refs.length > 1);
});

test.serial('a patch of Node`s prototypes is seen, and its removal', async (t) => {
  const kept = [];
  for (const [holder, name] of [
    [Readable.prototype, 'push'],
    [require('node:events').prototype, 'emit'],
    [IncomingMessage.prototype, '_read'],
  ]) {
    const own = ++id;
    const original = holder[name];
    holder[name] = function (...args) {
      for (const one of args) if (Buffer.isBuffer(one)) kept.push(one);
      return Reflect.apply(original, this, args);
    };
    const released = await releasedBy(async () => {
      t.is(await ask(t, own, (req) => req.arena.body()), `${SIZE} true`, name);
    });
    holder[name] = original;
    t.is(released, 0, name);
  }
  t.true(kept.every((chunk) => chunk.length > 0));
  t.is(await releasedBy(() => ask(t, 1, (req) => req.arena.body())), SIZE);
});

test.serial(
  'https bodies are released, those of HTTP/2 and of other streams are not',
  async (t) => {
    for (const [name, expected] of [
      ['https', SIZE],
      ['http2', 0],
    ]) {
      const { connect } = await serveOn(t, name, ({ arena }) => arena.body());
      const client = await connect();
      const released = await releasedBy(async () => {
        client.send('/', { ...POST, body: bytesOf(3) });
        sameBytes(t, (await client.response()).body, bytesOf(3));
      });
      t.is(released, expected, name);
    }
  },
);

testWhere(
  nodeMajor < 24,
  'process.binding(), as Node 20 and 22 have it',
  'a parser in the place of Node`s: its chunks are copied',
  async (t) => {
    const { result, stderr } = await run('request/js-parser.js', {
      execArgv: ['--no-deprecation'],
    });
    t.like(result, { isMine: true, length: 10_000, copied: 30_000, released: 0 }, stderr);
    t.is(result.left.foreign, 30_000);
  },
);
