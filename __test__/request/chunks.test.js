'use strict';
// tier: run-time, differs

// req.arena.chunks(): the body of a request as the list of its chunks. Those that nobody else can have are memory of the arena then,
// without a copy.

const test = require('ava');
const { once } = require('node:events');
const { createHash } = require('node:crypto');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { counting, settled } = require('../helpers/adopted.js');
const { adapters, servers, serveOn } = require('../helpers/adapters.js');
const { releases } = require('../helpers/given-back.js');
const { serve } = require('../helpers/server.js');
const { stamped } = require('../helpers/sources.js');
const { sendChunked } = require('../helpers/uploads.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const POST = { method: 'POST' };

test.before(releases);

for (const name of [...adapters, ...servers]) {
  test.serial(
    `${name}: chunks are the body, are the arena's, and die with the response`,
    async (t) => {
      const all = [];
      const { arenas, connect } = await serveOn(
        t,
        name,
        async ({ arena }) => {
          const chunks = await arena.chunks({ limit: 4 * MiB });
          for (const chunk of chunks) t.true(Buffer.isBuffer(chunk) && arena.owns(chunk));
          all.push(...chunks);
          return createHash('sha256').update(Buffer.concat(chunks)).digest();
        },
        { maxBytesPerRequest: 8 * MiB },
      );
      const client = await connect();
      for (const size of [1, 65_535, 300_000, MiB]) {
        const body = stamped(size, size);
        client.send('/', { ...POST, body });
        const answer = await client.response();
        t.is(answer.status, 200);
        sameBytes(t, answer.body, createHash('sha256').update(body).digest(), String(size));
      }
      await settled(t, arenas);
      t.true(all.every(({ length }) => length === 0));
      t.is(arenas.stats().heapRequests, 0);
    },
  );
}

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

test.serial('adopted again after the response: it is charged once', async (t) => {
  const { port, arenas } = await serve(
    t,
    'node:http',
    (req, res) => {
      res.end();
      res.once('close', () => {
        setImmediate(() => {
          const buffer = Buffer.alloc(30_000, 1);
          for (let i = 0; i < 5; i++) t.is(req.arena.adopt(buffer), buffer);
          over();
        });
      });
    },
    { maxBytesPerRequest: 64 * KiB },
  );
  let over;
  const done = new Promise((resolve) => {
    over = resolve;
  });
  const client = await Client.connect(port);
  client.send('/', POST);
  await client.response();
  await done;
  await settled(t, arenas);
});
