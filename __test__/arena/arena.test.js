'use strict';
// tier: run-time

const test = require('ava');
const assert = require('node:assert');
const { setImmediate: turn } = require('node:timers/promises');
const { inspect } = require('node:util');
const { Arena } = require('../..');
const { nativeTest } = require('../helpers/backend.js');
const { stamp, isStamped, isZero, isDead } = require('../helpers/bytes.js');
const { gc, untilCollected } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;

test("a Buffer of an arena is one of Node's own, by every way to tell", (t) => {
  const arena = new Arena();
  const ours = arena.from('hello, arena');
  const nodes = Buffer.from('hello, arena');
  t.true(Buffer.isBuffer(ours));
  t.is(Object.getPrototypeOf(ours), Buffer.prototype);
  t.is(ours.constructor, Buffer);
  t.deepEqual(Reflect.ownKeys(ours), Reflect.ownKeys(nodes));
  t.is(inspect(ours), inspect(nodes));
  t.is(JSON.stringify(ours), JSON.stringify(nodes));
  t.notThrows(() => assert.deepStrictEqual(ours, nodes));
  t.notThrows(() => assert.deepStrictEqual(nodes, ours));
  t.deepEqual(structuredClone(new Uint8Array(ours)), structuredClone(new Uint8Array(nodes)));
  t.is(ours.subarray(7).toString(), 'arena');
  t.is(Buffer.concat([ours, nodes]).length, 24);
  arena.close();
});

test('the length of a Buffer is exactly what was asked for', (t) => {
  const arena = new Arena();
  for (const size of [1, 2, 7, 8, 9, 255, 4096, 4097, 65_535, 65_536, 65_537, 3 * MiB + 1]) {
    t.is(arena.alloc(size).length, size);
    t.is(arena.allocUnsafe(size).length, size);
  }
  arena.close();
});

test('no bytes cost nothing and hold nothing', (t) => {
  const arena = new Arena();
  const empty = arena.alloc(0);
  t.is(empty.length, 0);
  t.true(Buffer.isBuffer(empty));
  t.is(arena.allocUnsafe(-0).length, 0);
  t.is(arena.concat([]).length, 0);
  t.is(arena.from('').length, 0);
  t.is(arena.array(Float64Array, 0).length, 0);
  t.is(arena.stats().memory.used, 0);
  t.is(arena.stats().spans, 0);
  arena.close();
});

test('Buffers begin at multiples of 8, or of any power of two up to a page', (t) => {
  const byDefault = new Arena();
  for (const size of [1, 3, 8, 13, 100]) t.is(byDefault.allocUnsafe(size).byteOffset % 8, 0);
  byDefault.close();
  for (let align = 1; align <= 4096; align *= 2) {
    const arena = new Arena({ align });
    let next = 0;
    for (const size of [1, 5, 17, 4095]) {
      const buffer = arena.allocUnsafe(size);
      t.is(buffer.byteOffset, next);
      next = Math.ceil((next + size) / align) * align;
    }
    arena.close();
  }
});

test('Buffers that live at the same time never overlap', (t) => {
  const arena = new Arena({ maxBytes: 16 * MiB });
  const buffers = [];
  for (let i = 1; i <= 500; i++) buffers.push(stamp(arena.allocUnsafe((i * 37) % 9000 || 1), i));
  const changed = buffers.filter((buffer, i) => !isStamped(buffer, i + 1));
  t.deepEqual([buffers.length, changed.length], [500, 0]);
  arena.close();
});

test('alloc is zero-filled, also over memory that was dirty before a reset', (t) => {
  const arena = new Arena();
  for (let round = 0; round < 5; round++) {
    for (const size of [1, 100, 5000, 60_000, 200_000]) {
      t.true(isZero(arena.alloc(size)), `${size} bytes in round ${round}`);
      arena.allocUnsafe(size).fill(0xff);
    }
    arena.reset();
  }
  arena.close();
});

test('allocUnsafe shows what was in the memory before', (t) => {
  const arena = new Arena();
  stamp(arena.allocUnsafe(1000), 7);
  arena.reset();
  t.true(isStamped(arena.allocUnsafe(1000), 7));
  arena.close();
});

test('after a reset every Buffer is dead: length 0, reads undefined, writes ignored', (t) => {
  const arena = new Arena();
  const buffers = [1, 100, 70_000, 300_000, 2 * MiB].map((size) => arena.alloc(size));
  const view = buffers[1].subarray(10, 20);
  const array = arena.array(Float64Array, 10);
  arena.reset();
  for (const buffer of [...buffers, view, array]) t.true(isDead(buffer));
  const [buffer] = buffers;
  buffer[0] = 1;
  t.is(buffer[0], undefined);
  t.is(buffer.toString(), '');
  t.is(buffer.copy(Buffer.alloc(10)), 0);
  t.throws(() => buffer.writeUInt32LE(1, 0), { instanceOf: RangeError });
  arena.close();
});

test('memory goes round: a thousand resets take no new chunk', (t) => {
  const arena = new Arena();
  const epoch = () => {
    for (let i = 0; i < 40; i++) arena.allocUnsafe(10 * KiB);
    arena.reset();
  };
  epoch();
  const { mapped, used } = arena.stats().memory;
  for (let i = 0; i < 1000; i++) epoch();
  t.is(arena.stats().memory.mapped, mapped);
  t.is(arena.stats().memory.used, used);
  arena.close();
});

test('chunks double up to 1 MiB, and a larger Buffer gets a chunk of its own', (t) => {
  const arena = new Arena();
  const sizes = () => arena.chunkStats().map(({ size }) => size / KiB);
  while (arena.chunkStats().length < 7) arena.allocUnsafe(16 * KiB);
  t.deepEqual(sizes(), [64, 128, 256, 512, 1024, 1024, 1024]);
  const { used } = arena.stats().memory;
  arena.allocUnsafe(5 * MiB);
  t.is(arena.stats().memory.used, used + 5 * MiB);
  arena.close();
});

test('chunks that are larger than 1 MiB from the first on stay as large', (t) => {
  const arena = new Arena({ chunkSize: 2 * MiB });
  for (let n = 0; n < 4; n++) arena.allocUnsafe(MiB);
  arena.allocUnsafe(1);
  t.deepEqual(
    arena.chunkStats().map(({ size }) => size / MiB),
    [2, 2, 2],
  );
  arena.close();
});

test('an oversize Buffer lies beside the open window, which goes on', (t) => {
  const arena = new Arena();
  const before = arena.alloc(100);
  const large = arena.alloc(MiB);
  const after = arena.alloc(100);
  t.not(large.buffer, before.buffer);
  t.is(after.buffer, before.buffer);
  t.is(after.byteOffset, before.byteOffset + 104);
  arena.close();
});

test('after reserve(n) the next n bytes take no new chunk', (t) => {
  const arena = new Arena();
  arena.alloc(100);
  arena.reserve(MiB);
  const { used } = arena.stats().memory;
  for (let i = 0; i < 64; i++) arena.allocUnsafe(16 * KiB);
  t.is(arena.stats().memory.used, used);
  arena.reserve(0);
  t.is(arena.stats().memory.used, used);
  arena.close();
});

test('close() kills the Buffers, and every later use throws', (t) => {
  const arena = new Arena();
  const buffer = arena.alloc(10);
  const mark = arena.checkpoint();
  arena.close();
  t.true(isDead(buffer));
  const uses = {
    alloc: () => arena.alloc(1),
    allocUnsafe: () => arena.allocUnsafe(1),
    'alloc of nothing': () => arena.alloc(0),
    from: () => arena.from('a'),
    concat: () => arena.concat([]),
    array: () => arena.array(Uint8Array, 1),
    checkpoint: () => arena.checkpoint(),
    rewind: () => arena.rewind(mark),
    scope: () => arena.scope(() => t.fail()),
    reset: () => arena.reset(),
    reserve: () => arena.reserve(1),
    shrink: () => arena.shrink(),
    hold: () => arena.hold(),
  };
  for (const [name, use] of Object.entries(uses)) {
    t.throws(use, { code: 'ERR_RALLOC_CLOSED' }, name);
  }
  t.notThrows(() => arena.close());
  t.false(arena.owns(buffer));
  t.is(arena.copyOut(Buffer.from('a')).toString(), 'a');
  t.false(arena.stats().live);
});

test('an arena can be disposed of', (t) => {
  const arena = new Arena();
  const buffer = arena.alloc(10);
  arena[Symbol.dispose]();
  t.true(isDead(buffer));
  t.false(arena.stats().live);
});

test('owns() knows the Buffers of this epoch, and no others', (t) => {
  const arena = new Arena();
  const other = new Arena();
  const buffer = arena.alloc(10);
  t.true(arena.owns(buffer));
  t.true(arena.owns(buffer.subarray(2)));
  t.true(arena.owns(new DataView(buffer.buffer, buffer.byteOffset, 4)));
  t.true(arena.owns(arena.array(Uint16Array, 4)));
  for (const foreign of [other.alloc(10), Buffer.alloc(10), 'text', null, undefined, {}]) {
    t.false(arena.owns(foreign));
  }
  arena.scope((child) => t.true(arena.owns(child.alloc(10))));
  arena.reset();
  t.false(arena.owns(buffer));
  arena.close();
  other.close();
});

test('shrink() and close() give all memory back once nobody can see it', async (t) => {
  const arena = new Arena();
  for (let i = 0; i < 10; i++) arena.allocUnsafe(100 * KiB);
  arena.reset();
  t.true(arena.stats().memory.warm > 0);
  arena.shrink();
  t.is(arena.stats().memory.warm, 0);
  await untilCollected(() => arena.chunkStats().length === 0);
  t.is(arena.stats().memory.used, 0);
  arena.alloc(100 * KiB);
  arena.close();
  await untilCollected(() => arena.chunkStats().length === 0);
  t.is(arena.stats().memory.used, 0);
});

nativeTest(
  'chunks of a closed arena that are too large to stay warm serve the next one',
  "there is no depot: V8's own allocator has its caches",
  async (t) => {
    const first = new Arena({ chunkSize: 1536 * KiB });
    first.alloc(10);
    first.close();
    await untilCollected(() => first.chunkStats().length === 0);
    const second = new Arena({ chunkSize: 1536 * KiB });
    second.alloc(10);
    t.is(second.stats().memory.recycled, 1);
    t.is(second.stats().memory.mapped, 0);
    second.close();
  },
);

test('Buffers of an arena that was forgotten live on', async (t) => {
  const makeAndForget = () => stamp(new Arena().allocUnsafe(1000), 3);
  const buffer = makeAndForget();
  for (let i = 0; i < 20; i++) new Arena().allocUnsafe(1000).fill(i);
  for (let i = 0; i < 3; i++) {
    gc();
    await turn();
  }
  for (let i = 0; i < 20; i++) new Arena().allocUnsafe(1000).fill(i);
  t.true(isStamped(buffer, 3));
});

test('100,000 arenas made and closed in one turn of the loop do not use up the mappings', (t) => {
  let alive = 0;
  for (let i = 0; i < 100_000; i++) {
    const arena = new Arena();
    const buffer = arena.allocUnsafe(100);
    buffer[0] = 1;
    arena.close();
    if (buffer.length !== 0) alive++;
  }
  t.is(alive, 0, 'Buffers that outlived their arena');
});

test('an arena counts from its own beginning, whoever had its memory before', (t) => {
  const options = { maxBytes: 512 * KiB };
  const first = new Arena(options);
  first.allocUnsafe(300 * KiB);
  first.close();
  const second = new Arena(options);
  const { allocated, spans, resets, memory } = second.stats();
  t.deepEqual({ allocated, spans, resets }, { allocated: 0, spans: 0, resets: 0 });
  t.is(memory.mapped + memory.recycled, 0);
  t.is(memory.peak, memory.used);
  t.true(memory.used <= options.maxBytes);
});

test('memory of a closed arena is zero-filled by alloc in the next', (t) => {
  const options = { maxBytes: 96 * KiB };
  const first = new Arena(options);
  first.allocUnsafe(80 * KiB).fill(0xab);
  first.close();
  t.true(new Arena(options).alloc(80 * KiB).every((byte) => byte === 0));
});

test('a closed arena tells that it is closed, and nothing of the next one', (t) => {
  const options = { maxBytes: 128 * KiB };
  const first = new Arena(options);
  first.allocUnsafe(KiB);
  first.close();
  const second = new Arena(options);
  second.allocUnsafe(KiB);
  const { live, memory } = first.stats();
  t.false(live);
  t.is(memory.used, 0);
  t.deepEqual(first.chunkStats(), []);
  t.throws(() => first.allocUnsafe(1), { code: 'ERR_RALLOC_CLOSED' });
  first.close();
  t.is(second.allocUnsafe(KiB).length, KiB);
});

test('memory that is held is not given to the next arena', (t) => {
  const options = { maxBytes: 160 * KiB };
  const first = new Arena(options);
  const buffer = stamp(first.allocUnsafe(64 * KiB), 1);
  const hold = first.hold();
  first.close();
  const second = new Arena(options);
  stamp(second.allocUnsafe(64 * KiB), 2);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.is(buffer.length, 0);
  second.close();
});

for (const [safety, isAsBefore] of [
  ['gc', (buffer) => isStamped(buffer, 1)],
  ['recycle', isDead],
]) {
  test(`a Buffer of a closed ${safety} arena never shows the next one's bytes`, (t) => {
    const options = { maxBytes: 192 * KiB, safety };
    const first = new Arena(options);
    const buffer = stamp(first.allocUnsafe(KiB), 1);
    first.close();
    stamp(new Arena(options).allocUnsafe(KiB), 2);
    t.true(isAsBefore(buffer));
  });
}
