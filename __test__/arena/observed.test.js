'use strict';
// tier: run-time

// What an observer (base/observer.js) hears of an arena's memory, and that no answer of its decides what becomes of it. So it is with memory that is for one
// Buffer alone, as debug mode has it.

const test = require('ava').serial;
const { Arena } = require('../..');
const { takeSole } = require('../../lib/arena/adopt.js');
const { usedWindow } = require('../../lib/arena/arena.js');
const { observing } = require('../../lib/base/observer.js');

const SIZE = 1000;

/** `[event, span's size, …]` of the events that are of spans, from now on. */
function observed(t) {
  const heard = [];
  const note = (...event) => {
    heard.push(event);
  };
  observing.observer = {
    opened() {},
    closed() {},
    held() {},
    released() {},
    ended: (epoch, { from }) => note('ended', epoch.spans.slice(from).length),
    gone: ({ size }) => note('gone', size),
    detached: ({ size }, own) => note('detached', size, own.byteLength, new Uint8Array(own)[0]),
  };
  t.teardown(() => {
    observing.observer = null;
  });
  return heard;
}

/** An ArrayBuffer of 7s, which is the arena's, for one Buffer. */
function sole(arena) {
  const ab = new Uint8Array(SIZE).fill(7).buffer;
  takeSole(usedWindow(arena), ab, SIZE);
  return ab;
}

test('the memory of one Buffer alone is detached when its epoch ends, and the observer has it then', (t) => {
  const heard = observed(t);
  for (const wipe of [false, true]) {
    const arena = new Arena({ wipe });
    const ab = sole(arena);
    t.is(arena.stats().adopted, SIZE);
    arena.reset();
    t.is(ab.byteLength, 0);
    t.is(arena.stats().adopted, 0);
    t.deepEqual(heard.splice(0), [
      ['ended', 1],
      ['gone', SIZE],
      ['detached', SIZE, SIZE, 7],
    ]);
    arena.close();
  }
});

test('what is held has ended at once, and is gone with the hold', (t) => {
  const heard = observed(t);
  const arena = new Arena();
  const ab = sole(arena);
  const { size } = usedWindow(arena).epoch.spans.at(-1);
  arena.allocUnsafe(SIZE);
  const hold = arena.hold();
  arena.reset();
  t.deepEqual(heard.splice(0), [['ended', 2]]);
  t.is(ab.byteLength, SIZE);
  hold.release();
  t.is(ab.byteLength, 0);
  t.deepEqual(heard.slice(1), [
    ['gone', size],
    ['detached', size, SIZE, 7],
  ]);
  t.is(heard[0][0], 'gone');
  arena.close();
});

test('a reset in place is told, and so is what a rewind ends', (t) => {
  const heard = observed(t);
  const arena = new Arena();
  arena.allocUnsafe(SIZE);
  arena.reset();
  t.deepEqual(heard.splice(0), [['ended', 1]]);
  arena.allocUnsafe(SIZE);
  const checkpoint = arena.checkpoint();
  arena.allocUnsafe(SIZE);
  arena.allocUnsafe(100 * SIZE);
  arena.rewind(checkpoint);
  t.deepEqual(heard.splice(0), [['ended', 2]]);
  arena.close();
});

/** What an arena has after each of some steps. `maxBytes`: none that another has, whose closed pool would be its own. */
function steps(maxBytes) {
  const arena = new Arena({ maxBytes });
  const all = [];
  const step = (act) => {
    act();
    const { memory, limit: _limit, ...own } = arena.stats();
    const { used, held, warm, quarantined } = memory; // the rest is of the collector too
    all.push({ ...own, used, held, warm, quarantined });
  };
  let hold;
  let checkpoint;
  step(() => arena.adopt(Buffer.from('copied')));
  step(() => arena.reset());
  step(() => sole(arena));
  step(() => arena.adopt(Buffer.alloc(20_000)));
  step(() => {
    checkpoint = arena.checkpoint();
  });
  step(() => arena.alloc(SIZE));
  step(() => sole(arena));
  step(() => arena.rewind(checkpoint));
  step(() => {
    hold = arena.hold();
  });
  step(() => arena.reset());
  step(() => hold.release());
  step(() => arena.close());
  return all;
}

test('memory goes the same ways whether somebody observes or not', (t) => {
  const alone = steps(2 ** 20);
  observed(t);
  t.deepEqual(steps(2 ** 21), alone);
});
