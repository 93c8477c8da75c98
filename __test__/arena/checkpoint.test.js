'use strict';
// tier: run-time

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isZero, isDead } = require('../helpers/bytes.js');

const KiB = 1024;

test('rewind kills what came since the checkpoint, and nothing from before', (t) => {
  const arena = new Arena();
  const before = stamp(arena.alloc(100), 1);
  const mark = arena.checkpoint();
  const since = [10, 5000, 200_000].map((size) => stamp(arena.alloc(size), 2));
  arena.rewind(mark);
  for (const buffer of since) t.true(isDead(buffer));
  t.true(isStamped(before, 1));
  t.true(arena.owns(before));
  arena.close();
});

test('Buffers from before a checkpoint keep their bytes over whatever is allocated later', (t) => {
  const arena = new Arena();
  const before = stamp(arena.alloc(100), 1);
  for (let i = 0; i < 50; i++) {
    const mark = arena.checkpoint();
    arena.allocUnsafe(1000).fill(0xff);
    arena.rewind(mark);
  }
  t.true(isStamped(before, 1));
  arena.close();
});

test('after a rewind the arena stands where it stood', (t) => {
  const arena = new Arena();
  const first = arena.alloc(100);
  const mark = arena.checkpoint();
  arena.alloc(100);
  arena.rewind(mark);
  const second = arena.alloc(100);
  t.is(second.buffer, first.buffer);
  t.is(second.byteOffset, first.byteOffset + 104);
  t.true(isZero(second));
  arena.close();
});

test('a checkpoint without an allocation opens nothing', (t) => {
  const arena = new Arena();
  arena.alloc(100);
  const { spans, memory } = arena.stats();
  for (let i = 0; i < 100; i++) arena.rewind(arena.checkpoint());
  arena.checkpoint();
  t.is(arena.stats().spans, spans);
  t.is(arena.stats().memory.used, memory.used);
  arena.close();
});

test('a checkpoint before the first allocation leads back to nothing', (t) => {
  const arena = new Arena();
  const mark = arena.checkpoint();
  const buffer = arena.alloc(100);
  arena.rewind(mark);
  t.true(isDead(buffer));
  t.is(arena.stats().allocated, 0);
  t.is(arena.stats().spans, 0);
  arena.close();
});

test('checkpoints nest, last in first out', (t) => {
  const arena = new Arena();
  const layers = [];
  for (let i = 0; i < 10; i++) {
    layers.push({ mark: arena.checkpoint(), buffer: stamp(arena.alloc(500 * (i + 1)), i) });
  }
  for (let i = 9; i >= 0; i--) {
    t.true(isStamped(layers[i].buffer, i));
    arena.rewind(layers[i].mark);
    t.true(isDead(layers[i].buffer));
  }
  arena.close();
});

test('a rewind to an outer checkpoint takes the inner ones with it', (t) => {
  const arena = new Arena();
  const outer = arena.checkpoint();
  const a = arena.alloc(10);
  const inner = arena.checkpoint();
  const b = arena.alloc(10);
  arena.rewind(outer);
  t.true(isDead(a));
  t.true(isDead(b));
  t.throws(() => arena.rewind(inner), { code: 'ERR_RALLOC_STALE_CHECKPOINT' });
  arena.close();
});

test('two checkpoints at one place are two: the inner is rewound first', (t) => {
  const arena = new Arena();
  const base = stamp(arena.alloc(10), 1);
  const outer = arena.checkpoint();
  const inner = arena.checkpoint();
  const buffer = arena.alloc(10);
  arena.rewind(inner);
  t.true(isDead(buffer));
  const next = stamp(arena.alloc(10), 2);
  t.true(isStamped(next, 2));
  arena.rewind(outer);
  t.true(isDead(next));
  t.true(isStamped(base, 1));
  arena.close();
});

const stale = {
  'that was rewound to before': (arena) => {
    const mark = arena.checkpoint();
    arena.rewind(mark);
    return mark;
  },
  'from before a reset': (arena) => {
    const mark = arena.checkpoint();
    arena.reset();
    arena.alloc(8);
    return mark;
  },
  'from before a reset that has a Buffer to release': (arena) => {
    arena.alloc(8);
    const mark = arena.checkpoint();
    arena.reset();
    return mark;
  },
  'from before a reset and a newer checkpoint': (arena) => {
    const mark = arena.checkpoint();
    arena.reset();
    arena.checkpoint();
    return mark;
  },
  'that an outer rewind has passed': (arena) => {
    const outer = arena.checkpoint();
    const inner = arena.checkpoint();
    arena.rewind(outer);
    return inner;
  },
  'of another arena': () => new Arena().checkpoint(),
  'of a scope': (arena) => arena.scope((child) => child.checkpoint()),
};

for (const [what, make] of Object.entries(stale)) {
  test(`a checkpoint ${what} is refused, and nothing changes`, (t) => {
    const arena = new Arena();
    const mark = make(arena);
    const buffer = stamp(arena.alloc(100), 5);
    const before = arena.stats();
    t.throws(() => arena.rewind(mark), {
      name: 'RallocError',
      code: 'ERR_RALLOC_STALE_CHECKPOINT',
    });
    t.deepEqual(arena.stats(), before);
    t.true(isStamped(buffer, 5));
    arena.close();
  });
}

test("a scope cannot rewind its parent's checkpoint", (t) => {
  const arena = new Arena();
  const mark = arena.checkpoint();
  const buffer = arena.alloc(10);
  arena.scope((child) => {
    t.throws(() => child.rewind(mark), { code: 'ERR_RALLOC_STALE_CHECKPOINT' });
  });
  t.is(buffer.length, 10);
  arena.rewind(mark);
  t.is(buffer.length, 0);
  arena.close();
});

test('what is no checkpoint is refused, however it looks', (t) => {
  const arena = new Arena();
  const buffer = arena.alloc(10);
  const real = arena.checkpoint();
  const forged = Object.create(Object.getPrototypeOf(real));
  for (const value of [undefined, null, 0, 'mark', {}, forged, { ...real }, () => real]) {
    t.throws(() => arena.rewind(value), {
      instanceOf: TypeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
    });
  }
  t.is(buffer.length, 10);
  t.notThrows(() => arena.rewind(real));
  arena.close();
});

test('rewinding goes round in the same memory', (t) => {
  const arena = new Arena();
  arena.alloc(100);
  const turn = () => {
    const mark = arena.checkpoint();
    for (let i = 0; i < 10; i++) arena.allocUnsafe(4 * KiB);
    arena.rewind(mark);
  };
  turn();
  const { used, mapped } = arena.stats().memory;
  for (let i = 0; i < 1000; i++) turn();
  t.is(arena.stats().memory.used, used);
  t.is(arena.stats().memory.mapped, mapped);
  arena.close();
});

test('a rewind over a window whose memory was full goes on in it', (t) => {
  const arena = new Arena({ chunkSize: 64 * KiB });
  const full = stamp(arena.allocUnsafe(64 * KiB), 1);
  const mark = arena.checkpoint();
  arena.alloc(10);
  arena.rewind(mark);
  const next = stamp(arena.alloc(10), 2);
  t.true(isStamped(full, 1));
  t.true(isStamped(next, 2));
  arena.close();
});

test('the error says whether a checkpoint is spent or of another arena', (t) => {
  const arena = new Arena();
  const mark = arena.checkpoint();
  arena.rewind(mark);
  t.throws(() => arena.rewind(mark), { message: /^The checkpoint is no longer valid/ });
  const foreign = new Arena().checkpoint();
  t.throws(() => arena.rewind(foreign), { message: 'The checkpoint belongs to another arena' });
  arena.close();
});
