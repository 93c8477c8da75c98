'use strict';
// tier: run-time

const test = require('ava');
const assert = require('node:assert');
const fs = require('node:fs');
const { setImmediate: turn } = require('node:timers/promises');
const { inspect } = require('node:util');
const { Arena, Slab, backend, slab, stats } = require('../..');
const { tryAllocUnsafe } = require('../../lib/arena/try-alloc.js');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { closing } = require('../helpers/sources.js');
const { gc, untilCollected } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;

test("a Buffer of an arena is one of Node's own, by every way to tell", (t) => {
  const arena = closing(t);
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
});

test('no bytes cost nothing and hold nothing', (t) => {
  const arena = closing(t, { maxBytes: 66 * MiB }); // no other test's settings, here and below
  const empty = arena.alloc(0);
  t.is(empty.length, 0);
  t.true(Buffer.isBuffer(empty));
  t.is(arena.allocUnsafe(-0).length, 0);
  t.is(arena.concat([]).length, 0);
  t.is(arena.from('').length, 0);
  t.is(arena.array(Float64Array, 0).length, 0);
  t.is(arena.stats().memory.used, 0);
  t.is(arena.stats().spans, 0);
});

test('Buffers begin at multiples of 8, or of any power of two up to a page', (t) => {
  const byDefault = new Arena();
  for (const size of [1, 3, 8, 13, 100]) t.is(byDefault.allocUnsafe(size).byteOffset % 8, 0);
  byDefault.close();
  const ofArena = (arena, size) => arena.allocUnsafe(size);
  const ofSite = (arena, size) => tryAllocUnsafe(arena, size) ?? ofArena(arena, size);
  for (const allocate of [ofArena, ofSite]) {
    for (let align = 1; align <= 4096; align *= 2) {
      const arena = new Arena({ align });
      let next = 0;
      for (const size of [1, 5, 17, 4095]) {
        const buffer = allocate(arena, size);
        t.is(buffer.byteOffset, next);
        next = Math.ceil((next + size) / align) * align;
      }
      arena.close();
    }
  }
});

test('after a reset every Buffer is dead: length 0, reads undefined, writes ignored', (t) => {
  const arena = closing(t);
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
});

test('memory goes round: resets, rewinds and scopes take no new chunk', (t) => {
  const arena = closing(t);
  const allocate = (own) => {
    for (let i = 0; i < 10; i++) own.allocUnsafe(10 * KiB);
  };
  const epoch = () => {
    allocate(arena);
    const mark = arena.checkpoint();
    allocate(arena);
    arena.rewind(mark);
    arena.scope(allocate);
    arena.reset();
  };
  for (let i = 0; i < 3; i++) epoch();
  const { mapped, used } = arena.stats().memory;
  for (let i = 0; i < 300; i++) epoch();
  t.like(arena.stats().memory, { mapped, used });
});

test('chunks double up to 1 MiB, and a larger Buffer gets a chunk of its own', (t) => {
  const arena = closing(t, { maxBytes: 65 * MiB });
  const sizes = () => arena.chunkStats().map(({ size }) => size / KiB);
  while (arena.chunkStats().length < 7) arena.allocUnsafe(16 * KiB);
  t.deepEqual(sizes(), [64, 128, 256, 512, 1024, 1024, 1024]);
  const { used } = arena.stats().memory;
  arena.allocUnsafe(5 * MiB);
  t.is(arena.stats().memory.used, used + 5 * MiB);
});

test('chunks that are larger than 1 MiB from the first on stay as large', (t) => {
  const arena = closing(t, { chunkSize: 2 * MiB });
  for (let n = 0; n < 4; n++) arena.allocUnsafe(MiB);
  arena.allocUnsafe(1);
  t.deepEqual(
    arena.chunkStats().map(({ size }) => size / MiB),
    [2, 2, 2],
  );
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
    t.throws(use, { code: 'ERR_RALLOC_CLOSED', message: 'The arena is closed' }, name);
  }
  t.notThrows(() => arena[Symbol.dispose]());
  t.false(arena.owns(buffer));
  t.is(arena.copyOut(Buffer.from('a')).toString(), 'a');
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

/** The kernel's ranges of memory (Linux; else 0). */
const ranges = () =>
  fs.existsSync('/proc/self/maps')
    ? fs.readFileSync('/proc/self/maps', 'latin1').split('\n').length
    : 0;

test('thousands of arenas made and closed in one turn of the loop do not use up the mappings', (t) => {
  let alive = 0;
  const before = ranges();
  for (let i = 0; i < 5000; i++) {
    const arena = new Arena();
    const buffer = arena.allocUnsafe(100);
    buffer[0] = 1;
    arena.close();
    if (buffer.length !== 0) alive++;
  }
  t.is(alive, 0, 'Buffers that outlived their arena');
  t.true(ranges() - before < 500);
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

// What an arena tells of itself.

test('a new arena has nothing', (t) => {
  const arena = closing(t, { name: 'new', maxBytes: 1 << 20, safety: 'gc' });
  const { memory, guarded, expired, interrupted, ...rest } = arena.stats();
  t.deepEqual({ ...expired, interrupted }, { holds: 0, operations: 0, interrupted: 0 });
  t.deepEqual(rest, {
    name: 'new',
    backend,
    safety: 'gc',
    limit: 1 << 20,
    live: true,
    allocated: 0,
    adopted: 0,
    spans: 0,
    scopes: 0,
    holds: 0,
    resets: 0,
  });
  t.deepEqual(Object.keys(guarded), ['fs', 'stream', 'http', 'web', 'dgram', 'crypto']);
  for (const counts of Object.values(guarded)) t.deepEqual(counts, { operations: 0, bytes: 0 });
  const { limit, ...counts } = memory;
  t.is(limit, 1 << 20);
  for (const [name, value] of Object.entries(counts)) t.is(value, 0, name);
  t.deepEqual(arena.chunkStats(), []);
});

test('allocated counts what was handed out, with the padding between, in scopes too', (t) => {
  const arena = closing(t);
  arena.alloc(100);
  t.is(arena.stats().allocated, 104);
  arena.alloc(8);
  t.is(arena.stats().allocated, 112);
  arena.scope((child) => {
    child.alloc(16);
    t.is(arena.stats().allocated, 128);
    t.is(child.stats().allocated, 16);
    t.is(arena.stats().spans, 2);
  });
  t.is(arena.stats().allocated, 112);
  arena.reset();
  t.is(arena.stats().allocated, 0);
  t.is(arena.stats().resets, 1);
});

test('chunkStats() tells size, state, spans and pins of each chunk', async (t) => {
  const arena = new Arena({ chunkSize: 64 * KiB, maxBytes: 67 * MiB });
  arena.alloc(10).fill(1);
  const [chunk] = arena.chunkStats();
  const { resident, ...rest } = chunk;
  const bytes = { reserved: 64 * KiB, committed: 64 * KiB };
  t.deepEqual(rest, {
    size: 64 * KiB,
    state: 'leased',
    spans: 1,
    pins: 1,
    ...bytes,
    hugePages: 'none',
  });
  t.true(resident > 0 && resident <= 64 * KiB, `${resident}`);
  const hold = arena.hold();
  arena.reset();
  t.is(arena.chunkStats()[0].state, 'held');
  hold.release();
  arena.close();
  await untilCollected(() => arena.chunkStats().length === 0);
  t.is(arena.stats().memory.used, 0);
});

test.serial('stats() tells the backend, what the depot did, and what was released', async (t) => {
  const { depot, bodies, compressors, files, streams, pool, inventory, ...rest } = stats();
  t.deepEqual(rest, { backend });
  t.is(pool.asked, 0);
  t.false(inventory.isSample);
  const closed = { rest: 0, full: 0, cheap: 0, unfinished: 0 };
  t.deepEqual(compressors, { made: 0, reused: 0, left: 0, idle: 0, closed });
  t.deepEqual(files, { open: 0, streams: 0, reads: 0, reused: 0, idle: 0, left: 0 });
  t.deepEqual(streams, { watched: 0, left: { sink: 0, readers: 0 }, chunks: 0 });
  const left = { shared: 0, bound: 0, early: 0, foreign: 0, seen: 0 };
  Object.assign(left, { unwritten: 0, dropped: 0, heap: 0, disabled: 0 });
  const why = { patched: 0, readers: 0, sink: 0, small: 0, source: 0 };
  const links = { released: 0, plain: 0, why };
  t.deepEqual(bodies, { released: 0, adopted: 0, copied: 0, left, links });
  const gauges = ['chunks', 'reserved', 'committed', 'retained'];
  t.deepEqual(Object.keys(depot), [...gauges, 'hits', 'misses', 'hitRate', 'unmapped']);
  for (const [name, value] of Object.entries(depot)) t.true(value >= 0, name);

  const first = new Arena();
  first.alloc(5000 * KiB);
  const mapped = stats().depot;
  t.is(mapped.misses, depot.misses + 1);
  first.close();
  // Chunks of arenas that other tests left come back as well.
  await untilCollected(() => stats().depot.reserved >= mapped.reserved + 5000 * KiB);
  const kept = stats().depot;
  t.true(kept.chunks > mapped.chunks);
  t.true(kept.committed <= kept.reserved);

  const second = new Arena();
  second.alloc(5000 * KiB);
  const after = stats().depot;
  t.is(after.hits, depot.hits + 1);
  t.is(after.hitRate, after.hits / (after.hits + after.misses));
  second.close();
});

test('util.inspect shows an arena in one line', (t) => {
  const arena = new Arena({ name: 'mine', maxBytes: 1 << 20 });
  t.is(inspect(arena), `Arena 'mine' { live, 0 B of 1 MiB in 0 spans, detach, ${backend} }`);
  arena.alloc(1536);
  arena.hold();
  arena.scope(() => {
    t.is(
      inspect(arena),
      `Arena 'mine' { live, 1.5 KiB of 1 MiB in 1 span, detach, ${backend}, 1 scope, 1 hold }`,
    );
  });
  arena.close();
  t.regex(inspect(arena), /^Arena 'mine' \{ closed, 0 B /);
  t.is(
    inspect(new Arena({ safety: 'recycle' })),
    `Arena { live, 0 B of 64 MiB in 0 spans, recycle, ${backend} }`,
  );
});

test('what has no state of an arena or a slab is shown all the same', (t) => {
  for (const [Class, one] of [
    [Arena, new Arena()],
    [Slab, slab],
  ]) {
    t.is(inspect(new Proxy(one, {})), `${Class.name} {}`);
    t.is(inspect(Object.create(one)), `${Class.name} {}`);
  }
});

test('the stats of a scope are of its own, over the same memory', (t) => {
  const arena = closing(t, { name: 'outer' });
  arena.alloc(1000);
  arena.scope((child) => {
    const { name, allocated, spans, memory } = child.stats();
    t.deepEqual({ name, allocated, spans }, { name: 'outer', allocated: 0, spans: 0 });
    t.is(memory.used, arena.stats().memory.used);
    child.hold();
    child.hold();
    t.is(child.stats().holds, 2);
    t.is(arena.stats().holds, 0);
  });
});
