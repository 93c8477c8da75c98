'use strict';
// tier: run-time

// Operations of Node on blocks that are freed meanwhile: the option `guard`. Each hangs until the test lets it go on,
// and others take all bytes that there are and fill them.

require('../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { Writable } = require('node:stream');
const { Region } = require('../..');
const { kHolder } = require('../../lib/base/protocol.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const operations = require('../helpers/operations.js');
const { soundRegion } = require('../helpers/region.js');
const { until, untilCollected } = require('../helpers/until.js');

const MiB = 2 ** 20;
const SIZES = { 'among others': 256 * 1024, 'with a chunk of its own': 512 * 1024 }; // more than a pipe or a socket takes at once

const views = {
  'the Buffer': (buffer) => buffer,
  'a view of it': (buffer) => buffer.subarray(16),
  'a typed array over it': ({ buffer, byteOffset, length }) =>
    new Uint8Array(buffer, byteOffset, length),
};

/** All bytes that the region still has, in Buffers of this size and of smaller ones, stamped. */
function takeAll(region, most) {
  const all = [];
  for (let size = most; size >= 16; size >>= 1) {
    for (let one = region.tryAllocUnsafe(size); one !== null; one = region.tryAllocUnsafe(size)) {
      all.push(stamp(one, 100 + all.length));
    }
  }
  return all;
}

const intact = (all) => all.every((buffer, i) => isStamped(buffer, 100 + i));

for (const [name, begin] of Object.entries(operations)) {
  for (const [where, size] of Object.entries(SIZES)) {
    for (const [what, viewOf] of Object.entries(views)) {
      if (where !== 'among others' && what !== 'the Buffer') continue;
      test.serial(`${name} of ${what}, ${where}, in flight past its free`, async (t) => {
        const region = new Region({ guard: true, maxBytes: 2 * MiB, chunkSize: MiB / 2 });
        const kept = stamp(region.alloc(1000), 1);
        const buffer = stamp(region.alloc(size), 2);
        const view = viewOf(buffer);
        const before = Buffer.from(view);
        const operation = await begin(view);
        region.free(buffer);
        t.like(region.stats(), { held: 1, inFlight: 1 });
        t.throws(() => region.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
        t.false(region.owns(buffer));
        soundRegion(t, region);
        const others = takeAll(region, size);
        region.collect();
        const seen = await operation.finish();
        t.true(intact(others), 'the bytes of the others');
        if (name !== 'fs.read') t.true(before.equals(seen), 'what the operation saw');
        t.is(region.stats().inFlight, 0);
        const { used } = region.stats();
        for (const one of others) region.free(one);
        const again = takeAll(region, size);
        t.true(region.stats().used >= used && intact(again) && isStamped(kept, 1));
        soundRegion(t, region);
        region.close({ force: true });
        t.is(region.stats().taken, 0);
      });
    }
  }
}

for (const order of [
  [0, 1, 2, 3],
  [3, 2, 1, 0],
  [1, 3, 0, 2],
]) {
  test.serial(
    `a block is free when the last of several operations on it is over: ${order}`,
    (t) => {
      const region = new Region({ guard: true });
      const buffer = stamp(region.alloc(5000), 1);
      const begun = [buffer, buffer.subarray(0, 10), buffer.subarray(4990), buffer].map((view) =>
        buffer.buffer[kHolder].take(view, 'fs'),
      );
      const neighbour = region.alloc(5000);
      region.free(buffer);
      region.free(neighbour); // which no operation uses
      for (const index of order) {
        t.like(region.stats(), { held: 0, inFlight: 1 });
        begun[index]();
        begun[index]();
      }
      t.like(region.stats(), { inFlight: 0, used: 0 });
      region.close();
    },
  );
}

test.serial(
  'an operation on a Buffer that was freed is refused; where the guard is not asked for it is not',
  (t) => {
    const region = new Region({ guard: true });
    for (const size of [100, MiB]) {
      const buffer = region.alloc(size);
      const { buffer: ab } = buffer;
      region.free(buffer);
      const error = t.throws(() => ab[kHolder].take(buffer, 'fs'), {
        code: 'ERR_RALLOC_DEAD_BUFFER',
      });
      t.regex(error.message, /it was freed/);
    }
    const last = region.alloc(100);
    const { buffer: ab } = last;
    region.close({ force: true });
    const error = t.throws(() => ab[kHolder].take(last, 'fs'), { code: 'ERR_RALLOC_DEAD_BUFFER' });
    t.regex(error.message, /its region was closed/);
    const plain = new Region();
    t.is(plain.alloc(10).buffer[kHolder], undefined);
    plain.close({ force: true });
  },
);

test.serial('memory that operations use outlives the close', async (t) => {
  const region = new Region({ guard: true });
  const small = stamp(region.alloc(512 * 1024), 1);
  const large = stamp(region.alloc(2 * MiB), 2);
  const before = [small, large].map((buffer) => Buffer.from(buffer));
  const writing = [small, large].map((buffer) => operations['fs.write'](buffer));
  region.close({ force: true });
  t.like(region.stats(), { live: false, held: 0, reserved: 0 });
  t.true(region.stats().taken > 2 * MiB);
  for (const [i, { finish }] of writing.entries()) t.true((await finish()).equals(before[i]));
  await until(() => region.stats().taken === 0);
  t.deepEqual([small.length, large.length], [0, 0]);
});

test.serial('what a stream was dropped with is free once V8 has collected it', async (t) => {
  const region = new Region({ guard: true });
  (() => {
    const stream = new Writable({ write() {} }); // whose callback never comes
    const buffer = region.alloc(1000);
    stream.write(buffer);
    region.free(buffer);
  })();
  t.is(region.stats().inFlight, 1);
  await untilCollected(() => region.stats().inFlight === 0);
  region.close();
});
