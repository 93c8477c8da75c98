'use strict';
// tier: run-time, differs

// rawBody(): the body is in the arena, what is compressed is inflated under the limit, and who sends too much is answered.

const test = require('ava');
const { AsyncLocalStorage } = require('node:async_hooks');
const http = require('node:http');
const { once } = require('node:events');
const path = require('node:path');
const zlib = require('node:zlib');
const connect = require('connect');
const express5 = require('express');
const express4 = require('express4');
const { sameBytes } = require('../helpers/bytes.js');
const { stats } = require('../..');
const { rawBody, requestArena } = require('ralloc/express');
const { Client } = require('../helpers/client.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { KEEP_ALIVE_MS } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const PATIENT = { drainMs: 600_000 }; // where the bound is in bytes: a busy machine can take the five seconds of the default
const OCTETS = { 'Content-Type': 'application/octet-stream' };

/** Serves `handlers` behind requestArena(): { port, arenas, errors }, of which `errors` are those that were passed on. */
async function serve(
  t,
  handlers,
  { make = express5, arenas = requestArena(), mounted = true } = {},
) {
  const errors = [];
  const app = make();
  app.set?.('env', 'test'); // no stacks on stderr
  if (mounted) app.use(arenas);
  for (const handler of handlers) app.use(handler);
  app.use((error, _req, res, next) => {
    errors.push({ error, res, wasAnswered: res.headersSent });
    if (!res.headersSent) next(error);
  });
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, app).listen(0, '127.0.0.1');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { port: server.address().port, arenas, errors };
}

async function post(port, body, headers = {}) {
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, ...headers }, body });
  const answer = await client.response();
  await client.destroy();
  return answer;
}

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);
const length = (req, res) => res.end(String(req.body.length));

for (const [name, make] of Object.entries({
  'Express 5': express5,
  'Express 4': express4,
  connect,
})) {
  test(`${name}: the body is a Buffer of the arena, and dead after the response`, async (t) => {
    const bodies = [];
    const handler = async (req, res) => {
      bodies.push(req.body);
      t.true(req.arena.owns(req.body));
      t.is(await req.arena.body(), req.body, 'which has it too');
      res.end(req.body);
    };
    const { port, arenas } = await serve(t, [rawBody({ limit: '1mb' }), handler], { make });
    const sent = Buffer.alloc(300_000, 'some bytes');
    sameBytes(t, (await post(port, sent)).body, sent);
    const gzip = { 'Content-Encoding': 'gzip' };
    sameBytes(t, (await post(port, zlib.gzipSync(sent), gzip)).body, sent);
    await settled(arenas);
    t.deepEqual(
      bodies.map(({ length }) => length),
      [0, 0],
    );
    t.is(arenas.stats().memory.leased, 0);
  });

  test(`${name}: a body that was read is left to nobody else`, async (t) => {
    const parsers = [
      rawBody({ type: '*/*' }),
      rawBody({ type: '*/*' }),
      express4.raw({ type: '*/*' }),
    ];
    const { port, errors } = await serve(t, [...parsers, length], { make });
    t.is((await post(port, Buffer.alloc(100))).body.toString(), '100');
    t.deepEqual(errors, []);
  });
}

test("the chunks of Node's parser are released behind the copy", async (t) => {
  const { port } = await serve(t, [rawBody({ limit: '4mb' }), length]);
  await post(port, Buffer.alloc(10)); // Node 20 can release from the second turn on
  const { released } = stats().bodies;
  t.is((await post(port, Buffer.alloc(MiB))).body.toString(), String(MiB));
  t.true(stats().bodies.released - released > MiB / 2);
});

const bombs = {
  gzip: () => zlib.gzipSync(Buffer.alloc(64 * MiB)),
  deflate: () => zlib.deflateSync(Buffer.alloc(64 * MiB)),
  br: () =>
    zlib.brotliCompressSync(Buffer.alloc(64 * MiB), {
      params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
    }),
};
for (const [encoding, make] of Object.entries(bombs)) {
  test(`${encoding}: 64 MiB in a few bytes end at the limit`, async (t) => {
    const { port, arenas, errors } = await serve(t, [rawBody({ limit: 200_000 }), length]);
    const bomb = make();
    t.true(bomb.length < 100_000);
    const { status } = await post(port, bomb, { 'Content-Encoding': encoding });
    t.is(status, 413);
    const [{ error }] = errors;
    t.true(error.received <= 200_000 + 64 * KiB, `${error.received} bytes were inflated`);
    await settled(arenas);
    t.true(arenas.stats().memory.peak <= 2 * MiB);
  });
}

/** Sends on until the connection ends: what came before. */
async function sendOn(client) {
  const part = Buffer.alloc(64 * KiB);
  let sent = 0;
  while (!client.socket.destroyed && sent < 200 * MiB) {
    client.write(part);
    sent += part.length;
    await new Promise(setImmediate);
  }
  return sent;
}

test('a client that goes on sending is answered, and then cut off', async (t) => {
  const raw = rawBody({ ...PATIENT, drainBytes: 4 * MiB });
  const { port, arenas, errors } = await serve(t, [raw, length]);
  const client = await Client.connect(port);
  const headers = { ...OCTETS, 'Content-Length': 200 * MiB };
  client.send('/', { method: 'POST', headers });
  const sending = sendOn(client);
  const { status, headers: given, body } = await client.response();
  t.is(status, 413);
  t.is(given.connection, 'close');
  t.is(body.toString(), 'Payload Too Large');
  t.deepEqual(errors, [], 'handlers are told when it is over');
  t.true((await sending) < 200 * MiB);
  await until(() => errors.length === 1);
  t.like(errors[0], { wasAnswered: true, error: { type: 'entity.too.large' } });
  await settled(arenas);
});

test('one that stops when it has the answer keeps its connection until it ends it', async (t) => {
  const raw = rawBody({ ...PATIENT, drainBytes: 64 * KiB });
  const { port, arenas, errors } = await serve(t, [raw, length]);
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, 'Content-Length': 200_000 } });
  client.write(Buffer.alloc(50_000));
  t.is((await client.response()).status, 413);
  await client.destroy();
  await until(() => errors.length === 1);
  await settled(arenas);
});

test('a client that stops sending is answered after half of drainMs', async (t) => {
  const { port, arenas, errors } = await serve(t, [rawBody({ drainMs: 100 }), length]);
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, 'Content-Length': 200_000 } });
  client.write('x');
  t.is((await client.response()).status, 413);
  t.is((await client.rest()).length, 0, 'and the connection ends');
  await until(() => errors.length === 1);
  await settled(arenas);
});

test('an answer that somebody has begun goes on', async (t) => {
  const begin = (_req, res, next) => {
    res.write('begun');
    next();
  };
  const { port, errors } = await serve(t, [begin, rawBody({ ...PATIENT, drainBytes: 200_000 })]);
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, 'Content-Length': 160_000 } });
  client.write(Buffer.alloc(150_000));
  const answered = client.response();
  client.write(Buffer.alloc(10_000));
  await until(() => errors.length === 1);
  t.true(errors[0].wasAnswered);
  t.false(errors[0].res.writableEnded);
  errors[0].res.end(' and ended');
  t.is((await answered).body.toString(), 'begun and ended');
});

test('the rest of a body that is not compressed as it says is read', async (t) => {
  const { port, errors } = await serve(t, [rawBody({ ...PATIENT, limit: MiB }), length]);
  const { status, headers } = await post(port, Buffer.alloc(3 * MiB), {
    'Content-Encoding': 'gzip',
  });
  t.is(status, 400);
  t.is(headers.connection, 'keep-alive');
  t.is(errors[0].error.code, 'Z_DATA_ERROR');
});

test("the arena's own limit is an error of its own", async (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 64 * KiB });
  const { port, errors } = await serve(t, [rawBody({ limit: '1mb' }), length], { arenas });
  t.is((await post(port, Buffer.alloc(100_000))).status, 413);
  t.like(errors[0].error, { code: 'ERR_RALLOC_LIMIT', option: 'maxBytesPerRequest' });
});

test('next() is called in the context of the request', async (t) => {
  const storage = new AsyncLocalStorage();
  let id = 0;
  const seen = [];
  const handlers = [
    (_req, _res, next) => storage.run(++id, next),
    rawBody(),
    (req, res) => {
      seen.push(storage.getStore());
      length(req, res);
    },
  ];
  const { port } = await serve(t, handlers);
  await post(port, Buffer.alloc(50_000));
  await post(port, zlib.gzipSync(Buffer.alloc(50_000)), { 'Content-Encoding': 'gzip' });
  t.deepEqual(seen, [1, 2]);
});

test('a request without an arena of this copy of ralloc is an error', async (t) => {
  const copy = require(path.join(copyOfPackage(t), 'lib', 'express.js'));
  const other = copy.requestArena();
  const cases = [
    [{ mounted: false }, 'The request has no "arena". Mount requestArena() before rawBody()'],
    [{ arenas: requestArena({ skip: () => true }) }, 'with no option "skip" for its requests'],
    [{ arenas: requestArena({ property: 'memory' }) }, 'The request has no "arena".'],
    [{ arenas: other }, 'of another copy of ralloc'],
  ];
  for (const [setting, message] of cases) {
    const { port, errors } = await serve(t, [rawBody(), length], setting);
    t.is((await post(port, Buffer.alloc(10))).status, 500);
    t.is(errors[0].error.code, 'ERR_RALLOC_UNSUPPORTED');
    t.true(errors[0].error.message.includes(message), errors[0].error.message);
  }
  const arenas = requestArena({ property: 'memory' });
  const { port } = await serve(t, [rawBody({ property: 'memory' }), length], { arenas });
  t.is((await post(port, Buffer.alloc(10))).body.toString(), '10');
});

test('a call without next() is an error', (t) => {
  const { message } = t.throws(() => rawBody()({}, new http.ServerResponse({})), {
    code: 'ERR_RALLOC_INVALID_ARGUMENT',
  });
  t.regex(message, /"next"/);
});
