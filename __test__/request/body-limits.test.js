'use strict';
// tier: run-time, differs by Node

// What a body takes of the arenas while it comes, and bodies that body() does not give: larger than their limit, cut off, read before. Memory is back
// at once.

const test = require('ava');
const http2 = require('node:http2');
const { once } = require('node:events');
const express = require('express');
const { Client } = require('../helpers/client.js');
const { serveOn } = require('../helpers/adapters.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { fractions } = require('../helpers/fractions.js');
const { stamped } = require('../helpers/sources.js');
const { HeapBody } = require('../../lib/node/small-body.js');
const { until } = require('../helpers/until.js');
const { sendChunked } = require('../helpers/uploads.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const POST = { method: 'POST' };
const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);

/** Also with ECONNRESET, which the server's kernel sends where bytes were not read. */
const closeOf = ({ socket }) => new Promise((resolve) => socket.once('close', resolve));

const PATIENT = { drainMs: 2 ** 31 - 1 }; // however long the machine takes for it

/** Answers with what became of the body. */
const telling = (options) => async (req, res) => {
  try {
    const { length } = await req.arena.body(options);
    res.end(String(length));
  } catch (error) {
    if (!res.writable) return;
    res.statusCode = error.status ?? 500;
    res.end(`${error.code} ${error.option} ${req.arena.stats().allocated}`);
  }
};

for (const announced of [true, false]) {
  const how = announced ? 'announced' : 'chunked';
  test(`${how}: a body over the limit is answered with 413, and the rest of it read`, async (t) => {
    const { port, arenas } = await serve(t, 'node:http', telling({ limit: 100_000, ...PATIENT }));
    const client = await Client.connect(port);
    if (announced) client.send('/', { ...POST, body: Buffer.alloc(500_000) });
    else sendChunked(client, '/', new Array(10).fill(Buffer.alloc(50_000)));
    const { status, headers, body } = await client.response();
    t.is(status, 413);
    t.not(headers.connection, 'close', 'a client that is still sending would not see the answer');
    t.is(body.toString(), 'ERR_RALLOC_LIMIT limit 0', 'nothing of it is allocated');
    client.send('/', { ...POST, body: Buffer.alloc(1000) });
    t.is((await client.response()).body.toString(), '1000', 'the next request of the connection');
    await client.destroy();
    await settled(arenas);
    assertSettled(t, arenas);
  });
}

test('more than the request may have is refused at once, whatever the limit', async (t) => {
  const { port } = await serve(t, 'node:http', telling({ limit: 10 * MiB }), {
    maxBytesPerRequest: MiB,
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, headers: { 'Content-Length': 2 * MiB } });
  const { status, body } = await client.response();
  t.is(status, 413);
  t.is(body.toString(), 'ERR_RALLOC_LIMIT maxBytesPerRequest 0');
});

test('the limit is 1 MiB, or maxBytesPerRequest where that is less', async (t) => {
  const one = await serve(t, 'node:http', telling());
  const two = await serve(t, 'node:http', telling(), { maxBytesPerRequest: 64 * KiB });
  const ask = async ({ port }, size) => {
    const client = await Client.connect(port);
    client.send('/', { ...POST, body: Buffer.alloc(size) });
    const { status } = await client.response();
    await client.destroy();
    return status;
  };
  t.is(await ask(one, MiB), 200);
  t.is(await ask(one, MiB + 1), 413);
  t.is(await ask(two, 64 * KiB), 200);
  t.is(await ask(two, 64 * KiB + 1), 413);
});

test("Express's own handler answers with 413 once the body was drained", async (t) => {
  const { port, server } = await serve(t, 'node:http', () => {});
  server.removeAllListeners('request');
  const app = express();
  app.set('env', 'test');
  const { requestArena } = require('../..');
  const arenas = requestArena();
  app.use(arenas, async (req, res) => res.end(await req.arena.body({ limit: 10, ...PATIENT })));
  server.on('request', app);
  const client = await Client.connect(port);
  client.send('/', { ...POST, body: Buffer.alloc(2 * MiB) });
  t.is((await client.response()).status, 413);
});

test('a client that goes on sending is cut off after drainBytes', async (t) => {
  const never = new Promise(() => {});
  const { port, arenas } = await serve(t, 'node:http', async (req) => {
    await t.throwsAsync(req.arena.body({ limit: 10, drainBytes: 500_000 }), {
      code: 'ERR_RALLOC_LIMIT',
    });
    await never;
  });
  const client = await Client.connect(port);
  const closed = closeOf(client);
  client.send('/', { ...POST, headers: { 'Content-Length': 100 * MiB } });
  const part = Buffer.alloc(64 * KiB);
  let sent = 0;
  while (!client.socket.destroyed && sent < 100 * MiB) {
    client.write(part);
    sent += part.length;
    await new Promise(setImmediate);
  }
  await closed;
  t.true(sent < 100 * MiB);
  await settled(arenas);
});

test('a client that stops sending is cut off after drainMs', async (t) => {
  const { port, arenas } = await serve(t, 'node:http', async (req) => {
    await t.throwsAsync(req.arena.body({ limit: 10, drainMs: 20 }), { code: 'ERR_RALLOC_LIMIT' });
  });
  const client = await Client.connect(port);
  const closed = closeOf(client);
  client.send('/', { ...POST, headers: { 'Content-Length': 1000 } });
  client.write('x');
  await closed;
  await settled(arenas);
  t.is(arenas.stats().aborted, 1);
});

test('an upload that is cut off rejects, and its memory is back', async (t) => {
  const next = fractions(7);
  const errors = [];
  let leased = 0;
  const { port, arenas } = await serve(t, 'node:http', async (req) => {
    try {
      await req.arena.body({ limit: 8 * MiB });
    } catch (error) {
      errors.push(error);
      leased += req.arena.stats().allocated;
    }
  });
  for (let i = 0; i < 10; i++) {
    const client = await Client.connect(port);
    const isChunked = next() < 0.5;
    const headers = isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': 4 * MiB };
    client.send('/', { ...POST, headers });
    const size = Math.floor(next() ** 2 * 2 * MiB);
    if (isChunked) client.write(`${(4 * MiB).toString(16)}\r\n`);
    client.write(Buffer.alloc(size));
    await until(() => arenas.stats().requests === i + 1);
    if (next() < 0.5) await new Promise(setImmediate);
    if (next() < 0.5) await client.reset();
    else await client.destroy();
    await until(() => errors.length === i + 1);
  }
  for (const { code, status, cause } of errors) {
    t.is(code, 'ERR_RALLOC_ABORTED');
    t.is(status, 400);
    t.is(cause?.code, 'ECONNRESET');
  }
  t.is(leased, 0);
  await settled(arenas);
  assertSettled(t, arenas);
  t.is(arenas.stats().aborted, 10);
});

test('a body that somebody has read, destroyed or decoded is refused', async (t) => {
  const attempts = {
    '/read': async (req) => {
      for await (const _ of req);
    },
    '/encoded': (req) => req.setEncoding('utf8'),
    '/parsed': (req) => once(req.resume(), 'end'),
  };
  const { port } = await serve(t, 'node:http', async (req, res) => {
    await attempts[req.url](req);
    const { code } = await t.throwsAsync(req.arena.body(), { instanceOf: TypeError });
    if (req.url === '/parsed') {
      const { message } = await t.throwsAsync(req.arena.collect(req), { any: true });
      t.regex(
        message,
        /^The body was read before, as body parsers do\. Mount these behind the routes/,
      );
    }
    res.end(code);
  });
  for (const path of Object.keys(attempts)) {
    const client = await Client.connect(port);
    client.send(path, { ...POST, body: Buffer.from('hello') });
    t.is((await client.response()).body.toString(), INVALID);
  }
});

test('options that are wrong are refused, and nothing is read', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    for (const options of [
      { limit: -1 },
      { limit: '1' },
      { drainMs: -1 },
      { drainBytes: 0.5 },
      { max: 1 },
      5,
    ]) {
      await t.throwsAsync(req.arena.body(options), { code: INVALID });
    }
    t.false(req.readableDidRead);
    res.end(await req.arena.body({ limit: 5 }));
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, body: Buffer.from('hello') });
  t.is((await client.response()).body.toString(), 'hello');
});

test('http2: a stream that is reset rejects, and one over the limit is answered', async (t) => {
  const outcomes = [];
  let begun = 0;
  const { port } = await serveOn(t, 'http2', async ({ arena, res }) => {
    begun++;
    try {
      return await arena.body({ limit: 1000, drainBytes: MiB });
    } catch (error) {
      outcomes.push(error.code);
      res.statusCode = error.status;
      return Buffer.from('refused');
    }
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(() => session.destroy());
  const over = session.request({ ':method': 'POST' });
  over.end(Buffer.alloc(5000));
  const [headers] = await once(over, 'response');
  t.is(headers[':status'], 413);
  over.resume();
  await once(over, 'close');
  const cut = session.request({ ':method': 'POST' });
  cut.write('x');
  cut.on('error', () => {});
  await until(() => begun === 2);
  cut.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => outcomes.length === 2);
  t.deepEqual(outcomes, ['ERR_RALLOC_LIMIT', 'ERR_RALLOC_ABORTED']);
});

test('100 connections that announce a MiB and send a byte lease 100 small pieces', async (t) => {
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      await req.arena.body().catch(() => {});
      res.end();
    },
    { maxBytes: 64 * MiB },
  );
  // Requests until then use a MiB, which is what the arenas expect of the next.
  const usual = await Client.connect(port);
  for (let i = 0; i < 40; i++) {
    usual.send('/', { ...POST, body: Buffer.alloc(MiB - 1) });
    await usual.response();
  }
  const clients = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const client = await Client.connect(port);
      client.send('/', { ...POST, headers: { 'Content-Length': MiB } });
      client.write('x');
      return client;
    }),
  );
  const leased = () => arenas.stats().memory.leased;
  await until(() => leased() >= 100 * 16 * KiB);
  t.true(leased() <= 100 * 17 * KiB, String(leased()));
  t.is(arenas.stats().heapRequests, 0);
  for (const client of clients) await client.destroy();
  await settled(arenas);
  t.is(arenas.stats().memory.leased, 0);
});

test('who announces a small body takes no memory for it before something comes', (t) => {
  const before = process.memoryUsage().arrayBuffers;
  const bodies = Array.from({ length: 1000 }, () => new HeapBody(16 * KiB, 16 * KiB));
  t.true(process.memoryUsage().arrayBuffers - before < MiB);
  const [first, second] = bodies;
  first.take(stamped(100));
  t.deepEqual(first.finish(), stamped(100));
  t.is(second.finish().length, 0);
});

test('a body that somebody decodes while it comes is refused, and not quoted', async (t) => {
  const errors = [];
  const { port } = await serve(t, 'node:http', async (req, res) => {
    const body = req.arena.body();
    req.setEncoding('utf8');
    errors.push(await t.throwsAsync(body, { code: INVALID, instanceOf: TypeError }));
    res.end();
  });
  for (const size of [20, 50_000]) {
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': size } });
    client.write('secret'.padEnd(size, '.'));
    await client.response();
  }
  for (const { message } of errors)
    t.is(message, 'The stream gives strings, as after setEncoding()');
  t.is(errors.length, 2);
});

test('a limit of the request counts a body once, wherever it moves', async (t) => {
  const maxBytesPerRequest = MiB;
  const { port } = await serve(
    t,
    'node:http',
    async (req, res) => {
      const head = req.arena.allocUnsafe(1000).fill(1);
      const body = await req.arena.body({ limit: MiB });
      t.true(head.every((byte) => byte === 1));
      res.end(String(body.length));
    },
    { maxBytesPerRequest, maxBytes: 16 * MiB },
  );
  const client = await Client.connect(port);
  const size = maxBytesPerRequest - 8 * KiB;
  sendChunked(client, '/', [stamped(100), stamped(60_000), stamped(size - 60_100)]);
  t.is((await client.response()).body.toString(), String(size));
  client.send('/', { ...POST, body: stamped(size) });
  t.is((await client.response()).body.toString(), String(size));
});
