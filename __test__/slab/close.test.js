'use strict';
// tier: run-time

// The end of a slab; and memory that somebody takes away from under it.

const test = require('ava');
const { randomFill } = require('node:crypto');
const { promisify } = require('node:util');
const { MessageChannel, markAsUntransferable } = require('node:worker_threads');
const { Slab } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { isNative, nativeTest, nodeMajor } = require('../helpers/backend.js');
const { addsUp, takeAll } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { steal } = require('../helpers/theft.js');
const { gc, untilCollected } = require('../helpers/until.js');

const MiB = 2 ** 20;
const sharedTest = (title, body) => nativeTest(title, 'a slab stays in its thread', body);

for (const { title, isShared, make: makeKind } of modes) {
  const make = (options) => makeKind({ sizes: [64, 4096], count: 8, ...options });

  test(`${title}: close() refuses while Buffers are in use, with their number`, (t) => {
    const slab = make();
    const buffers = [slab.alloc(1), slab.alloc(100), slab.alloc(0)];
    const before = slab.stats();
    const refuses = (are) => ({
      code: 'ERR_RALLOC_IN_USE',
      message: `${are} in use. Free all Buffers first, or close({ force: true })`,
    });
    t.is(t.throws(() => slab.close(), refuses('2 Buffers of the slab are')).inUse, 2);
    t.throws(() => slab.close({ force: false }), { code: 'ERR_RALLOC_IN_USE' });
    t.deepEqual(slab.stats(), before);
    slab.free(buffers.shift());
    t.is(t.throws(() => slab.close(), refuses('1 Buffer of the slab is')).inUse, 1);
    for (const buffer of buffers) slab.free(buffer);
    slab.close();
    t.notThrows(() => slab.close());
    t.notThrows(() => slab[Symbol.dispose]());
    t.is(slab.stats().live, false);
  });

  test(`${title}: every Buffer is dead after close(), and every use an error`, (t) => {
    const slab = make();
    const held = stamp(slab.alloc(10), 1);
    const freed = slab.alloc(10);
    slab.free(freed);
    const sent = slab.alloc(10);
    const token = slab.send(sent);
    slab.close({ force: true });
    for (const buffer of [held, freed, sent]) t.true(isDead(buffer));
    const uses = {
      alloc: () => slab.alloc(1),
      allocUnsafe: () => slab.allocUnsafe(4096),
      tryAlloc: () => slab.tryAlloc(1),
      tryAllocUnsafe: () => slab.tryAllocUnsafe(1),
      use: () => slab.use(1, () => t.fail()),
      handle: () => slab.handle(),
      receive: () => slab.receive(token),
      revoke: () => slab.revoke(token),
      send: () => slab.send(held),
      free: () => slab.free(held),
    };
    for (const [name, use] of Object.entries(uses)) {
      t.throws(use, { code: 'ERR_RALLOC_CLOSED', message: 'The slab is closed' }, name);
    }
    t.throws(() => slab.free(freed), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.throws(() => slab.free(Buffer.alloc(8)), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
    t.notThrows(() => slab.free(null));
    t.false(slab.owns(held));
    t.is(slab.footprint, 0);
    const { count, held: none, committed, participants, pools } = slab.stats();
    t.deepEqual([count, none, committed, participants, pools.length], [0, 0, 0, 0, 2]);
    t.is(pools[0].peak, 2, 'counters stay');
    t.deepEqual(slab.sizes, [64, 4096]);
  });

  test(`${title}: slots whose ArrayBuffer was taken are lost, the others serve on`, async (t) => {
    const slab = make({ sizes: [65536], count: 48 });
    const all = Array.from({ length: 40 }, (_, id) => stamp(slab.allocUnsafe(65536), id));
    const { buffer: ab } = all[0];
    const with0 = all.filter(({ buffer }) => buffer === ab);
    const others = all.filter(({ buffer }) => buffer !== ab);
    t.true(with0.length > 1 && others.length > 1);
    const view = await steal(all[0]);
    t.true(isStamped(Buffer.from(view.buffer, view.byteOffset, 65536), 0), 'who took it has it');
    t.true(with0.every(isDead));
    for (const buffer of with0) slab.free(buffer);
    t.throws(() => slab.free(with0[0]), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    addsUp(t, slab);
    t.true(slab.stats().stolen >= with0.length);
    others.forEach((buffer) => {
      t.true(isStamped(buffer, all.indexOf(buffer)));
    });
    const rest = takeAll(slab, 65536);
    t.true(rest.length > 0 && rest.every((buffer) => buffer.buffer !== ab && buffer.length > 0));
    const { stolen, held, count } = slab.stats();
    t.is(held, others.length + rest.length);
    t.is(stolen + held, count);
    t.throws(() => slab.alloc(1), { code: 'ERR_RALLOC_EXHAUSTED' });
    for (const buffer of [...others, ...rest]) slab.free(buffer);
    addsUp(t, slab);
    slab.close();
    t.true(isStamped(Buffer.from(view.buffer, view.byteOffset, 65536), 0), 'also after close()');
  });

  test(`${title}: a Buffer that was taken cannot be sent, and can be freed`, async (t) => {
    const slab = make({ sizes: [4096] });
    const buffer = slab.alloc(10);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, [buffer.buffer]);
    port1.close();
    port2.close();
    if (buffer.length > 0) {
      // Node 20 copies what was never transferred before.
      t.is(process.versions.node.split('.')[0], '20');
      await steal(buffer);
    }
    t.true(isDead(buffer));
    const error = t.throws(() => slab.send(buffer), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
    t.regex(error.message, /transferred away/);
    slab.free(buffer);
    t.is(slab.stats().held, 0);
    t.throws(() => slab.alloc(1), { code: 'ERR_RALLOC_EXHAUSTED' }, 'all slots lay there');
    slab.close();
  });

  test(`${title}: a Buffer that was sent stays sent when its memory is taken meanwhile`, async (t) => {
    const slab = make({ sizes: [4096] });
    const [sent, other] = [slab.alloc(10), slab.alloc(10)];
    const token = slab.send(sent);
    await steal(other);
    slab.free(other);
    for (const method of ['receive', 'revoke', 'receive']) {
      const error = t.throws(() => slab[method](token), { code: 'ERR_RALLOC_CLOSED' });
      t.regex(error.message, /transferred away/);
    }
    addsUp(t, slab);
    // Of a shared slab others have those that were free.
    t.like(slab.stats(), { held: 0, sent: 1, stolen: isShared ? 1 : 7 });
    slab.close();
  });
}

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: a growing slab replaces what was taken`, async (t) => {
    const slab = new Slab({ sizes: [4096], maxCount: 2048, safety });
    const buffer = slab.alloc(10);
    await steal(buffer);
    slab.free(buffer);
    const next = slab.alloc(10);
    t.is(next.length, 10);
    t.not(next.buffer, buffer.buffer);
    addsUp(t, slab);
    t.is(slab.stats().stolen, 256);
    slab.alloc(10);
    t.is(slab.stats().pools[0].peak, 2, 'stolen slots are not held');
    slab.close({ force: true });
  });
}

nativeTest('the memory of a slab goes back after close()', 'V8 frees it', async (t) => {
  const { code, stderr, result } = await run('slab/memory.js');
  t.is(code, 0, stderr);
  t.true(result.used > 100, `${result.used} MB more in use`);
  t.true(result.left < result.used / 4, `${result.left} of ${result.used} MB are left`);
});

test('a slab that nobody has any more is collected, timers and all', async (t) => {
  let collected = 0;
  const deaths = new FinalizationRegistry(() => collected++);
  const leave = () => {
    const slab = new Slab({ sizes: [64], maxCount: 100, idleMs: 20, warnAfterMs: 10_000 });
    slab.alloc(10);
    deaths.register(slab);
  };
  for (let i = 0; i < 3; i++) leave();
  await untilCollected(() => collected === 3);
  t.is(collected, 3);
});

// From Node 24 on transfer() refuses it. On 22 it is detached all the same, and on 20 by Node-API, which has
// no say on the fallback.
const canMark = nodeMajor < 22 ? !isNative : nodeMajor >= 24;

test('markAsUntransferable on the ArrayBuffer keeps close() from nothing', (t) => {
  const slab = new Slab({ sizes: [64], count: 8 });
  const buffer = slab.alloc(4);
  buffer.write('kept');
  markAsUntransferable(buffer.buffer);
  slab.close({ force: true });
  t.false(slab.stats().live);
  t.is(buffer.toString(), canMark ? 'kept' : '');
});

sharedTest('a Buffer that cannot be detached keeps its slot after close()', (t) => {
  const slab = new Slab({ sizes: [64], count: 8 });
  const other = Slab.attach(slab.handle());
  const buffer = slab.alloc(4);
  buffer.write('kept');
  markAsUntransferable(buffer.buffer);
  slab.close({ force: true });
  const all = takeFilled(other);
  t.is(all.length, canMark ? 7 : 8);
  t.is(buffer.toString(), canMark ? 'kept' : '');
  buffer.write('mine');
  t.true(all.every((one) => isFilled(one)));
  other.close({ force: true });
});

test('slabs that are made and closed in one stretch of JavaScript pile up nothing', async (t) => {
  const { code, signal, stderr, result } = await run('slab/made-and-closed.js', { args: ['800'] });
  t.deepEqual([code, signal], [0, null], stderr);
  const { ranges, retained, dead } = result;
  t.log(`${ranges} more ranges of memory, ${retained} bytes of addresses kept`);
  t.true(dead);
  // V8's own heap grows by some 200.
  t.true(ranges < 500, 'a slab, which has four, leaves none');
  t.true(retained < 2 ** 20, 'later slabs use the addresses of earlier ones');
});

test('a slab may be closed with operations of the thread pool in flight', async (t) => {
  const bystander = new Slab({ sizes: [MiB], count: 4 });
  const mine = Array.from({ length: 4 }, (_, id) => stamp(bystander.alloc(MiB), id));
  const operations = [];
  const buffers = [];
  for (let round = 0; round < 8; round++) {
    const slab = new Slab({ sizes: [MiB], count: 8 });
    for (let i = 0; i < 8; i++) {
      const buffer = slab.alloc(MiB);
      buffers.push(buffer);
      operations.push(promisify(randomFill)(buffer));
    }
    slab.close({ force: true });
    const next = new Slab({ sizes: [4096], count: 2048 });
    next.free(next.alloc(4096));
    next.close();
    // The finalizers of what was detached come in the midst of it.
    if (round % 4 === 3) await new Promise((resolve) => setImmediate(() => resolve(gc())));
  }
  await Promise.all(operations);
  t.true(mine.every(isStamped));
  t.true(buffers.every(isDead));
  bystander.close({ force: true });
});

// Whoever still sees a slot has it: no other thread gets it, however long the slab is closed or forgotten. A second
// part of the same thread stands for the other thread; what differs where a thread ends is in workers.test.js.

/** All that a slab can give, filled. */
const takeFilled = (slab) => takeAll(slab).map((buffer) => buffer.fill(0xee));

const asBuffer = ({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length);
const isFilled = (buffer, value = 0xee) => buffer.every((byte) => byte === value);

// What a mapping is of makes no difference to its ArrayBuffers.
const shared = modes.filter(({ kind, safety }) => {
  return kind === 'attached' || (kind === 'opened by name' && safety === 'checked');
});

for (const { title: mode, make } of shared) {
  sharedTest(
    `${mode}: what a view shows is nobody else’s after its slab was collected`,
    async (t) => {
      let view;
      const leave = () => {
        const slab = make({ sizes: [4096], count: 4 });
        const buffer = stamp(slab.alloc(4096), 1);
        view = new Uint8Array(buffer.buffer, buffer.byteOffset, 4096);
        return Slab.attach(slab.handle());
      };
      const other = leave();
      await untilCollected(() => other.stats().participants === 1);
      const all = takeFilled(other);
      t.true(all.length < 4, `${all.length} of 4`);
      t.is(other.stats().elsewhere, 4 - all.length);
      t.true(isStamped(asBuffer(view), 1));
      view.fill(0);
      t.true(all.every((buffer) => isFilled(buffer)));
      view = undefined;
      await untilCollected(() => other.stats().elsewhere === 0);
      t.is(all.length + takeFilled(other).length, 4, 'it comes back with the view');
      addsUp(t, other);
      other.close({ force: true });
    },
  );

  // Of four slots none is cached: a free goes past the magazine.
  const cases = [48, 4].flatMap((count) => [false, true].map((freed) => ({ count, freed })));
  for (const { count, freed } of cases) {
    const title = `${mode}: who took an ArrayBuffer of ${count} slots has them alone after close(), ${freed ? '' : 'not '}freed before`;
    sharedTest(title, async (t) => {
      const slab = make({ sizes: [65536], count });
      const other = Slab.attach(slab.handle());
      const buffer = stamp(slab.alloc(65536), 1);
      const bystander = slab.alloc(65536);
      let stolen = asBuffer(await steal(buffer));
      t.is(buffer.length, 0);
      if (freed) for (const one of [buffer, bystander]) slab.free(one);
      slab.close({ force: !freed });
      t.is(other.stats().participants, 1);
      const all = takeFilled(other);
      t.true(isStamped(stolen, 1));
      stolen.fill(0);
      t.true(all.every((one) => isFilled(one)));
      const { elsewhere } = other.stats();
      t.is(elsewhere, count - all.length);
      t.true(elsewhere > 0 && elsewhere < 16, `${elsewhere} slots are withheld`);
      stolen = undefined;
      await untilCollected(() => other.stats().elsewhere === 0);
      t.is(all.length + takeFilled(other).length, count);
      other.close({ force: true });
    });
  }
}

sharedTest('close() gives every slot back at once, before any collection', (t) => {
  const slab = new Slab({ sizes: [64, 65536], count: [1000, 48] });
  const other = Slab.attach(slab.handle());
  for (let i = 0; i < 20; i++) slab.alloc(65536 >> (i % 2 === 0 ? 0 : 10));
  slab.close({ force: true });
  t.like(other.stats(), { free: 1048, elsewhere: 0 });
  other.close();
});

sharedTest('an operation in flight at close() writes into nobody else’s slots', async (t) => {
  const slab = new Slab({ sizes: [2 ** 20], count: 16 });
  const other = Slab.attach(slab.handle());
  const fill = promisify(randomFill);
  // More of them than the pool has threads: some begin after the close.
  const running = Array.from({ length: 16 }, () => fill(slab.alloc(2 ** 20)));
  slab.close({ force: true });
  const all = takeFilled(other);
  t.is(all.length, 16);
  await Promise.allSettled(running);
  const expected = Buffer.alloc(2 ** 20, 0xee);
  t.true(all.every((buffer) => buffer.equals(expected)));
  other.close({ force: true });
});

sharedTest(
  'a slab that all have closed is attached no more, whoever still sees its memory',
  async (t) => {
    const slab = new Slab({ sizes: [4096], count: 4 });
    const handle = slab.handle();
    const stolen = asBuffer(await steal(stamp(slab.alloc(4096), 1)));
    slab.close({ force: true });
    t.throws(() => Slab.attach(handle), { code: 'ERR_RALLOC_CLOSED' });
    t.true(isStamped(stolen, 1));
  },
);
