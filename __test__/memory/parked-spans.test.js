'use strict';
// tier: run-time

// Spans that operations of Node still use when their arena is done with them. The operations here are taken as the
// guard takes them, and end when the test says so.

const test = require('ava');
const { newArena, begin, memoryOf, bytes } = require('../helpers/parked.js');
const { kHolder } = require('../../lib/base/protocol.js');
const { Arena } = require('../../lib/index.js');

const KiB = 1024;

const ends = {
  'a reset': (arena, act) => {
    const buffer = act(arena);
    arena.reset();
    return buffer;
  },
  'a rewind': (arena, act) => {
    const checkpoint = arena.checkpoint();
    const buffer = act(arena);
    arena.rewind(checkpoint);
    return buffer;
  },
  'the end of a scope': (arena, act) => {
    let buffer;
    arena.scope((child) => {
      buffer = act(child);
    });
    return buffer;
  },
  "the end of a scope's parent": (arena, act) => {
    let buffer;
    arena.scope((child) => {
      buffer = act(child);
      arena.reset();
    });
    return buffer;
  },
  'the close of the arena': (arena, act) => {
    const buffer = act(arena);
    arena.close();
    return buffer;
  },
};

for (const [name, ending] of Object.entries(ends)) {
  for (const safety of ['detach', 'recycle']) {
    test(`an operation keeps its bytes over ${name}, with safety '${safety}'`, (t) => {
      const arena = newArena({ safety });
      let done;
      const buffer = ending(arena, (inner) => {
        const own = bytes(inner, 7);
        done = begin(own);
        return own;
      });
      t.true(memoryOf(arena).held > 0);
      const other = newArena({ safety });
      for (let i = 0; i < 20; i++) {
        if (arena.stats().live) bytes(arena, i + 10, 10 * KiB);
        bytes(other, i + 10, 10 * KiB);
      }
      t.deepEqual([...buffer], new Array(8).fill(7));
      done();
      t.is(memoryOf(arena).held, 0);
      if (safety === 'detach') t.is(buffer.length, 0);
      arena.close();
      other.close();
    });
  }
}

test('memory is used again once the last of several operations is over', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1, 60 * KiB);
  const [first, second] = [begin(buffer), begin(buffer.subarray(4, 8))];
  arena.reset();
  t.is(memoryOf(arena).held, 64 * KiB);
  first();
  t.is(buffer.length, 60 * KiB);
  second();
  t.is(buffer.length, 0);
  t.like(memoryOf(arena), { held: 0, warm: 64 * KiB, used: 64 * KiB });
  bytes(arena, 2, 60 * KiB);
  t.is(memoryOf(arena).used, 64 * KiB);
  arena.close();
});

test('an operation that begins on a span which waits for another keeps it too', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1);
  const first = begin(buffer);
  arena.reset();
  const second = begin(buffer);
  first();
  t.is(buffer.length, 8);
  second();
  t.is(buffer.length, 0);
  arena.close();
});

test('a hold and an operation both have to be over, in either order', (t) => {
  for (const order of ['hold first', 'operation first']) {
    const arena = newArena();
    const buffer = bytes(arena, 1);
    const done = begin(buffer);
    const hold = arena.hold();
    arena.reset();
    const steps = [() => hold.release(), done];
    if (order === 'operation first') steps.reverse();
    steps[0]();
    t.deepEqual([buffer.length, memoryOf(arena).held], [8, 64 * KiB], order);
    steps[1]();
    t.deepEqual([buffer.length, memoryOf(arena).held], [0, 0], order);
    arena.close();
  }
});

test('other spans of the epoch do not wait', (t) => {
  const arena = newArena();
  const [small, large] = [bytes(arena, 1), bytes(arena, 2, 200 * KiB)];
  const done = begin(small);
  arena.reset();
  t.deepEqual([small.length, large.length], [8, 0]);
  t.is(memoryOf(arena).held, 64 * KiB);
  done();
  arena.close();
});

test('what waits counts toward the limit, and is to be had again after the operation', (t) => {
  const arena = new Arena({ maxBytes: 64 * KiB, guard: true });
  const done = begin(bytes(arena, 1));
  arena.reset();
  t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' });
  done();
  t.is(arena.alloc(1).length, 1);
  arena.close();
});

test('an operation that ends twice does not let go what the next one needs', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1);
  const first = begin(buffer);
  first();
  first();
  const second = begin(buffer);
  arena.reset();
  t.is(buffer.length, 8);
  second();
  t.is(buffer.length, 0);
  arena.close();
});

test('an operation on a dead Buffer is an error, on one of no bytes and on a heap Buffer none', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1);
  begin(buffer.subarray(3, 3))();
  arena.reset();
  t.throws(() => begin(buffer), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  t.is(arena.alloc(0).buffer[kHolder], undefined);
  arena.close();
});

test("nothing is marked without the guard, nor with safety 'gc'", (t) => {
  for (const options of [{}, { safety: 'gc' }, { guard: true, safety: 'gc' }]) {
    const arena = newArena({ guard: false, ...options });
    t.is(bytes(arena, 1).buffer[kHolder], undefined);
    arena.close();
  }
});

test('an arena without the guard does not get the memory of one that had it, and the other way round', (t) => {
  const size = 96 * KiB;
  const first = new Arena({ maxBytes: size, guard: true });
  begin(bytes(first, 1))();
  first.close();
  const second = new Arena({ maxBytes: size });
  t.is(bytes(second, 1).buffer[kHolder], undefined);
  second.close();
  const third = new Arena({ maxBytes: size, guard: true });
  t.not(bytes(third, 1).buffer[kHolder], undefined);
  t.is(third.stats().guarded.fs.operations, 0);
  third.close();
});

test('the guard counts operations and their bytes', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1, 100);
  begin(buffer)();
  begin(buffer.subarray(0, 10))();
  t.deepEqual(arena.stats().guarded.fs, { operations: 2, bytes: 110 });
  arena.close();
  t.deepEqual(arena.stats().guarded.fs, { operations: 2, bytes: 110 });
});
