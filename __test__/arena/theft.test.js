'use strict';
// tier: run-time

const test = require('ava');
const { MessageChannel, markAsUntransferable } = require('node:worker_threads');
const { once } = require('node:events');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { steal } = require('../helpers/theft.js');
const { nativeTest } = require('../helpers/backend.js');
const { untilCollected } = require('../helpers/until.js');
const { closing } = require('../helpers/sources.js');

const KiB = 1024;

const asBuffer = ({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length);

/** Uses a lot of the arena's memory, over resets: none of it may be `loot`. */
function useAgain(t, arena, loot, id) {
  for (let i = 0; i < 50; i++) {
    for (let k = 0; k < 10; k++) arena.allocUnsafe(10 * KiB).fill(0xee);
    arena.reset();
  }
  t.true(isStamped(asBuffer(loot), id), 'stolen memory was used again');
}

/** What takes the ArrayBuffer under a Buffer, and where its bytes are then. */
const thefts = {
  'a stream of bytes': steal,
  async 'a BYOB read'(buffer) {
    const bytes = Buffer.from(buffer);
    const stream = new ReadableStream({
      type: 'bytes',
      pull({ byobRequest }) {
        byobRequest.view.set(bytes);
        byobRequest.respond(bytes.length);
      },
    });
    return (await stream.getReader({ mode: 'byob' }).read(buffer)).value;
  },
  'structuredClone()': ({ buffer, byteOffset, length }) =>
    Buffer.from(structuredClone(buffer, { transfer: [buffer] }), byteOffset, length),
  async 'a port, from which it comes back'({ buffer, byteOffset, length }) {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, [buffer]);
    const [ab] = await once(port2, 'message');
    port1.close();
    return Buffer.from(ab, byteOffset, length);
  },
};

for (const [what, take] of Object.entries(thefts)) {
  test(`${what} that takes a Buffer takes its chunk, and the arena goes on with another`, async (t) => {
    const arena = closing(t);
    arena.alloc(10);
    // On Node 22 and later only an ArrayBuffer that was transferred before can be: after a reset it was.
    arena.reset();
    const other = arena.alloc(100);
    const buffer = stamp(arena.alloc(1000), 1);
    const loot = await take(buffer);
    t.is(isDead(other), isDead(buffer), 'on Node 20 some are given a copy');
    t.true(isStamped(asBuffer(loot), 1));
    t.false(arena.owns(loot));
    const next = stamp(arena.alloc(100), 2);
    t.true(isStamped(next, 2));
    t.true(arena.stats().live);
    useAgain(t, arena, loot, 1);
  });
}

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
    for (const wipe of [false, true]) {
      const arena = new Arena({ wipe });
      await steal(arena.alloc(100));
      t.is(way(arena).length, 8, name);
      t.notThrows(() => arena.stats(), name);
      arena.close();
    }
  }
});

test('a theft between a checkpoint and its rewind is survived, on either side', async (t) => {
  const arena = closing(t);
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
});

test("a theft in a scope is the scope's", async (t) => {
  const arena = closing(t);
  const outside = stamp(arena.alloc(100), 1);
  await arena.scope(async (child) => {
    await steal(child.alloc(100));
    t.is(child.alloc(100).length, 100);
  });
  t.true(isStamped(outside, 1));
});

test('memory can be stolen while it is held, and while it expires', async (t) => {
  const arena = closing(t);
  const buffer = stamp(arena.alloc(1000), 1);
  const hold = arena.hold();
  arena.reset();
  const loot = await steal(buffer);
  hold.release();
  t.is(arena.stats().memory.held, 0);
  useAgain(t, arena, loot, 1);
});

for (const safety of ['gc', 'recycle']) {
  test(`in ${safety} mode memory that is stolen through a stale Buffer is never used again`, async (t) => {
    const arena = closing(t, { safety });
    const stale = [1000, 100_000].map((size, i) => stamp(arena.alloc(size), i));
    arena.reset();
    const loot = await Promise.all(stale.map(steal));
    for (const size of [1000, 100_000]) t.is(arena.alloc(size).length, size);
    for (const [i, one] of loot.entries()) useAgain(t, arena, one, i);
  });
}

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

test('markAsUntransferable does not end the process, nor when it exits, and its memory is not used again while it is seen', async (t) => {
  const { code, signal, stderr, result } = await run('arena/untransferable.js');
  t.deepEqual([code, signal], [0, null], stderr);
  t.deepEqual(result, { safe: true, rounds: 3 });
});

test('an untransferable chunk comes back when it is collected', async (t) => {
  const arena = closing(t, { maxBytes: 736 * KiB }); // no other test's settings
  const mark = () => markAsUntransferable(arena.alloc(100).buffer);
  mark();
  arena.reset();
  t.is(arena.alloc(100).length, 100);
  await untilCollected(() => arena.stats().memory.quarantined === 0);
  t.is(arena.stats().memory.used, 64 * KiB, 'what the second Buffer is in, and no more');
});
