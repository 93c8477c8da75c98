'use strict';
// tier: run-time

// Whoever still sees a slot has it: no other thread gets it, however long the slab is closed or forgotten. A second
// part of the same thread stands for the other thread; what differs where a thread ends is in workers.test.js.

const { nativeTest, nodeMajor } = require('../helpers/backend.js');
const { randomFill } = require('node:crypto');
const { promisify } = require('node:util');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { steal } = require('../helpers/theft.js');
const { untilCollected } = require('../helpers/until.js');

const test = (title, body) => nativeTest(title, 'a slab stays in its thread', body);

/** All that a slab can give, filled. */
function takeAll(slab, value = 0xee) {
  const size = slab.sizes[0];
  const all = [];
  for (let one = slab.tryAlloc(size); one !== null; one = slab.tryAlloc(size)) all.push(one);
  for (const buffer of all) buffer.fill(value);
  return all;
}

const asBuffer = ({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length);
const isFilled = (buffer, value = 0xee) => buffer.every((byte) => byte === value);

for (const { title: mode, make } of modes.filter(({ isShared }) => isShared)) {
  test(`${mode}: what a view shows is nobody else’s after its slab was collected`, async (t) => {
    let view;
    const leave = () => {
      const slab = make({ sizes: [4096], count: 4 });
      const buffer = stamp(slab.alloc(4096), 1);
      view = new Uint8Array(buffer.buffer, buffer.byteOffset, 4096);
      return Slab.attach(slab.handle());
    };
    const other = leave();
    await untilCollected(() => other.stats().participants === 1);
    const all = takeAll(other);
    t.true(all.length < 4, `${all.length} of 4`);
    t.is(other.stats().elsewhere, 4 - all.length);
    t.true(isStamped(asBuffer(view), 1));
    view.fill(0);
    t.true(all.every((buffer) => isFilled(buffer)));
    view = undefined;
    await untilCollected(() => other.stats().elsewhere === 0);
    t.is(all.length + takeAll(other).length, 4, 'it comes back with the view');
    addsUp(t, other);
    other.close({ force: true });
  });

  // Of four slots none is cached: a free goes past the magazine.
  const cases = [48, 4].flatMap((count) => [false, true].map((freed) => ({ count, freed })));
  for (const { count, freed } of cases) {
    const title = `${mode}: who took an ArrayBuffer of ${count} slots has them alone after close(), ${freed ? '' : 'not '}freed before`;
    test(title, async (t) => {
      const slab = make({ sizes: [65536], count });
      const other = Slab.attach(slab.handle());
      const buffer = stamp(slab.alloc(65536), 1);
      const bystander = slab.alloc(65536);
      let stolen = asBuffer(await steal(buffer));
      t.is(buffer.length, 0);
      if (freed) for (const one of [buffer, bystander]) slab.free(one);
      slab.close({ force: !freed });
      t.is(other.stats().participants, 1);
      const all = takeAll(other);
      t.true(isStamped(stolen, 1));
      stolen.fill(0);
      t.true(all.every((one) => isFilled(one)));
      const { elsewhere } = other.stats();
      t.is(elsewhere, count - all.length);
      t.true(elsewhere > 0 && elsewhere < 16, `${elsewhere} slots are withheld`);
      stolen = undefined;
      await untilCollected(() => other.stats().elsewhere === 0);
      t.is(all.length + takeAll(other).length, count);
      other.close({ force: true });
    });
  }
}

test('close() gives every slot back at once, before any collection', (t) => {
  const slab = new Slab({ sizes: [64, 65536], count: [1000, 48] });
  const other = Slab.attach(slab.handle());
  for (let i = 0; i < 20; i++) slab.alloc(65536 >> (i % 2 === 0 ? 0 : 10));
  slab.close({ force: true });
  t.like(other.stats(), { free: 1048, elsewhere: 0 });
  other.close();
});

test('an operation in flight at close() writes into nobody else’s slots', async (t) => {
  const slab = new Slab({ sizes: [2 ** 20], count: 16 });
  const other = Slab.attach(slab.handle());
  const fill = promisify(randomFill);
  // More of them than the pool has threads: some begin after the close.
  const running = Array.from({ length: 16 }, () => fill(slab.alloc(2 ** 20)));
  slab.close({ force: true });
  const all = takeAll(other);
  t.is(all.length, 16);
  await Promise.allSettled(running);
  const expected = Buffer.alloc(2 ** 20, 0xee);
  t.true(all.every((buffer) => buffer.equals(expected)));
  other.close({ force: true });
});

test('a slab that all have closed is attached no more, whoever still sees its memory', async (t) => {
  const slab = new Slab({ sizes: [4096], count: 4 });
  const handle = slab.handle();
  const stolen = asBuffer(await steal(stamp(slab.alloc(4096), 1)));
  slab.close({ force: true });
  t.throws(() => Slab.attach(handle), { code: 'ERR_RALLOC_CLOSED' });
  t.true(isStamped(stolen, 1));
});

test('a Buffer that cannot be detached keeps its slot after close()', async (t) => {
  const { code, signal, stderr, result } = await run('slab/untransferable-shared.js');
  t.deepEqual([code, signal], [0, null], stderr);
  const detached = nodeMajor < 24;
  t.deepEqual(result, {
    bytes: detached ? '' : 'kept',
    after: detached ? '' : 'kept',
    others: detached ? 8 : 7,
    intact: true,
  });
});
