'use strict';
// tier: run-time

// Bad input: a typed error each, and nothing has changed but the count of frees that threw.

const test = require('ava');
const { Region, Slab } = require('../..');
const { kHolder } = require('../../lib/base/protocol.js');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { soundRegion } = require('../helpers/region.js');
const { steal } = require('../helpers/theft.js');
const { notNumbers, notSizes } = require('../helpers/values.js');

const MiB = 2 ** 20;
const DOUBLE = { code: 'ERR_RALLOC_DOUBLE_FREE' };
const FOREIGN = { code: 'ERR_RALLOC_FOREIGN_BUFFER' };
const INVALID = { code: 'ERR_RALLOC_INVALID_ARGUMENT' };

/** `act` throws, and nothing has changed but `counted` frees that were refused. */
function refused(t, region, act, expected, counted = 1) {
  const before = region.stats();
  const error = t.throws(act, expected);
  t.deepEqual(region.stats(), { ...before, refused: before.refused + counted }, error.message);
  soundRegion(t, region);
  return error;
}

test('the end of a Buffer of length 0 is not taken for that of a block, whatever the first record says', (t) => {
  const region = new Region({ chunkSize: 16_384, maxBytes: 500_000 });
  const first = region.alloc(20_000);
  const kept = [16_368, 20_000, 16_368, 16].map((size, i) => stamp(region.alloc(size), i));
  region.free(first);
  kept.push(stamp(region.alloc(16), 4)); // by the first record, in chunk 4: as many as mark a block that is held
  region.free(region.alloc(0));
  t.is(region.stats().held, kept.length);
  soundRegion(t, region);
  t.true(kept.every((buffer, i) => isStamped(buffer, i)));
  for (const buffer of kept) region.free(buffer);
  region.close();
});

for (const [kind, size] of [
  ['a block among others', 100],
  ['a block with a chunk of its own', 2 * MiB],
]) {
  test(`${kind} is freed once`, (t) => {
    const region = new Region();
    const kept = stamp(region.alloc(50), 1);
    const buffer = region.alloc(size);
    region.free(buffer);
    const error = refused(t, region, () => region.free(buffer), DOUBLE);
    t.regex(error.message, /already freed/);
    const next = stamp(region.alloc(size), 2);
    for (let i = 0; i < 20; i++) refused(t, region, () => region.free(buffer), DOUBLE);
    t.true(isStamped(next, 2) && isStamped(kept, 1));
    t.true(region.owns(next));
    region.close({ force: true });
  });

  test(`views of ${kind} are not its Buffer`, (t) => {
    const region = new Region();
    const buffer = region.alloc(size);
    const { buffer: ab, byteOffset } = buffer;
    const views = [
      buffer.subarray(),
      buffer.subarray(1),
      buffer.slice(0, 8),
      Buffer.from(ab, byteOffset, size),
      new Uint8Array(ab, byteOffset, size),
      new DataView(ab, byteOffset, size),
    ];
    for (const view of views) {
      const error = refused(t, region, () => region.free(view), FOREIGN);
      t.regex(error.message, /view of a region Buffer/);
      t.false(region.owns(view));
    }
    region.free(buffer);
    region.close();
  });
}

for (const [kind, size, count] of [
  ['a chunk of several', 1000, 3],
  ['a chunk of its own', 2 * MiB, 1],
]) {
  test(`Buffers of ${kind} that was transferred away are refused by the first call that gets one`, async (t) => {
    const make = async (options) => {
      const region = new Region(options);
      const all = Array.from({ length: count }, () => stamp(region.alloc(size), 1));
      const [{ byteOffset }] = all;
      const { buffer } = await steal(all[0]);
      return { region, all, taken: Buffer.from(buffer, byteOffset, size) };
    };
    for (const options of [{}, { guard: true }, { autoFree: true }]) {
      const freed = await make(options);
      for (const buffer of freed.all) {
        const error = t.throws(() => freed.region.free(buffer), FOREIGN);
        t.regex(error.message, /transferred away/);
        t.throws(() => buffer[Symbol.dispose](), FOREIGN);
      }
      t.like(freed.region.stats(), { held: 0, used: 0, reserved: 0, refused: 2 * count });
      freed.region.free(freed.region.alloc(size, 9));
      freed.region.collect();
      t.true(isStamped(freed.taken, 1), 'its bytes are used by nobody else');
      freed.region.close();

      const asked = await make(options);
      t.false(asked.all.some((buffer) => asked.region.owns(buffer)));
      soundRegion(t, asked.region);
      asked.region.close();

      const closed = await make(options);
      closed.region.close(); // nothing of it is in use
      t.like(closed.region.stats(), { live: false, held: 0, reserved: 0 });
    }
  });
}

test('Buffers of others are refused', (t) => {
  const region = new Region();
  const other = new Region();
  const slab = new Slab({ sizes: [64], count: 4 });
  for (const buffer of [
    Buffer.alloc(5),
    slab.alloc(5),
    new Uint8Array(3),
    new DataView(new ArrayBuffer(2)),
  ]) {
    t.regex(
      refused(t, region, () => region.free(buffer), FOREIGN).message,
      /not belong to a region/,
    );
  }
  const [mine, theirs] = [region.alloc(10), other.alloc(10)]; // of the same place
  t.regex(refused(t, region, () => region.free(theirs), FOREIGN).message, /another region/);
  t.true(other.owns(theirs));
  t.throws(() => slab.free(theirs), FOREIGN);
  t.true(region.owns(mine));
  region.free(mine);
  other.free(theirs);
  for (const one of [region, other]) one.close();
  slab.close({ force: true });
});

test('what is no Buffer is refused, and undefined is ignored', (t) => {
  const region = new Region();
  for (const value of [5, 'text', {}, [], true, Symbol('x'), 5n, () => {}, new ArrayBuffer(4)]) {
    refused(t, region, () => region.free(value), { instanceOf: TypeError, ...INVALID }, 0);
    t.false(region.owns(value));
  }
  region.free(undefined);
  region.free(null);
  t.is(region.stats().refused, 0);
  region.close();
});

test('sizes that are none', (t) => {
  const region = new Region();
  for (const method of ['alloc', 'allocUnsafe', 'tryAlloc', 'tryAllocUnsafe']) {
    for (const size of notNumbers) {
      refused(t, region, () => region[method](size), { instanceOf: TypeError, ...INVALID }, 0);
    }
    for (const size of notSizes) {
      refused(t, region, () => region[method](size), { instanceOf: RangeError, ...INVALID }, 0);
    }
  }
  region.close();
});

test('a request that can never fit changes nothing: no chunk goes back, no record is made', (t) => {
  const region = new Region({ maxBytes: 4 * MiB });
  const sizes = [4 * MiB, 64 * MiB];
  for (const round of ['new', 'with free chunks', 'with a block']) {
    const before = region.stats();
    for (const size of sizes) {
      t.regex(t.throws(() => region.alloc(size)).message, /Raise "maxBytes"$/, round);
    }
    t.deepEqual(region.stats(), { ...before, failed: before.failed + 2 }, round);
    const all = Array.from({ length: 60 }, () => region.alloc(50_000));
    for (const buffer of all) region.free(buffer);
    if (round === 'with free chunks') region.alloc(10);
  }
  const { chunks, failed, ...before } = region.stats();
  t.true(chunks > 1);
  t.is(region.tryAlloc(4_089_446), null); // one that would fit alone: beside the block there is never room
  t.like(region.stats(), { ...before, chunks, failed: failed + 1 });
  region.close({ force: true });
});

test('the error at the limit tells what would make room', (t) => {
  const message = (region) =>
    t.throws(() => region.alloc(MiB - 1), { code: 'ERR_RALLOC_LIMIT' }).message;
  const region = new Region({ maxBytes: 2 * MiB, guard: true });
  const all = [];
  for (let one = region.tryAlloc(10_000); one !== null; one = region.tryAlloc(10_000))
    all.push(one);
  t.regex(message(region), /or free Buffers first$/);
  t.notRegex(message(region), /garbage collector/);
  const ends = all.map((buffer) => buffer.buffer[kHolder].take(buffer, 'fs'));
  for (const buffer of all) region.free(buffer);
  t.regex(
    message(region),
    new RegExp(`${all.length} of them freed, and used by operations of Node`),
  );
  t.regex(message(region), /or wait for the operations$/);
  for (const end of ends) end();
  t.is(region.alloc(MiB - 1).length, MiB - 1);
  region.close({ force: true });
});

test('options that are none', (t) => {
  const wrong = [
    [{ maxBytes: 0 }, RangeError, /"options.maxBytes" is out of range/],
    [{ maxBytes: 299_007 }, RangeError, /must be an integer >= 299008, what one chunk takes/],
    [{ maxBytes: 1.5 }, RangeError, /maxBytes/],
    [{ maxBytes: Number.NaN }, RangeError, /must be an integer >= 299008, .* Received NaN/],
    [{ maxBytes: 2 ** 60 }, RangeError, /maxBytes/],
    [{ maxBytes: '1' }, TypeError, /maxBytes/],
    [{ chunkSize: 100 }, RangeError, /chunkSize/],
    [{ chunkSize: 2 ** 31 }, RangeError, /chunkSize/],
    [{ chunkSize: 16_384, maxBytes: 40_000 }, RangeError, /must be an integer >= 53248/],
    [{ autoFree: 1 }, TypeError, /autoFree/],
    [{ collectWhenIdle: 'yes' }, TypeError, /collectWhenIdle/],
    [{ guard: 'yes' }, TypeError, /guard/],
    [{ name: 5 }, TypeError, /name/],
    [{ size: 5 }, TypeError, /Unknown option "size"/],
    [5, TypeError, /options/],
    [null, TypeError, /options/],
  ];
  for (const [options, instanceOf, message] of wrong) {
    t.throws(() => new Region(options), { instanceOf, message, ...INVALID });
  }
  new Region({ maxBytes: 299_008 }).alloc(200_000);
  t.throws(() => new Region().close({ forced: true }), INVALID);
  t.throws(() => Region(), { instanceOf: TypeError });
});

test('methods are of regions alone', (t) => {
  for (const name of [
    'alloc',
    'allocUnsafe',
    'tryAlloc',
    'free',
    'owns',
    'collect',
    'stats',
    'close',
  ]) {
    t.throws(() => Region.prototype[name].call({}, 1), { instanceOf: TypeError }, name);
  }
});
