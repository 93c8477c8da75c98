'use strict';
// tier: run-time

// The end of a slab; and memory that somebody takes away from under it.

const test = require('ava');
const { MessageChannel } = require('node:worker_threads');
const { Slab } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { isNative, nativeTest, nodeMajor } = require('../helpers/backend.js');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { steal } = require('../helpers/theft.js');
const { untilCollected } = require('../helpers/until.js');

for (const { title, isShared, make: makeKind } of modes) {
  const make = (options) => makeKind({ sizes: [64, 4096], count: 8, ...options });

  test(`${title}: close() refuses while Buffers are in use, with their number`, (t) => {
    const slab = make();
    const buffers = [slab.alloc(1), slab.alloc(100), slab.alloc(0)];
    const before = slab.stats();
    const error = t.throws(() => slab.close(), { code: 'ERR_RALLOC_IN_USE' });
    t.is(error.inUse, 2);
    t.throws(() => slab.close({ force: false }), { code: 'ERR_RALLOC_IN_USE' });
    t.deepEqual(slab.stats(), before);
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
      t.throws(use, { code: 'ERR_RALLOC_CLOSED' }, name);
    }
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
    const rest = [];
    for (let one = slab.tryAlloc(65536); one !== null; one = slab.tryAlloc(65536)) rest.push(one);
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

test('markAsUntransferable on the ArrayBuffer keeps close() from nothing', async (t) => {
  const { code, signal, stderr, result } = await run('slab/untransferable.js');
  t.deepEqual([code, signal], [0, null], stderr);
  // From Node 24 on transfer() refuses it. On 22 it is detached all the same, and on 20 by Node-API, which has
  // no say on the fallback.
  const detached = nodeMajor < 22 ? isNative : nodeMajor < 24;
  const bytes = detached ? '' : 'kept';
  t.deepEqual(result, { live: false, bytes });
});

test('slabs that are made and closed in one stretch of JavaScript pile up nothing', async (t) => {
  // At four ranges for each, as many as the kernel allows were reached after 12,000.
  const { code, signal, stderr, result } = await run('slab/made-and-closed.js', {
    args: ['16000'],
  });
  t.deepEqual([code, signal], [0, null], stderr);
  const { ranges, retained, dead } = result;
  t.log(`${ranges} more ranges of memory, ${retained} bytes of addresses kept`);
  t.true(dead);
  // V8's own heap grows by some 200.
  t.true(ranges < 500, 'a slab leaves none');
  t.true(retained < 2 ** 20, 'later slabs use the addresses of earlier ones');
});

test('a slab may be closed with operations of the thread pool in flight', async (t) => {
  const { code, signal, stderr, result } = await run('slab/closed-in-flight.js');
  t.deepEqual([code, signal], [0, null], stderr);
  t.deepEqual(result, { errors: [], intact: true, dead: true });
});
