'use strict';
// tier: run-time, differs

// What a body takes of the arenas while it comes, and from where.

const test = require('ava');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { releases } = require('../helpers/given-back.js');
const { serve } = require('../helpers/server.js');
const { stamped } = require('../helpers/sources.js');
const { sendChunked } = require('../helpers/uploads.js');
const { until } = require('../helpers/until.js');
const { stats } = require('../..');

const KiB = 1024;
const MiB = 1024 * KiB;
const POST = { method: 'POST' };

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);

test.serial('what Node has read goes back at once', async (t) => {
  await releases();
  const { port } = await serve(t, 'node:http', async (req, res) => {
    res.end(String((await req.arena.body()).length));
  });
  const client = await Client.connect(port);
  const before = stats().bodies;
  for (let i = 0; i < 10; i++) {
    client.send('/', { ...POST, body: Buffer.alloc(500_000, i) });
    t.is((await client.response()).body.toString(), '500000');
  }
  const { released, copied, left } = stats().bodies;
  t.is(copied - before.copied, 5_000_000);
  t.is(released - before.released, 5_000_000);
  t.deepEqual(left, before.left);
});

test('400 connections that announce a MiB and send a byte lease 400 small pieces', async (t) => {
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
    Array.from({ length: 400 }, async () => {
      const client = await Client.connect(port);
      client.send('/', { ...POST, headers: { 'Content-Length': MiB } });
      client.write('x');
      return client;
    }),
  );
  const leased = () => arenas.stats().memory.leased;
  await until(() => leased() >= 400 * 16 * KiB);
  t.true(leased() <= 400 * 17 * KiB, String(leased()));
  t.is(arenas.stats().heapRequests, 0);
  for (const client of clients) await client.destroy();
  await settled(arenas);
  t.is(arenas.stats().memory.leased, 0);
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

test('Buffers of the heap serve where the arenas have no memory', async (t) => {
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      res.end(await req.arena.body({ limit: 2 * MiB }));
    },
    { maxBytes: 256 * KiB, maxBytesPerRequest: 256 * KiB, maxHeapBytes: 8 * MiB },
  );
  await arenas.close();
  const client = await Client.connect(port);
  const body = stamped(200_000);
  sendChunked(client, '/', [body.subarray(0, 100), body.subarray(100, 5000), body.subarray(5000)]);
  sameBytes(t, (await client.response()).body, body);
  await settled(arenas);
  t.is(arenas.stats().heap.used, 0);
  t.true(arenas.stats().heapBytes >= body.length);
});
