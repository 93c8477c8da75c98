'use strict';
// tier: run-time, differs

// req.arena.chunks(): the body of a request as the list of its chunks. Those that nobody else can have are memory of the arena then,
// without a copy.

const test = require('ava');
const { once } = require('node:events');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { counting, settled } = require('../helpers/adopted.js');
const { releases } = require('../helpers/given-back.js');
const { serve } = require('../helpers/server.js');
const { stamped } = require('../helpers/sources.js');
const { sendChunked } = require('../helpers/uploads.js');
const { until } = require('../helpers/until.js');
const { Arena } = require('../..');

const KiB = 1024;
const MiB = 1024 * KiB;
const POST = { method: 'POST' };

test.before(releases);

test.serial(
  'what Node gave is adopted, and freed after the response; small chunks are copied',
  async (t) => {
    const count = counting();
    const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
      const chunks = await req.arena.chunks();
      const { adopted, allocated } = req.arena.stats();
      res.end(`${chunks.length} ${adopted} ${allocated}`);
    });
    const client = await Client.connect(port);
    sendChunked(client, '/', [Buffer.alloc(40_000), Buffer.alloc(1000), Buffer.alloc(16)]);
    const [chunks, adopted, allocated] = (await client.response()).body.toString().split(' ');
    t.true(Number(chunks) >= 2);
    t.true(Number(adopted) >= 16 * KiB && Number(adopted) <= 40_000, adopted);
    t.true(Number(adopted) + Number(allocated) >= 41_016);
    await settled(t, arenas);
    const { copied, released } = count();
    t.is(copied, 41_016 - adopted);
    t.is(released, 41_016);
    t.is((await client.get('/')).body.toString(), '0 0 0', 'no body, no chunks');
  },
);

test.serial('what is written of it arrives, however slowly it is read', async (t) => {
  const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
    const chunks = await req.arena.chunks({ limit: 8 * MiB });
    for (const chunk of chunks) res.write(chunk);
    res.end();
  });
  const client = await Client.connect(port, { pause: true });
  const body = stamped(6 * MiB, 7);
  client.send('/', { ...POST, body });
  sameBytes(t, (await client.response()).body, body);
  await settled(t, arenas);
});

test.serial('what is written elsewhere is held until it is written', async (t) => {
  let written;
  const { server, port, arenas } = await serve(t, 'node:http', async (req, res) => {
    if (req.url === '/sink') {
      await once(req, 'readable'); // the rest waits, so that what is behind it does, too
      await until(() => written !== undefined);
      res.end(Buffer.concat(await req.toArray()));
      return;
    }
    const chunks = await req.arena.chunks({ limit: 8 * MiB });
    const sink = require('node:http').request({
      ...POST,
      path: '/sink',
      host: '127.0.0.1',
      port: server.address().port,
    });
    for (const chunk of chunks) sink.write(chunk);
    sink.end();
    res.end();
    written = once(sink, 'response').then(async ([response]) =>
      Buffer.concat(await response.toArray()),
    );
  });
  const client = await Client.connect(port);
  const body = stamped(6 * MiB, 9);
  client.send('/', { ...POST, body });
  await client.response();
  sameBytes(t, await written, body);
  t.true(arenas.stats().guarded.stream.bytes > 0);
  await settled(t, arenas);
});

test.serial(
  'however a client cuts its body, it takes no more room than it has bytes',
  async (t) => {
    const size = 64 * KiB;
    const { port, arenas } = await serve(
      t,
      'node:http',
      async (req, res) => {
        const chunks = await req.arena.chunks();
        res.end(`${chunks.length} ${Buffer.concat(chunks.map((one) => Buffer.from(one))).length}`);
      },
      { maxBytesPerRequest: size },
    );
    for (const piece of [1, 13, 1447]) {
      const body = Buffer.alloc(size, 1);
      const parts = Array.from({ length: Math.ceil(size / piece) }, (_, i) =>
        body.subarray(i * piece, (i + 1) * piece),
      );
      const client = await Client.connect(port);
      sendChunked(client, '/', parts);
      t.is((await client.response()).body.toString(), `1 ${size}`, `pieces of ${piece} bytes`);
      await client.destroy();
    }
    await settled(t, arenas);
  },
);

// Bodies that req.arena.chunks() does not give, requests that end otherwise than well, and limits: what was adopted is given back, or left to V8.

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';

test.serial(
  'over the limit it is refused, what came is freed, and what comes is dropped',
  async (t) => {
    let adopted;
    const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
      const { code, status } = await t.throwsAsync(req.arena.chunks({ limit: 200_000 }));
      adopted = req.arena.stats().adopted;
      res.statusCode = status;
      res.end(code);
    });
    const client = await Client.connect(port);
    sendChunked(client, '/', new Array(20).fill(Buffer.alloc(50_000)));
    const { status, headers, body } = await client.response();
    t.deepEqual([status, body.toString()], [413, 'ERR_RALLOC_LIMIT']);
    t.not(headers.connection, 'close');
    t.is(adopted, 0);
    await settled(t, arenas);
  },
);

test.serial('it counts toward what the request may have', async (t) => {
  const settings = { maxBytesPerRequest: 256 * KiB };
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      if (req.url === '/more') {
        await req.arena.chunks();
        const buffer = Buffer.alloc(100 * KiB, 1);
        const { status, message } = t.throws(() => req.arena.adopt(buffer), {
          code: 'ERR_RALLOC_LIMIT',
        });
        t.is(status, 413);
        t.regex(message, /adopted/);
        t.true(buffer.every((byte) => byte === 1));
        req.arena.reset();
        t.is(req.arena.adopt(buffer), buffer);
        return res.end();
      }
      const error = await t.throwsAsync(req.arena.chunks({ limit: MiB }));
      t.deepEqual(
        [error.code, error.status, error.option],
        ['ERR_RALLOC_LIMIT', 413, 'maxBytesPerRequest'],
      );
      res.statusCode = 413;
      res.end();
    },
    settings,
  );
  const client = await Client.connect(port);
  client.send('/more', { ...POST, body: Buffer.alloc(200 * KiB) });
  t.is((await client.response()).status, 200);
  client.send('/', { ...POST, body: Buffer.alloc(300 * KiB) });
  t.is((await client.response()).status, 413);
  await settled(t, arenas);
});

test.serial(
  'a client that goes away rejects it, and what had come is not counted any more',
  async (t) => {
    const errors = [];
    const count = counting();
    const { port, arenas } = await serve(t, 'node:http', async (req) => {
      errors.push(await t.throwsAsync(req.arena.chunks()));
      t.is(req.arena.stats().adopted, 0);
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': MiB } });
    client.write(Buffer.alloc(200_000));
    await until(() => arenas.stats().memory.adopted > 0);
    await client.reset();
    await until(() => errors.length > 0);
    t.deepEqual([errors[0].code, errors[0].status], ['ERR_RALLOC_ABORTED', 400]);
    await settled(t, arenas);
    const { adopted, released, dropped } = count();
    t.true(
      adopted > 0 && released + dropped >= adopted,
      'left to V8 where the response is over first',
    );
  },
);

for (const [how, answer] of Object.entries({
  'a response that is cut off': (_res, client) => client.reset(),
  "a server's error": (res) => {
    res.statusCode = 500;
    res.end();
  },
})) {
  test.serial(`after ${how} chunks are left to V8, attached`, async (t) => {
    let chunks;
    let client;
    const count = counting();
    const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
      chunks = await req.arena.chunks();
      await answer(res, client);
    });
    client = await Client.connect(port);
    client.send('/', { ...POST, body: Buffer.alloc(300_000, 6) });
    await until(() => chunks !== undefined);
    await settled(t, arenas);
    const { adopted, dropped } = count();
    t.true(adopted > 0);
    t.is(dropped, adopted);
    t.is(Buffer.concat(chunks).length, 300_000);
    t.true(chunks.every((chunk) => chunk.every((byte) => byte === 6)));
  });
}

test.serial('a second call gives the same list, and body() beside it is refused', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    const [read, other] = req.url === '/chunks' ? ['chunks', 'body'] : ['body', 'chunks'];
    await t.throwsAsync(req.arena[read]({ limit: -1 }), { code: INVALID });
    const promise = req.arena[read]();
    t.is(req.arena[read](), promise);
    await t.throwsAsync(req.arena[other](), {
      code: INVALID,
      message: new RegExp(`by ${read}\\(\\)`),
    });
    const body = await promise;
    await t.throwsAsync(req.arena[other](), { code: INVALID });
    res.end(Buffer.concat([body].flat()));
  });
  for (const path of ['/chunks', '/body']) {
    const client = await Client.connect(port);
    client.send(path, { ...POST, body: Buffer.from('hello') });
    t.is((await client.response()).body.toString(), 'hello');
  }
  const arena = new Arena();
  await t.throwsAsync(arena.chunks(), { code: 'ERR_RALLOC_UNSUPPORTED' });
  arena.close();
});

for (const safety of ['detach', 'gc', 'recycle']) {
  test.serial(`${safety}: a reset while it comes ends it`, async (t) => {
    let isReset = false;
    const { port, arenas } = await serve(
      t,
      'node:http',
      async (req, res) => {
        const reading = req.arena.chunks();
        await until(() => req.arena.stats().adopted > 0);
        req.arena.reset();
        isReset = true;
        const { code } = await t.throwsAsync(reading);
        t.is(req.arena.stats().adopted, 0);
        res.end(code);
      },
      { safety },
    );
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': 200_000 } });
    client.write(Buffer.alloc(100_000));
    await until(() => isReset);
    t.is(arenas.stats().memory.adopted, 0);
    client.write(Buffer.alloc(100_000));
    t.is((await client.response()).body.toString(), 'ERR_RALLOC_DEAD_BUFFER');
    await settled(t, arenas);
  });
}

test.serial(
  'where the middleware has no memory left, chunks stay on the heap, counted',
  async (t) => {
    const count = counting();
    const arenas = { maxBytes: 64 * KiB, maxBytesPerRequest: 64 * KiB, maxHeapBytes: MiB };
    const held = new Set();
    const { port, arenas: counted } = await serve(
      t,
      'node:http',
      async (req, res) => {
        if (req.url === '/fills') {
          req.arena.allocUnsafe(60 * KiB);
          held.add(res);
          return;
        }
        const chunks = await req.arena.chunks({ limit: MiB });
        const { adopted } = req.arena.stats();
        t.is(Buffer.concat(chunks).length, 50_000);
        res.end(`${adopted} ${counted.stats().heap.used}`);
      },
      arenas,
    );
    const first = await Client.connect(port);
    first.send('/fills');
    await until(() => held.size === 1);
    const client = await Client.connect(port);
    client.send('/', { ...POST, body: Buffer.alloc(50_000) });
    t.is((await client.response()).body.toString(), '0 50000');
    t.is(counted.stats().heapRequests, 1);
    for (const res of held) res.end();
    await first.response();
    await settled(t, counted);
    t.is(counted.stats().heap.used, 0);
    const { adopted, heap } = count();
    t.is(adopted, 0);
    t.true(heap > 16 * KiB);
  },
);

test.serial('after the response a Buffer stays as it is, and counts as late, once', async (t) => {
  let late;
  const count = counting();
  const handler = async (req, res) => {
    res.end();
    await until(() => !req.arena.stats().live);
    const buffer = Buffer.alloc(30_000, 4);
    for (let i = 0; i < 5; i++) t.is(req.arena.adopt(buffer), buffer);
    const copy = req.arena.adopt(buffer.subarray(1));
    t.not(copy.buffer, buffer.buffer);
    t.throws(() => req.arena.adopt(Buffer.alloc(65 * KiB)), { code: 'ERR_RALLOC_LIMIT' });
    await t.throwsAsync(req.arena.chunks(), { code: 'ERR_RALLOC_ABORTED' });
    late = buffer;
  };
  const { port, arenas } = await serve(t, 'node:http', handler, { maxBytesPerRequest: 64 * KiB });
  const client = await Client.connect(port);
  await client.get('/');
  await until(() => late !== undefined);
  t.true(late.every((byte) => byte === 4));
  const { lateBuffers, lateBytes } = arenas.stats();
  t.deepEqual([lateBuffers, lateBytes], [2, 59_999]);
  t.is(count().heap, 30_000);
});
