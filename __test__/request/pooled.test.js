'use strict';
// tier: run-time

// Which chunks a middleware keeps for the next requests.

const test = require('ava');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { until } = require('../helpers/until.js');
const time = require('../../lib/base/time.js');

const KiB = 1024;

// No timer is ever due: what rests for a second or two goes back, and a busy machine can rest as long between two requests.
time.setTimeout = () => ({ unref() {} });

/** A server that allocates as many bytes as the path says; `after(bytes)` what is warm after that. */
async function server(t, options) {
  const handler = (req, res) => res.end(req.arena.alloc(Number(req.url.slice(1))).subarray(0, 1));
  const { arenas, port } = await serve(t, 'node:http', handler, options);
  const client = await Client.connect(port);
  const after = async (bytes) => {
    await client.get(`/${bytes}`);
    await until(() => arenas.stats().inFlight === 0);
    assertSettled(t, arenas);
    return arenas.stats().memory.warm;
  };
  return { arenas, after };
}

test('a chunk of the usual size is kept, and serves the next request', async (t) => {
  const { arenas, after } = await server(t);
  for (let i = 0; i < 5; i++) t.is(await after(1000), 64 * KiB);
  const { mapped, recycled } = arenas.stats().memory;
  t.is(mapped + recycled, 1);
});

test('a chunk that is far from the usual size is given back', async (t) => {
  const { after } = await server(t);
  t.is(await after(1000), 64 * KiB);
  t.is(await after(5000 * KiB), 64 * KiB);
  t.is(await after(256 * KiB), (64 + 256) * KiB, 'up to four times is near');
});

for (const safety of ['detach', 'recycle']) {
  test(`requests of varying sizes need no heap, whatever was kept for others (${safety})`, async (t) => {
    const limits = { maxBytes: 2048 * KiB, maxBytesPerRequest: 1024 * KiB };
    const { arenas, after } = await server(t, { safety, ...limits });
    for (let i = 0; i < 60; i++) await after(1 + ((i * 7919 * 37) % 1_000_000));
    t.is(arenas.stats().heapRequests, 0);
    t.is(arenas.stats().memory.quarantined, 0);
  });
}

test('chunks adapt to what requests use', async (t) => {
  const { arenas, after } = await server(t);
  const sizes = [];
  for (let i = 0; i < 200; i++) {
    await after(10 * KiB);
    sizes.push(arenas.stats().chunkSize / KiB);
  }
  t.is(sizes[62], 64);
  t.is(sizes.at(-1), 16);
  for (let i = 0; i < 300; i++) await after(200 * KiB);
  t.is(arenas.stats().chunkSize, 256 * KiB);
});
