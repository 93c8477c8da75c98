'use strict';
// tier: run-time

// Buffers that Node or the program allocated, taken over by an arena: they count toward its limit, and die with what it has handed out itself.

const test = require('ava');
const vm = require('node:vm');
const { MessagePort, markAsUntransferable } = require('node:worker_threads');

const freed = []; // whether what was given back was all zeros
const isZero = (ab) => new Uint8Array(ab).every((byte) => byte === 0);
// As ralloc finds them when it is loaded: the one of Node 22 and later, and the other of Node 20.
const { transfer } = ArrayBuffer.prototype;
if (transfer !== undefined) {
  ArrayBuffer.prototype.transfer = function (...sizes) {
    if (sizes[0] === 0) freed.push(isZero(this));
    return Reflect.apply(transfer, this, sizes);
  };
}
const { postMessage } = MessagePort.prototype;
MessagePort.prototype.postMessage = function (value, list) {
  for (const ab of list ?? []) freed.push(isZero(ab));
  return postMessage.call(this, value, list);
};

const { Arena, Slab, release, stats } = require('../..');
const { hasTransfer } = require('../../lib/base/runtime.js');
const { findings } = require('../helpers/audited.js');
const { releases } = require('../helpers/given-back.js');
const { Clock } = require('../helpers/clock.js');
const { closing } = require('../helpers/sources.js');
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
  const arena = closing(t);
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
});

test.serial('other views give a Buffer over the same bytes', (t) => {
  const arena = closing(t);
  for (const view of [new Uint8Array(8), new Float64Array(1), new DataView(new ArrayBuffer(8))]) {
    const buffer = arena.adopt(view);
    t.true(Buffer.isBuffer(buffer));
    t.deepEqual([buffer.buffer, buffer.length], [view.buffer, 8]);
  }
  t.is(arena.stats().adopted, 24);
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
  const arena = closing(t);
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
  t.deepEqual(findings(), [], 'no span is left of what was refused');
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
  const arena = closing(t, { maxBytes: 3 * SIZE });
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
});

for (const [what, claim, expired] of [
  ['a hold', (arena) => arena.hold(), { holds: 1, operations: 0 }],
  ['an operation', (_arena, buffer) => begin(buffer), { holds: 0, operations: 1 }],
]) {
  test.serial(`${what} that takes too long leaves it to V8, attached`, (t) => {
    const clock = new Clock();
    const arena = clock.use(() => new Arena({ holdMs: 100, guard: true, name: what }));
    const buffer = arena.adopt(own());
    const counts = counted(() => {
      clock.use(() => {
        claim(arena, buffer);
        arena.reset();
      });
      clock.pass(101);
    });
    t.true(shows(buffer, 1));
    t.deepEqual(counts, { adopted: 0, released: 0, copied: 0, dropped: SIZE });
    t.is(memoryOf(arena).adopted, 0);
    t.deepEqual(arena.stats().expired, expired);
    t.is(release(buffer), 0, 'it is never released');
    arena.close();
  });
}

test.serial('an operation of Node that began after it holds it', (t) => {
  const arena = closing(t, { guard: true });
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
  const arena = closing(t);
  const buffer = arena.adopt(own(7));
  const taken = await steal(buffer);
  t.is(buffer.length, 0);
  const counts = counted(() => arena.reset());
  t.deepEqual(counts, { adopted: 0, released: 0, copied: 0 });
  t.true(shows(taken, 7));
  t.is(memoryOf(arena).adopted, 0);
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
  const arena = closing(t, { chunkSize: 64 * KiB, maxBytes: 777 * KiB }); // no other test's settings
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
});

test.serial('with `wipe` its bytes are zeroed before they go back', (t) => {
  for (const wipe of [true, false]) {
    const arena = new Arena({ wipe });
    const buffer = arena.adopt(own(7));
    freed.length = 0;
    arena.reset();
    t.is(buffer.length, 0);
    t.deepEqual(freed, [wipe]);
    arena.close();
  }
});

test.serial('what a reset leaves of the window makes room', (t) => {
  const arena = new Arena({ maxBytes: 1024 * KiB });
  t.teardown(() => arena.close());
  for (let i = 0; i < 10; i++) {
    t.is(arena.alloc(900 * KiB).length, 900 * KiB);
    arena.reset();
    t.true(shows(arena.adopt(own(i, 500 * KiB)), i, 500 * KiB));
    arena.reset();
  }
});

// What an arena cannot take over, since somebody else has a part of it, or nobody can detach it: it is copied.

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const DEAD = 'ERR_RALLOC_DEAD_BUFFER';
const PAGE = 64 * KiB;

const slab = new Slab({ sizes: [64], count: 4 });
const other = new Arena();

function untransferable(size) {
  const buffer = Buffer.alloc(size);
  markAsUntransferable(buffer.buffer);
  return buffer;
}

function frozen() {
  const buffer = Buffer.alloc(SIZE);
  Object.preventExtensions(buffer.buffer);
  return buffer;
}

/** Each with what it is counted as. */
const ties = {
  "a Buffer of Node's pool": [() => Buffer.from('pooled'), 'shared'],
  'a part of a Buffer': [() => Buffer.alloc(SIZE).subarray(1), 'shared'],
  'shared memory': [() => new Uint8Array(new SharedArrayBuffer(SIZE)), 'bound'],
  'an ArrayBuffer that takes no properties': [frozen, 'bound'],
  'a resizable ArrayBuffer': [
    () => new Uint8Array(new ArrayBuffer(SIZE, { maxByteLength: 2 * SIZE })),
    'bound',
  ],
  'a Buffer of another arena': [() => other.alloc(SIZE), undefined],
  'what another arena has adopted': [() => other.adopt(Buffer.alloc(SIZE)), undefined],
  'a Buffer of a slab': [() => slab.alloc(64), undefined],
};
const found = {
  "WebAssembly's memory": [
    () => new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer),
    'bound',
  ],
  'an untransferable ArrayBuffer': [() => untransferable(SIZE), 'bound'],
  'an untransferable ArrayBuffer of some pages': [() => untransferable(PAGE), 'bound'],
};

for (const [name, [make, reason]] of Object.entries({ ...ties, ...(hasTransfer ? found : {}) })) {
  test.serial(`${name} is copied`, (t) => {
    const arena = closing(t);
    const view = make();
    view.fill(5);
    const size = view.length;
    const before = stats().bodies;
    const buffer = arena.adopt(view);
    const after = stats().bodies;
    t.not(buffer.buffer, view.buffer);
    t.true(buffer.length === size && buffer.every((byte) => byte === 5));
    t.true(arena.owns(buffer));
    t.false(arena.owns(view));
    t.is(after.copied - before.copied, size);
    t.is(after.adopted, before.adopted);
    for (const [key, bytes] of Object.entries(after.left)) {
      t.is(bytes - before.left[key], key === reason ? size : 0, key);
    }
    arena.reset();
    t.is(buffer.length, 0);
    t.true(view.length === size && view.every((byte) => byte === 5), 'the original lives');
  });
}

for (const [name, [make]] of Object.entries(hasTransfer ? {} : found)) {
  test.serial(`${name}, which Node 20 does not tell, is adopted, and left at the reset`, (t) => {
    const arena = closing(t);
    const view = make();
    arena.adopt(view);
    const before = stats().bodies.left.bound;
    arena.reset();
    t.is(stats().bodies.left.bound - before, view.length);
    t.true(view.length > 0);
    t.is(arena.stats().memory.adopted, 0);
  });
}

test.serial('what the arena has already is given as it is', (t) => {
  const arena = closing(t);
  for (const buffer of [arena.alloc(100), arena.adopt(Buffer.alloc(100))]) {
    t.is(arena.adopt(buffer), buffer);
    const part = buffer.subarray(10, 20);
    t.is(arena.adopt(part), part);
  }
  t.is(arena.stats().adopted, 100);
  arena.scope((child) => {
    const buffer = child.adopt(Buffer.alloc(100, 1));
    const copy = arena.adopt(buffer);
    t.not(copy, buffer, 'a scope ends before its arena');
    t.not(child.adopt(copy), copy);
  });
});

test.serial('no bytes are an empty Buffer, and dead ones an error', (t) => {
  const arena = closing(t);
  t.is(arena.adopt(Buffer.alloc(0)).length, 0);
  t.is(arena.adopt(new DataView(new ArrayBuffer(10), 10)).length, 0);
  const dead = other.alloc(10);
  other.reset();
  t.throws(() => arena.adopt(dead), {
    code: DEAD,
    message: /"buffer" argument is dead: its arena was reset/,
  });
  const adopted = arena.adopt(Buffer.alloc(10));
  arena.reset();
  t.throws(() => arena.adopt(adopted), { code: DEAD, message: /its arena was reset/ });
  const ab = new ArrayBuffer(SIZE, { maxByteLength: SIZE });
  const view = new DataView(ab, 10, 10);
  if (ab.resizable) {
    ab.resize(5);
    t.throws(() => arena.adopt(view), { code: DEAD });
  }
  t.is(arena.stats().memory.adopted, 0);
});

test.serial('what is no view is refused', (t) => {
  const arena = closing(t);
  for (const value of [undefined, null, 'text', 5, [1], {}, new ArrayBuffer(8)]) {
    t.throws(() => arena.adopt(value), { code: INVALID, message: /"buffer" argument must be/ });
  }
});

test.serial(
  "a subclass that lies is asked by V8's own getters; another realm's Buffer is adopted",
  (t) => {
    class Liar extends Uint8Array {
      get buffer() {
        return new ArrayBuffer(1);
      }
      get byteLength() {
        return 1;
      }
      get byteOffset() {
        return 1;
      }
    }
    const arena = new Arena();
    const buffer = arena.adopt(new Liar(100));
    t.deepEqual([buffer.length, arena.stats().adopted], [100, 100]);
    const foreign = vm.runInNewContext('new Uint8Array(50)');
    t.is(arena.adopt(foreign).length, 50);
    t.is(arena.stats().adopted, 150);
    arena.reset();
    t.is(foreign.length, 0);
    arena.close();
  },
);

// Last: Node's pool is not marked as shared any more.
test.serial('memory that nobody can detach keeps its bytes when an arena that wipes ends', (t) => {
  const arena = new Arena({ wipe: true });
  const other = Buffer.from('of somebody else'); // in Node's pool
  const wasm = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer).fill(7);
  const marked = own(8);
  markAsUntransferable(marked.buffer);
  for (const view of [new Uint8Array(other.buffer), wasm, marked]) arena.adopt(view);
  arena.close();
  t.is(other.toString(), 'of somebody else');
  t.true(shows(wasm, 7, 64 * KiB));
  t.true(shows(marked, 8));
});
