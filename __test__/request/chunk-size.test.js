'use strict';
// tier: run-time

// What the size of chunks learns from requests, on Nodes that count transfers (20, 22) and on others: either is
// tested on every Node.

const test = require('ava');
const runtime = require('../../lib/base/runtime.js');
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
