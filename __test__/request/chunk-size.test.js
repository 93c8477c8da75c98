'use strict';
// tier: run-time

// What the size of chunks learns from requests, on Nodes that count transfers (20, 22) and on others: either is
// tested on every Node. And which chunks a middleware keeps for the next requests.

const test = require('ava');
const runtime = require('../../lib/base/runtime.js');
const { requestArena } = require('../../lib/index.js');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');

const KiB = 1024;
const MiB = 1024 * KiB;

function sizesWhere(countsTransfers) {
  const stubs = { 'base/runtime.js': { ...runtime, countsTransfers } };
  const { ChunkSize } = fresh('request/chunk-size.js', stubs);
  return new ChunkSize();
}

const chunk = (size) => ({ size, isChunk: true });

/** Records `count` requests of so many bytes. */
function learn(sizes, count, bytes, inFlight = 1) {
  for (let i = 0; i < count; i++) sizes.record(bytes, inFlight);
  return sizes.bytes;
}

for (const counted of [true, false]) {
  const where = counted ? 'where transfers are counted' : 'elsewhere';

  test(`${where} chunks begin at 64 KiB, and shrink to what small requests use`, (t) => {
    const sizes = sizesWhere(counted);
    t.is(sizes.bytes, 64 * KiB);
    t.is(learn(sizes, 1000, 20 * KiB), 32 * KiB);
    t.is(learn(sizes, 2000, 3000), 16 * KiB, 'but not below 16 KiB');
    t.is(learn(sizes, 2000, 1), 16 * KiB);
  });

  test(`${where} they grow to what large requests use`, (t) => {
    const sizes = sizesWhere(counted);
    t.is(learn(sizes, 1000, 200 * KiB), 256 * KiB);
    t.is(learn(sizes, 1000, 600 * KiB), MiB);
    t.is(learn(sizes, 1000, 50 * MiB), MiB, 'but not above 1 MiB');
  });

  test(`${where} 64 requests in a row have to agree`, (t) => {
    const sizes = sizesWhere(counted);
    t.is(learn(sizes, 63, 10 * KiB), 64 * KiB);
    t.is(learn(sizes, 1, 10 * KiB), 16 * KiB);
    // Large ones now and then are less than one in ten: the estimate goes down between them.
    for (let i = 0; i < 50; i++) {
      learn(sizes, 1, 40 * KiB);
      t.is(learn(sizes, 40, 10 * KiB), 16 * KiB);
    }
  });

  test(`${where} one that does not agree makes the count begin anew`, (t) => {
    const sizes = sizesWhere(counted);
    t.is(learn(sizes, 60, 15 * KiB), 64 * KiB);
    learn(sizes, 1, 30 * KiB); // for a few requests the estimate is above 16 KiB
    t.is(learn(sizes, 60, 15 * KiB), 64 * KiB);
    t.is(learn(sizes, 20, 15 * KiB), 16 * KiB);
  });

  test(`${where} one chunk does for nine requests in ten`, (t) => {
    const oneIn = (n) => {
      const sizes = sizesWhere(counted);
      for (let i = 0; i < 5000; i++) sizes.record(i % n === 0 ? 300 * KiB : 20 * KiB, 1);
      return sizes.bytes;
    };
    t.is(oneIn(30), 32 * KiB, 'the rare large ones take two');
    t.true(oneIn(3) >= 256 * KiB, 'frequent ones count');
  });

  test(`${where} requests that allocated nothing teach nothing`, (t) => {
    const sizes = sizesWhere(counted);
    learn(sizes, 1000, 200 * KiB);
    t.is(learn(sizes, 5000, 0), 256 * KiB);
  });

  test(`${where} spans near the size are kept, from half of it to four times`, (t) => {
    const sizes = sizesWhere(counted);
    const kept = [16, 31, 32, 64, 256, 257, 1024].filter((size) =>
      sizes.keeps(chunk(size * KiB), MiB),
    );
    t.deepEqual(kept, [32, 64, 256]);
    learn(sizes, 1000, 600 * KiB);
    t.false(sizes.keeps(chunk(256 * KiB), MiB));
    t.true(sizes.keeps(chunk(4 * MiB), MiB));
    t.true(sizes.keeps({ size: 16 * KiB, isChunk: false }, MiB), 'pieces of chunks always are');
  });
}

test('where transfers are counted every chunk of a request has the size, elsewhere they double', (t) => {
  const next = (sizes) => [0, 1, 2, 3, 4, 5, 6].map((opened) => sizes.next(opened) / KiB);
  t.deepEqual(next(sizesWhere(true)), Array(7).fill(64));
  t.deepEqual(next(sizesWhere(false)), [64, 128, 256, 512, 1024, 1024, 1024]);
});

test('where transfers are counted many requests in flight get small chunks', (t) => {
  const bytes = (inFlight) => learn(sizesWhere(true), 1000, 600 * KiB, inFlight) / KiB;
  t.deepEqual([1, 6, 7, 100, 200, 400, 10_000].map(bytes), [1024, 1024, 128, 64, 32, 16, 16]);
  const elsewhere = learn(sizesWhere(false), 1000, 600 * KiB, 10_000);
  t.is(elsewhere, MiB);
});

test('a crowd is remembered for a while after it has gone', (t) => {
  const sizes = sizesWhere(true);
  learn(sizes, 1000, 600 * KiB, 100);
  t.is(learn(sizes, 60, 600 * KiB, 1), 64 * KiB);
  t.is(learn(sizes, 2000, 600 * KiB, 1), MiB);
});

test('where transfers are counted nothing is kept while more than 24 MiB are leased', (t) => {
  t.true(sizesWhere(true).keeps(chunk(64 * KiB), 24 * MiB));
  t.false(sizesWhere(true).keeps(chunk(64 * KiB), 24 * MiB + 1));
  t.true(sizesWhere(false).keeps(chunk(64 * KiB), 25 * MiB));
});

/** A middleware with requests that allocate so many bytes, one after another or `inFlight` at a time. */
function middleware(options) {
  const arenas = requestArena(options);
  const request = async (bytes, inFlight = 1) => {
    const exchanges = Array.from({ length: inFlight }, () => new Exchange());
    for (const exchange of exchanges) exchange.begin(arenas).alloc(bytes);
    for (const exchange of exchanges) await exchange.finish();
    return arenas.stats();
  };
  return { arenas, request };
}

test('a chunk of the usual size is kept for the next request, and one that is far from it is not', async (t) => {
  const { request } = middleware();
  for (let i = 0; i < 5; i++) {
    const { mapped, recycled, warm } = (await request(1000)).memory;
    t.deepEqual([mapped + recycled, warm], [1, 64 * KiB]);
  }
  t.is((await request(5000 * KiB)).memory.warm, 64 * KiB);
  t.is((await request(256 * KiB)).memory.warm, (64 + 256) * KiB, 'up to four times is near');
});

test("a middleware's chunks follow what its requests allocate, and how many are in flight", async (t) => {
  const { arenas, request } = middleware();
  // Of those that fit into a chunk one in five stands for all, so the 65th is the first after 64.
  for (let i = 0; i < 64; i++) t.is((await request(10 * KiB)).chunkSize, 64 * KiB);
  t.is((await request(10 * KiB)).chunkSize, 16 * KiB);
  for (let i = 0; i < 300; i++) await request(200 * KiB);
  t.is(arenas.stats().chunkSize, 256 * KiB);
  for (let i = 0; i < 3; i++) await request(200 * KiB, 100);
  t.is(arenas.stats().chunkSize < 256 * KiB, runtime.countsTransfers);
});

test('from the second large request on, the chunk of a large one is kept for the next', async (t) => {
  const { request } = middleware();
  for (let i = 0; i < 3; i++) await request(6000 * KiB);
  const { mapped, recycled, warm } = (await request(6000 * KiB)).memory;
  t.true(warm >= 6000 * KiB);
  t.is(mapped + recycled, 2);
});

for (const safety of ['detach', 'recycle']) {
  test(`requests of varying sizes need no heap, whatever was kept for others (${safety})`, async (t) => {
    const limits = { maxBytes: 2048 * KiB, maxBytesPerRequest: 1024 * KiB };
    const { arenas, request } = middleware({ safety, ...limits });
    for (let i = 0; i < 60; i++) await request(1 + ((i * 7919 * 37) % 1_000_000));
    t.is(arenas.stats().heapRequests, 0);
    t.is(arenas.stats().memory.quarantined, 0);
  });
}
