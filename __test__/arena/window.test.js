'use strict';
// tier: run-time

// Which span an allocation is served from: the open one, a new one, or one beside it.

const test = require('ava');
const { stamp, isStamped, isZero, isDead } = require('../helpers/bytes.js');
const { steal } = require('../helpers/theft.js');
const { closing } = require('../helpers/sources.js');

const KiB = 1024;
const MiB = 1024 * KiB;

/** Arenas are known by their limit to those that closed before. */
let limit = 9000 * KiB;
const newArena = (t, options) => {
  limit += 4 * KiB;
  return closing(t, { maxBytes: limit, ...options });
};

const sizeOf = (buffer) => buffer.buffer.byteLength;

test('a window serves to its last byte, and no further', (t) => {
  for (const method of ['alloc', 'allocUnsafe']) {
    const arena = newArena(t);
    const first = stamp(arena[method](64 * KiB - 16), 1);
    const last = stamp(arena[method](16), 2);
    t.true(last.buffer === first.buffer);
    t.false(arena[method](1).buffer === first.buffer);
    const other = newArena(t);
    const full = other[method](64 * KiB - 8);
    t.false(other[method](16).buffer === full.buffer);
  }
  const arena = newArena(t);
  const buffers = Array.from({ length: 40 }, (_, i) => stamp(arena.alloc(7 * KiB), i));
  t.true(buffers.every(isStamped));
});

test('strings go to the window that a rewind opens again', (t) => {
  for (const safety of ['detach', 'gc', 'recycle']) {
    const arena = newArena(t, { safety });
    const before = arena.from('before');
    const checkpoint = arena.checkpoint();
    for (let i = 0; i < 2; i++) arena.from('between'); // the second by the writer of its window
    arena.rewind(checkpoint);
    const after = arena.from('after');
    t.is(after.buffer, before.buffer);
    t.deepEqual([before.toString(), after.toString()], ['before', 'after']);
  }
});

const dirty = (arena, size) => arena.allocUnsafe(size).fill(0xff);

test('alloc is zero-filled over dirty memory, in whichever way it is served', (t) => {
  const arena = newArena(t);
  dirty(arena, 64 * KiB);
  arena.reset(); // in place
  t.true(isZero(arena.alloc(100)), 'by the open window');
  dirty(arena, 30 * KiB);
  for (let i = 0; i < 2; i++) dirty(arena, MiB);
  arena.reset();
  t.true(isZero(arena.alloc(100)), 'by a warm span');
  t.true(isZero(arena.alloc(MiB)), 'beside the window');
});

test('an oversize Buffer lies beside a window of which an eighth of a chunk is left', (t) => {
  for (const [used, stays] of [
    [48 * KiB, true],
    [48 * KiB + 8, false],
  ]) {
    const arena = newArena(t);
    const first = arena.alloc(used);
    arena.alloc(200 * KiB);
    t.is(arena.alloc(8).buffer === first.buffer, stays, `${used} bytes used`);
  }
});

test('after reserve() there is one window for all of it', (t) => {
  const arena = newArena(t);
  const first = arena.alloc(100);
  arena.reserve(60 * KiB);
  t.is(arena.alloc(100).buffer, first.buffer, 'it had room');
  arena.reserve(200 * KiB);
  const next = arena.alloc(100);
  t.true(sizeOf(next) >= 200 * KiB);
  t.is(arena.alloc(199 * KiB).buffer, next.buffer);
});

test('a scope takes pieces of 16 KiB, doubling up to 256 KiB', (t) => {
  const arena = newArena(t);
  arena.scope((child) => {
    const sizes = new Set();
    const pieces = [];
    for (let i = 0; i < 120; i++) {
      const buffer = child.alloc(8 * KiB);
      if (sizes.has(buffer.buffer)) continue;
      sizes.add(buffer.buffer);
      pieces.push(sizeOf(buffer) / KiB);
    }
    t.deepEqual(pieces, [16, 32, 64, 128, 256, 256, 256]);
  });
});

test('each checkpoint begins with a small piece, however many there are', (t) => {
  const arena = newArena(t);
  for (let i = 0; i < 100; i++) {
    arena.checkpoint();
    t.is(sizeOf(arena.alloc(10)), 16 * KiB);
  }
  const outer = arena.checkpoint();
  const sizes = () =>
    [arena.alloc(16 * KiB), arena.alloc(32 * KiB)].map((one) => sizeOf(one) / KiB);
  t.deepEqual(sizes(), [16, 32]);
  arena.rewind(outer);
  arena.checkpoint();
  t.deepEqual(sizes(), [16, 32]);
});

test('so does what follows a checkpoint, until it is rewound or reset', (t) => {
  const arena = newArena(t);
  t.is(sizeOf(arena.alloc(10)), 64 * KiB);
  const mark = arena.checkpoint();
  t.is(sizeOf(arena.alloc(10)), 16 * KiB);
  arena.rewind(mark);
  t.is(sizeOf(arena.alloc(64 * KiB)), 128 * KiB);
  arena.checkpoint();
  arena.reset();
  t.is(sizeOf(arena.alloc(10)), 128 * KiB, 'the warm one of before');
  t.is(sizeOf(arena.alloc(128 * KiB)), 128 * KiB);
});

test('a checkpoint over a window that a reset left empty', (t) => {
  const arena = newArena(t);
  arena.alloc(10);
  arena.reset();
  const mark = arena.checkpoint();
  const buffer = stamp(arena.alloc(100), 1);
  arena.rewind(mark);
  t.true(isDead(buffer));
  const next = stamp(arena.alloc(100), 2);
  t.is(sizeOf(next), 64 * KiB);
  t.is(arena.stats().spans, 1);
  arena.scope((child) => dirty(child, 50 * KiB).length);
  t.true(isStamped(next, 2));
});

test('an empty window that makes place for a larger one is in the epoch no more', (t) => {
  const arena = newArena(t);
  arena.alloc(10);
  arena.reset();
  const buffer = stamp(arena.alloc(MiB), 1);
  t.is(arena.stats().spans, 1);
  t.is(arena.stats().allocated, MiB);
  arena.scope((child) => dirty(child, 50 * KiB).length);
  t.true(isStamped(buffer, 1));
  arena.reset();
  const all = [10, 60 * KiB, 100 * KiB, MiB].map((size, i) => stamp(arena.alloc(size), i));
  t.true(all.every(isStamped), 'no memory is there twice');
});

test('shrink() gives an empty window back, and no other', (t) => {
  const arena = newArena(t);
  const buffer = stamp(arena.alloc(10), 1);
  arena.shrink();
  t.true(isStamped(buffer, 1));
  t.is(arena.stats().spans, 1);
  arena.reset();
  t.is(arena.stats().spans, 1);
  arena.shrink();
  t.is(arena.stats().spans, 0);
});

test('a string whose bytes do not fit into the window is whole in the next', (t) => {
  const text = 'ü'.repeat(8);
  for (let left = 0; left < 30; left++) {
    const arena = newArena(t, { align: 1 });
    arena.allocUnsafe(64 * KiB - left);
    t.is(arena.from(text).toString(), text, `${left} bytes left`);
    t.is(arena.from(text).toString(), text);
  }
});

test('strings go where the window is, wherever it was before', (t) => {
  const arena = newArena(t);
  const strings = ['in the first window'];
  const buffers = [arena.from(strings[0])];
  const next = (text) => buffers.push(arena.from(strings[strings.push(text) - 1]));
  arena.alloc(64 * KiB);
  next('in the second');
  arena.checkpoint();
  next('after a checkpoint');
  arena.reserve(200 * KiB);
  next('in what was reserved');
  t.deepEqual(buffers.map(String), strings);
  for (let round = 0; round < 3; round++) {
    arena.reset(); // from the second on in place
    for (const text of ['opens the window', 'is written into it']) {
      t.is(arena.from(text).toString(), text);
    }
  }
});

test('an array that does not fit leaves the next allocation where it was', (t) => {
  const arena = newArena(t, { align: 1 });
  const { byteOffset } = arena.allocUnsafe(3);
  t.throws(() => arena.array(Float64Array, 10 * MiB), { code: 'ERR_RALLOC_LIMIT' });
  t.is(arena.allocUnsafe(1).byteOffset, byteOffset + 3);
});

test('padding beyond the end of a limit counts for nothing', (t) => {
  const arena = closing(t, { maxBytes: 100, wipe: true });
  arena.alloc(99);
  t.is(arena.stats().allocated, 100);
  arena.reset();
  t.is(arena.alloc(99).length, 99);
});

test('stolen bytes are not allocated any more', async (t) => {
  const arena = newArena(t);
  await steal(arena.alloc(1000));
  arena.alloc(8);
  t.is(arena.stats().allocated, 8);
  t.is(arena.stats().spans, 1);
});
