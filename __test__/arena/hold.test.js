'use strict';
// tier: run-time

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');

const KiB = 1024;

/** An arena whose hold() stands over a stamped Buffer. */
function heldArena(options) {
  const arena = new Arena(options);
  const buffer = stamp(arena.alloc(1000), 1);
  return { arena, buffer, hold: arena.hold() };
}

for (const end of ['reset', 'close']) {
  test(`a ${end} leaves held memory as it is, until the release`, (t) => {
    const { arena, buffer, hold } = heldArena();
    arena[end]();
    t.true(isStamped(buffer, 1));
    t.true(arena.stats().memory.held > 0);
    hold.release();
    t.true(isDead(buffer));
    t.is(arena.stats().memory.held, 0);
    arena.close();
  });
}

test('a rewind leaves held memory as it is, until the release', (t) => {
  const arena = new Arena();
  const before = stamp(arena.alloc(100), 1);
  const mark = arena.checkpoint();
  const since = stamp(arena.alloc(100), 2);
  const hold = arena.hold();
  arena.rewind(mark);
  stamp(arena.alloc(20 * KiB), 3);
  t.true(isStamped(since, 2));
  hold.release();
  t.true(isDead(since));
  t.true(isStamped(before, 1));
  arena.close();
});

test('the end of a scope leaves held memory as it is, until the release', (t) => {
  const arena = new Arena();
  let buffer;
  let hold;
  arena.scope((child) => {
    buffer = stamp(child.alloc(100), 1);
    hold = child.hold();
  });
  arena.scope((child) => child.allocUnsafe(1000).fill(0xff).length);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold of the parent covers the scopes that its reset ends', (t) => {
  const arena = new Arena();
  let buffer;
  arena.scope((child) => {
    buffer = stamp(child.alloc(100), 1);
    const hold = arena.hold();
    arena.reset();
    t.true(isStamped(buffer, 1));
    hold.release();
    t.true(isDead(buffer));
  });
  arena.close();
});

test('it covers scopes within scopes, also where those between were never used', (t) => {
  const arena = new Arena();
  arena.alloc(10);
  arena.scope((used) => {
    used.alloc(10);
    used.scope((inner) =>
      inner.scope((innermost) => {
        const buffer = stamp(innermost.alloc(100), 1);
        const hold = arena.hold();
        arena.reset();
        t.true(isStamped(buffer, 1));
        hold.release();
        t.true(isDead(buffer));
      }),
    );
  });
  arena.close();
});

test('the arena goes on with fresh memory meanwhile', (t) => {
  const { arena, buffer, hold } = heldArena();
  arena.reset();
  for (let i = 0; i < 20; i++) {
    stamp(arena.allocUnsafe(10 * KiB), 9);
    arena.reset();
  }
  t.true(isStamped(buffer, 1));
  hold.release();
  const { mapped } = arena.stats().memory;
  arena.alloc(10 * KiB);
  t.is(arena.stats().memory.mapped, mapped);
  arena.close();
});

test('of several holds the last release counts', (t) => {
  const { arena, buffer, hold } = heldArena();
  const others = [arena.hold(), arena.hold()];
  t.is(arena.stats().holds, 3);
  arena.reset();
  others[1].release();
  hold.release();
  t.true(isStamped(buffer, 1));
  others[0].release();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold is released once: more calls take no other hold away', (t) => {
  const { arena, buffer, hold } = heldArena();
  const other = arena.hold();
  arena.reset();
  for (let i = 0; i < 3; i++) hold.release();
  hold[Symbol.dispose]();
  t.true(isStamped(buffer, 1));
  other[Symbol.dispose]();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold belongs to its epoch: a later one is not held', (t) => {
  const { arena, buffer, hold } = heldArena();
  arena.reset();
  const later = arena.alloc(100);
  t.is(arena.stats().holds, 0);
  arena.reset();
  t.true(isDead(later));
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isDead(buffer));
  const newest = arena.alloc(100);
  hold.release();
  t.is(newest.length, 100);
  arena.close();
});

test('a hold that was released before the reset holds nothing', (t) => {
  const { arena, buffer, hold } = heldArena();
  hold.release();
  arena.reset();
  t.true(isDead(buffer));
  arena.close();
});

test('in recycle mode a hold keeps memory from being used again', (t) => {
  const { arena, buffer, hold } = heldArena({ safety: 'recycle' });
  arena.reset();
  arena.allocUnsafe(1000).fill(0xff);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isStamped(buffer, 1));
  arena.close();
});
