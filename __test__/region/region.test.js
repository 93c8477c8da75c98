'use strict';
// tier: run-time

const test = require('ava');
const { inspect } = require('node:util');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { Region } = require('../..');
const { backend } = require('../helpers/backend.js');
const { isStamped, isZero, stamp } = require('../helpers/bytes.js');
const { soundRegion } = require('../helpers/region.js');

const MiB = 2 ** 20;

test('Buffers of any size are Buffers, zero-filled, at multiples of 16 bytes', (t) => {
  const region = new Region();
  const sizes = [1, 15, 16, 17, 100, 4096, 65_537, MiB - 1, MiB, 3 * MiB + 1];
  for (const round of [0, 1]) {
    const all = sizes.map((size) => region.alloc(size));
    for (const [i, buffer] of all.entries()) {
      t.true(Buffer.isBuffer(buffer) && buffer instanceof Uint8Array);
      t.is(buffer.length, sizes[i]);
      t.is(buffer.byteOffset % 16, 0);
      t.is(buffer.constructor, Buffer);
      t.true(isZero(buffer), `${sizes[i]} in round ${round}`);
      t.true(region.owns(buffer));
      stamp(buffer, i);
    }
    t.true(all.every(isStamped));
    soundRegion(t, region);
    t.is(region.stats().held, sizes.length);
    for (const buffer of all) region.free(buffer);
    t.false(all.some((buffer) => region.owns(buffer)));
  }
  t.like(region.stats(), { held: 0, used: 0 });
  soundRegion(t, region);
  region.close();
});

test('a Buffer of length 0 takes no bytes, and is freed once', (t) => {
  const region = new Region();
  const empty = region.alloc(0);
  t.is(empty.length, 0);
  t.true(region.owns(empty));
  t.like(region.stats(), { held: 0, reserved: 0 });
  region.free(empty);
  t.throws(() => region.free(empty), { code: 'ERR_RALLOC_DOUBLE_FREE' });
  region.close();
});

test('a region takes no chunk before its first Buffer, and more chunks than one when it needs them', (t) => {
  const region = new Region({ maxBytes: 32 * MiB, chunkSize: MiB });
  t.like(region.stats(), { reserved: 0, chunks: 0, taken: 0 });
  const all = Array.from({ length: 100 }, () => region.allocUnsafe(100_000));
  const { chunks, reserved, used } = region.stats();
  t.true(chunks > 5 && used >= 10_000_000 && reserved < 12 * MiB);
  for (const buffer of all) region.free(buffer);
  t.is(region.collect().chunks, chunks);
  t.like(region.stats(), { reserved: 0, chunks: 0 });
  soundRegion(t, region);
  region.close();
});

test('everything counts toward the limit, records too', (t) => {
  const maxBytes = 2 * MiB;
  for (const [size, part] of [
    [16, 0.28], // and 32 B for its record
    [112, 0.7],
    [5000, 0.9],
    [200_000, 0.7], // the ends of chunks are too small
  ]) {
    const region = new Region({ maxBytes });
    const all = [];
    for (let one = region.tryAllocUnsafe(size); one !== null; ) {
      all.push(one);
      one = region.tryAllocUnsafe(size);
    }
    const { taken, reserved, metadata, used, failed } = region.stats();
    t.true(taken <= maxBytes && taken === reserved + metadata, `${size}: ${taken}`);
    t.true(used > part * maxBytes, `${size}: ${used} of ${maxBytes}`);
    t.is(failed, 1);
    const error = t.throws(() => region.alloc(size), { code: 'ERR_RALLOC_LIMIT' });
    t.like(error, { requested: size, limit: maxBytes, used: taken, option: 'maxBytes' });
    t.regex(error.message, /taken \(.* in \d+ Buffers, .* of records.*or free Buffers first/);
    soundRegion(t, region);
    for (const one of all) region.free(one);
    region.collect();
    t.like(region.stats(), { taken: 0, metadata: 0 });
    const other = region.alloc(MiB);
    t.is(other.length, MiB);
    region.close({ force: true });
  }
});

test('at the limit chunks that are free as a whole make room for another shape', (t) => {
  const region = new Region({ maxBytes: 4 * MiB });
  const small = [];
  for (let one = region.tryAlloc(50_000); one !== null; one = region.tryAlloc(50_000))
    small.push(one);
  t.true(small.length > 60);
  t.is(region.tryAlloc(2 * MiB), null);
  for (const one of small) region.free(one);
  const large = [region.alloc(2 * MiB), region.alloc(MiB)];
  for (const one of large) region.free(one);
  for (let i = 0; i < 60; i++) t.is(region.alloc(50_000).length, 50_000);
  soundRegion(t, region);
  region.close({ force: true });
});

test('[Symbol.dispose]() of a Buffer frees it, and of a region closes it', (t) => {
  const region = new Region();
  const buffer = region.alloc(10);
  buffer[Symbol.dispose]();
  buffer[Symbol.dispose]();
  t.is(region.stats().held, 0);
  const other = region.alloc(10);
  region[Symbol.dispose]();
  region[Symbol.dispose]();
  t.is(other.length, 0, 'its memory is gone');
  t.like(region.stats(), { live: false, taken: 0, reserved: 0, held: 0 });
  other[Symbol.dispose]();
});

test('a region is closed when nothing of it is in use, or by force', (t) => {
  const region = new Region();
  const [small, large] = [region.alloc(10), region.alloc(2 * MiB)];
  const error = t.throws(() => region.close(), { code: 'ERR_RALLOC_IN_USE' });
  t.is(error.inUse, 2);
  t.true(region.stats().live);
  region.close({ force: true });
  t.deepEqual([small.length, large.length], [0, 0]);
  region.close();
  t.throws(() => region.alloc(1), { code: 'ERR_RALLOC_CLOSED' });
  t.throws(() => region.tryAllocUnsafe(1), { code: 'ERR_RALLOC_CLOSED' });
  t.throws(() => region.free(small), { code: 'ERR_RALLOC_CLOSED' });
  t.throws(() => region.collect(), { code: 'ERR_RALLOC_CLOSED' });
  t.false(region.owns(small));
});

test('a Buffer with a chunk of its own is dead when it is freed; others keep bytes until these are used again', (t) => {
  const region = new Region();
  const large = region.alloc(MiB, 7);
  const view = large.subarray(10);
  const small = region.alloc(100, 7);
  region.free(large);
  region.free(small);
  t.deepEqual([large.length, view.length, small.length], [0, 0, 100]);
  t.is(small[0], 7);
  t.is(region.alloc(100).byteOffset, small.byteOffset);
  t.is(small[0], 0);
  region.close({ force: true });
});

test('a region tells itself in a line', (t) => {
  const region = new Region({ name: 'cache', maxBytes: 8 * MiB });
  region.alloc(1000);
  const line = `Region 'cache' { live, 1 Buffer, 1008 B of 256 KiB used, at most 8 MiB, ${backend} }`;
  t.is(inspect(region), line);
  t.is(region.name, 'cache');
  region.close({ force: true });
  t.regex(inspect(region), /closed, 0 Buffers/);
  t.is(inspect(Object.create(region)), 'Region {}');
});

/** A worker with a region of its own, from which it gives a Buffer away. */
const OF_WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const region = new (require(workerData).Region)();
  for (let i = 0; i < 100; i++) region.alloc(100 * i, 5);
  const buffer = region.alloc(3000, 7);
  parentPort.postMessage({ buffer, held: region.stats().held }, [buffer.buffer]);
  parentPort.on('message', () => {}); // keeps it alive`;

test('a worker has regions of its own, that end with it, but for what it has transferred', async (t) => {
  const region = new Region();
  const mine = stamp(region.alloc(5000), 1);
  const worker = new Worker(OF_WORKER, { eval: true, workerData: require.resolve('../..') });
  const [{ buffer, held }] = await once(worker, 'message');
  await worker.terminate();
  t.is(held, 100);
  t.true(buffer.length === 3000 && buffer.every((byte) => byte === 7));
  t.true(isStamped(mine, 1));
  t.is(region.stats().held, 1);
  region.close({ force: true });
});
