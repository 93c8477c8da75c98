'use strict';
// tier: run-time

const test = require('ava');
const { Worker, MessageChannel, markAsUntransferable } = require('node:worker_threads');
const { once } = require('node:events');
const { join } = require('node:path');
const { Arena } = require('../..');
const { stamp, stamped, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { steal } = require('../helpers/theft.js');
const { nativeTest } = require('../helpers/backend.js');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;

/** Uses a lot of the arena's memory, over resets: none of it may be `loot`. */
function useAgain(t, arena, loot, id) {
  for (let i = 0; i < 50; i++) {
    for (let k = 0; k < 10; k++) arena.allocUnsafe(10 * KiB).fill(0xee);
    arena.reset();
  }
  t.true(isStamped(loot, id), 'stolen memory was used again');
}

test('a stream of bytes that takes a Buffer takes its chunk, and the arena goes on with another', async (t) => {
  const arena = new Arena();
  const other = arena.alloc(100);
  const loot = await steal(stamp(arena.alloc(1000), 1));
  t.true(isDead(other));
  t.true(isStamped(Buffer.from(loot.buffer, loot.byteOffset, loot.length), 1));
  const next = stamp(arena.alloc(100), 2);
  t.true(isStamped(next, 2));
  t.is(arena.stats().live, true);
  useAgain(t, arena, Buffer.from(loot.buffer, loot.byteOffset, loot.length), 1);
  arena.close();
});

test('a BYOB read takes the chunk of its Buffer', async (t) => {
  const arena = new Arena();
  const other = arena.alloc(100);
  const stream = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const { view } = controller.byobRequest;
      stamp(view, 1);
      controller.byobRequest.respond(view.byteLength);
    },
  });
  const { value } = await stream.getReader({ mode: 'byob' }).read(arena.alloc(1000));
  t.true(isDead(other));
  const loot = Buffer.from(value.buffer, value.byteOffset, value.length);
  useAgain(t, arena, loot, 1);
  arena.close();
});

test('structuredClone with a transfer list takes the chunk', (t) => {
  const arena = new Arena();
  arena.alloc(10);
  // On Node 22 and later only an ArrayBuffer that was transferred before can be: after a reset it was.
  arena.reset();
  const buffer = stamp(arena.alloc(1000), 1);
  const { byteOffset } = buffer;
  const loot = structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  const next = stamp(arena.alloc(1000), 2);
  t.true(isStamped(next, 2));
  useAgain(t, arena, Buffer.from(loot, byteOffset, 1000), 1);
  arena.close();
});

test('every way to allocate notices a theft', async (t) => {
  const ways = {
    alloc: (arena) => arena.alloc(8),
    allocUnsafe: (arena) => arena.allocUnsafe(8),
    from: (arena) => arena.from('12345678'),
    concat: (arena) => arena.concat([Buffer.alloc(8)]),
    array: (arena) => arena.array(Uint8Array, 8),
    reserve: (arena) => arena.reserve(8) ?? arena.alloc(8),
    scope: (arena) => arena.copyOut(arena.scope((child) => child.copyOut(child.alloc(8)))),
    checkpoint: (arena) => {
      arena.checkpoint();
      return arena.alloc(8);
    },
    reset: (arena) => {
      arena.reset();
      return arena.alloc(8);
    },
  };
  for (const [name, way] of Object.entries(ways)) {
    const arena = new Arena();
    await steal(arena.alloc(100));
    t.is(way(arena).length, 8, name);
    t.notThrows(() => arena.stats(), name);
    arena.close();
  }
});

test('a theft between a checkpoint and its rewind is survived, on either side', async (t) => {
  const arena = new Arena();
  const before = arena.alloc(100);
  const mark = arena.checkpoint();
  const since = arena.alloc(100);
  await steal(before);
  arena.rewind(mark);
  t.true(isDead(since));
  const second = arena.checkpoint();
  const kept = stamp(arena.alloc(100), 3);
  const inner = arena.checkpoint();
  await steal(arena.alloc(100));
  arena.rewind(inner);
  t.true(isStamped(kept, 3));
  arena.rewind(second);
  t.true(isDead(kept));
  t.is(arena.alloc(100).length, 100);
  arena.close();
});

test("a theft in a scope is the scope's", async (t) => {
  const arena = new Arena();
  const outside = stamp(arena.alloc(100), 1);
  await arena.scope(async (child) => {
    await steal(child.alloc(100));
    t.is(child.alloc(100).length, 100);
  });
  t.true(isStamped(outside, 1));
  arena.close();
});

test('memory can be stolen while it is held, and while it expires', async (t) => {
  const arena = new Arena();
  const buffer = stamp(arena.alloc(1000), 1);
  const hold = arena.hold();
  arena.reset();
  const loot = await steal(buffer);
  hold.release();
  t.is(arena.stats().memory.held, 0);
  useAgain(t, arena, Buffer.from(loot.buffer, loot.byteOffset, 1000), 1);
  arena.close();
});

for (const safety of ['gc', 'recycle']) {
  test(`in ${safety} mode stolen memory is never used again`, async (t) => {
    const arena = new Arena({ safety });
    const stale = stamp(arena.alloc(1000), 1);
    arena.reset();
    const loot = await steal(stale);
    useAgain(t, arena, Buffer.from(loot.buffer, loot.byteOffset, 1000), 1);
    arena.close();
  });
}

test('in recycle mode warm memory that is stolen through a stale Buffer is passed over', async (t) => {
  const arena = new Arena({ safety: 'recycle' });
  const stale = [100, 100_000].map((size, i) => stamp(arena.alloc(size), i));
  arena.reset();
  const loot = await Promise.all(stale.map(steal));
  for (const size of [100, 100_000]) t.is(arena.alloc(size).length, size);
  for (const [i, { buffer, byteOffset, length }] of loot.entries()) {
    useAgain(t, arena, Buffer.from(buffer, byteOffset, length), i);
  }
  arena.close();
});

nativeTest(
  'stolen chunks count until whoever has them lets go',
  "V8 tells nobody of the death of an ArrayBuffer that it moved: they count as somebody else's",
  async (t) => {
    const arena = new Arena();
    const loot = [await steal(arena.alloc(100))];
    arena.alloc(100);
    const { stolen, leased, used } = arena.stats().memory;
    t.is(stolen, 64 * KiB);
    t.is(used, stolen + leased);
    loot.length = 0;
    await untilCollected(() => arena.stats().memory.stolen === 0);
    t.is(arena.stats().memory.used, leased);
    arena.close();
  },
);

test('memory that was posted to a worker outlives the worker, and is never used again', async (t) => {
  const arena = new Arena();
  for (let round = 0; round < 3; round++) {
    arena.alloc(10);
    arena.reset();
    const worker = new Worker(join(__dirname, '..', 'fixtures', 'arena', 'worker-keeps.js'));
    const buffer = stamp(arena.alloc(1000), round);
    const { byteOffset } = buffer;
    worker.postMessage({ ab: buffer.buffer, byteOffset }, [buffer.buffer]);
    const [sum] = await once(worker, 'message');
    t.is(
      sum,
      stamped(1000, round).reduce((a, b) => a + b),
    );
    await worker.terminate();
    t.true(isStamped(stamp(arena.alloc(1000), 9), 9));
    for (let i = 0; i < 20; i++) {
      arena.allocUnsafe(10 * KiB).fill(i);
      arena.reset();
    }
  }
  arena.close();
});

test("a worker's own arena memory, posted to main, outlives the worker", async (t) => {
  const worker = new Worker(join(__dirname, '..', 'fixtures', 'arena', 'worker-gives.js'));
  const [{ ab, byteOffset, backend }] = await once(worker, 'message');
  await worker.terminate();
  t.is(backend, 'js');
  t.true(isStamped(Buffer.from(ab, byteOffset, 1000), 4));
});

test('a posted chunk that comes back is a stranger', async (t) => {
  const arena = new Arena();
  arena.alloc(10);
  arena.reset();
  const buffer = stamp(arena.alloc(1000), 1);
  const { byteOffset } = buffer;
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(buffer.buffer, [buffer.buffer]);
  const [ab] = await once(port2, 'message');
  const back = Buffer.from(ab, byteOffset, 1000);
  t.false(arena.owns(back));
  useAgain(t, arena, back, 1);
  t.true(isStamped(back, 1));
  port1.close();
  arena.close();
});

test('Node exits as usual while memory that is marked as untransferable is in use', async (t) => {
  const { code, signal, stderr } = await run('arena/untransferable-exit.js');
  t.deepEqual([code, signal], [0, null], stderr);
});

test('markAsUntransferable does not end the process, and its memory is not used again while it is seen', async (t) => {
  const { code, signal, stderr, result } = await run('arena/untransferable.js');
  t.deepEqual([code, signal], [0, null], stderr);
  t.deepEqual(result, { safe: true, rounds: 3 });
});

test('an untransferable chunk comes back when it is collected', async (t) => {
  const arena = new Arena({ maxBytes: 736 * KiB }); // no other test's settings
  const mark = () => markAsUntransferable(arena.alloc(100).buffer);
  mark();
  arena.reset();
  t.is(arena.alloc(100).length, 100);
  await untilCollected(() => arena.stats().memory.quarantined === 0);
  t.is(arena.stats().memory.used, 64 * KiB, 'what the second Buffer is in, and no more');
  arena.close();
});
