'use strict';
// tier: run-time

// Buffers that Node or the program allocated, taken over by an arena: they count toward its limit, and die with what it has handed out itself.

const test = require('ava');
const { Arena, release, stats } = require('../..');
const { releases } = require('../helpers/given-back.js');
const { Clock } = require('../helpers/clock.js');
const { begin, memoryOf } = require('../helpers/waiting.js');
const { steal } = require('../helpers/theft.js');

const KiB = 1024;
const SIZE = 10 * KiB;

const own = (byte = 1, size = SIZE) => Buffer.alloc(size, byte);
const shows = (buffer, byte, size = SIZE) =>
  buffer.length === size && buffer.every((one) => one === byte);

/** What `work` counted. */
function counted(work) {
  const before = stats().bodies;
  work();
  const { left, ...after } = stats().bodies;
  const kinds = ['released', 'adopted', 'copied'];
  const more = Object.fromEntries(kinds.map((key) => [key, after[key] - before[key]]));
  for (const key of Object.keys(left)) {
    if (left[key] > before.left[key]) more[key] = left[key] - before.left[key];
  }
  return more;
}

test.before(releases);

test.serial('a Buffer is taken over as it is, and is freed at the reset', (t) => {
  const arena = new Arena();
  const buffer = own();
  const counts = counted(() => {
    t.is(arena.adopt(buffer), buffer);
    t.true(shows(buffer, 1));
    t.true(arena.owns(buffer));
    t.deepEqual(arena.copyOut(buffer), own());
    const { adopted, allocated, spans, memory } = arena.stats();
    t.deepEqual([adopted, allocated, spans], [SIZE, 0, 0]);
    t.deepEqual([memory.adopted, memory.used], [SIZE, SIZE]);
    t.true(memory.peak >= SIZE);
    arena.reset();
  });
  t.is(buffer.length, 0);
  t.false(arena.owns(buffer));
  t.deepEqual(counts, { adopted: SIZE, released: SIZE, copied: 0 });
  t.deepEqual([arena.stats().adopted, memoryOf(arena).adopted, memoryOf(arena).used], [0, 0, 0]);
  t.throws(() => arena.copyOut(buffer), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  arena.close();
});

test.serial('other views give a Buffer over the same bytes', (t) => {
  const arena = new Arena();
  for (const view of [new Uint8Array(8), new Float64Array(1), new DataView(new ArrayBuffer(8))]) {
    const buffer = arena.adopt(view);
    t.true(Buffer.isBuffer(buffer));
    t.deepEqual([buffer.buffer, buffer.length], [view.buffer, 8]);
  }
  t.is(arena.stats().adopted, 24);
  arena.close();
});

test.serial('a rewind frees what was adopted since, and keeps what was there before', (t) => {
  const arena = new Arena();
  const buffers = [];
  const checkpoints = [];
  for (let i = 0; i < 4; i++) {
    buffers.push(arena.adopt(own(i)), arena.alloc(100, i));
    checkpoints.push(arena.checkpoint());
  }
  arena.rewind(checkpoints[1]);
  for (const [i, buffer] of buffers.entries()) t.is(buffer.length > 0, i < 4, `${i}`);
  t.true(shows(buffers[2], 1));
  t.is(arena.stats().adopted, 2 * SIZE);
  arena.rewind(checkpoints[0]);
  t.deepEqual(
    buffers.map(({ length }) => length),
    [SIZE, 100, 0, 0, 0, 0, 0, 0],
  );
  arena.close();
  t.is(buffers[0].length, 0);
});

test.serial('a scope frees its own at its end, and cannot return one', async (t) => {
  const arena = new Arena();
  let inner;
  const outer = arena.adopt(own(1));
  await arena.scope(async (child) => {
    inner = child.adopt(own(2));
    await null;
    t.deepEqual([arena.owns(inner), child.owns(outer)], [true, false]);
    t.deepEqual([arena.stats().adopted, child.stats().adopted], [2 * SIZE, SIZE]);
  });
  t.is(inner.length, 0);
  t.true(shows(outer, 1));
  t.throws(() => arena.scope((child) => child.adopt(own())), { code: 'ERR_RALLOC_ESCAPED' });
  arena.scope((child) => {
    child.adopt(own());
    arena.reset();
    t.is(outer.length, 0);
  });
  t.is(memoryOf(arena).used, memoryOf(arena).warm);
  arena.close();
});

test.serial('at the limit nothing is changed, and what is warm makes room', (t) => {
  const arena = new Arena({ maxBytes: 128 * KiB });
  arena.adopt(own(1, 100 * KiB));
  const refused = own(2, 29 * KiB);
  const error = t.throws(() => arena.adopt(refused), { code: 'ERR_RALLOC_LIMIT' });
  const { requested, used, limit, option } = error;
  t.deepEqual([requested, used, limit, option], [29 * KiB, 100 * KiB, 128 * KiB, 'maxBytes']);
  t.regex(error.message, /100 KiB adopted/);
  t.true(shows(refused, 2, 29 * KiB));
  t.false(arena.owns(refused));
  t.is(arena.stats().adopted, 100 * KiB);
  t.throws(() => arena.alloc(29 * KiB), { code: 'ERR_RALLOC_LIMIT' });
  arena.alloc(20 * KiB);
  arena.reset();
  t.true(memoryOf(arena).warm > 0);
  arena.adopt(own(3, 128 * KiB));
  t.deepEqual([memoryOf(arena).warm, memoryOf(arena).used], [0, 128 * KiB]);
  arena.close();
  t.is(memoryOf(arena).used, 0);
});

test.serial(
  'what is warm stays where all of it could not make room beside what was adopted',
  (t) => {
    const arena = new Arena({ maxBytes: 132 * KiB }); // no other test's settings
    arena.scope((child) => child.alloc(20 * KiB).length);
    arena.adopt(own(1, 40 * KiB));
    const { warm } = memoryOf(arena);
    t.true(warm > 0);
    t.throws(() => arena.alloc(100 * KiB), { code: 'ERR_RALLOC_LIMIT' });
    t.throws(() => arena.adopt(own(2, 100 * KiB)), { code: 'ERR_RALLOC_LIMIT' });
    t.is(memoryOf(arena).warm, warm);
    arena.close();
  },
);

test.serial('a hold keeps it over the reset, attached, and counted', (t) => {
  const arena = new Arena({ maxBytes: 3 * SIZE });
  const buffer = arena.adopt(own());
  const hold = arena.hold();
  arena.reset();
  t.true(shows(buffer, 1));
  t.is(memoryOf(arena).adopted, SIZE);
  t.throws(() => arena.adopt(own(2, 3 * SIZE)), { code: 'ERR_RALLOC_LIMIT' });
  arena.adopt(own(2));
  hold.release();
  t.is(buffer.length, 0);
  t.is(memoryOf(arena).adopted, SIZE);
  arena.close();
});

test.serial('a hold that expires leaves it to V8, attached', (t) => {
  const clock = new Clock();
  const arena = clock.use(() => new Arena({ holdMs: 100, name: 'expires' }));
  const buffer = arena.adopt(own());
  const counts = counted(() => {
    clock.use(() => {
      arena.hold();
      arena.reset();
    });
    clock.pass(101);
  });
  t.true(shows(buffer, 1));
  t.deepEqual(counts, { adopted: 0, released: 0, copied: 0, dropped: SIZE });
  t.is(memoryOf(arena).adopted, 0);
  t.is(arena.stats().expired.holds, 1);
  t.is(release(buffer), 0, 'it is never released');
  arena.close();
});

test.serial('an operation of Node that began after it holds it', (t) => {
  const arena = new Arena({ guard: true });
  const buffers = [arena.adopt(own(1)), arena.adopt(own(2))];
  const end = begin(buffers[0]);
  arena.reset();
  t.true(shows(buffers[0], 1));
  t.is(buffers[1].length, 0);
  t.is(memoryOf(arena).adopted, SIZE);
  end();
  t.is(buffers[0].length, 0);
  t.throws(() => begin(buffers[0]), {
    code: 'ERR_RALLOC_DEAD_BUFFER',
    message: /its arena was reset/,
  });
  t.is(arena.stats().guarded.fs.bytes, SIZE);
  arena.close();
});

test.serial('an operation that takes too long leaves it to V8', (t) => {
  const clock = new Clock();
  const arena = clock.use(() => new Arena({ holdMs: 100, guard: true, name: 'takes too long' }));
  const buffer = arena.adopt(own());
  const end = begin(buffer);
  clock.use(() => arena.reset());
  clock.pass(101);
  t.true(shows(buffer, 1));
  t.deepEqual([memoryOf(arena).adopted, arena.stats().expired.operations], [0, 1]);
  end();
  t.true(shows(buffer, 1));
  arena.close();
});

test.serial("with 'gc' it is left to V8 at the reset; with 'recycle' it dies all the same", (t) => {
  for (const guard of [false, true]) {
    const gc = new Arena({ safety: 'gc', guard });
    const left = gc.adopt(own());
    const counts = counted(() => gc.reset());
    t.deepEqual(counts, { adopted: 0, released: 0, copied: 0, dropped: SIZE });
    t.true(shows(left, 1));
    t.is(memoryOf(gc).adopted, 0);
    gc.close();
    const recycle = new Arena({ safety: 'recycle', guard });
    const dies = recycle.adopt(own());
    recycle.reset();
    t.is(dies.length, 0);
    recycle.close();
  }
});

test.serial('what is stolen after it is gone, and nothing is freed twice', async (t) => {
  const arena = new Arena();
  const buffer = arena.adopt(own(7));
  const taken = await steal(buffer);
  t.is(buffer.length, 0);
  const counts = counted(() => arena.reset());
  t.deepEqual(counts, { adopted: 0, released: 0, copied: 0 });
  t.true(shows(taken, 7));
  t.is(memoryOf(arena).adopted, 0);
  arena.close();
});

test.serial('a closed arena adopts nothing, and frees all at its close', (t) => {
  const arena = new Arena();
  const buffers = Array.from({ length: 1000 }, (_, i) => arena.adopt(own(i % 256, 100)));
  t.is(arena.stats().adopted, 100_000);
  arena.close();
  t.true(buffers.every(({ length }) => length === 0));
  t.is(memoryOf(arena).adopted, 0);
  const buffer = own();
  t.throws(() => arena.adopt(buffer), { code: 'ERR_RALLOC_CLOSED' });
  t.true(shows(buffer, 1));
});

test.serial('what was adopted says nothing of how large chunks should be', (t) => {
  const arena = new Arena({ chunkSize: 64 * KiB, maxBytes: 777 * KiB }); // no other test's settings
  for (let i = 0; i < 10; i++) arena.adopt(own());
  arena.alloc(10);
  const chunks = arena.chunkStats();
  t.deepEqual(
    chunks.map(({ size }) => size),
    [64 * KiB],
  );
  arena.checkpoint();
  for (let i = 0; i < 10; i++) arena.adopt(own());
  arena.alloc(10);
  t.is(memoryOf(arena).leased, 80 * KiB, 'a piece of 16 KiB');
  arena.close();
});
