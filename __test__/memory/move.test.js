'use strict';
// tier: run-time, differs

// Detaching, where V8 owns the memory: lib/memory/fallback/move.js.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { markAsUntransferable } = require('node:worker_threads');
const { move } = require('../../lib/memory/fallback/move.js');
const { nodeMajor } = require('../helpers/backend.js');
const { stamp, isStamped, isDead, sameStamp } = require('../helpers/bytes.js');
const { gc, untilCollected } = require('../helpers/until.js');

test('what is moved has its bytes, and the Buffers over it are dead', (t) => {
  const ab = new ArrayBuffer(4096);
  const buffer = stamp(Buffer.from(ab), 3);
  const moved = move(ab);
  sameStamp(t, Buffer.from(moved), 3);
  t.true(isDead(buffer));
  t.is(ab.byteLength, 0);
});

test('memory lives as long as anyone has the ArrayBuffer that lost it, and no longer', async (t) => {
  // As an operation in flight has it, by the Buffer that it was given.
  let buffer = Buffer.from(new ArrayBuffer(4096));
  const memory = new WeakRef(move(move(buffer.buffer)));
  for (let i = 0; i < 3; i++) {
    await turn(); // what was made or looked at in a turn is kept to its end
    gc();
  }
  t.not(memory.deref(), undefined);
  t.true(isDead(buffer));
  buffer = null;
  await untilCollected(() => memory.deref() === undefined);
});

test('what cannot be detached is an error, and stays as it is', (t) => {
  // Node 22 heeds the mark in transfer lists alone, and transfer() detaches all the same.
  const isHeeded = nodeMajor !== 22;
  const ab = new ArrayBuffer(4096);
  const buffer = stamp(Buffer.from(ab), 4);
  markAsUntransferable(ab);
  if (isHeeded) t.throws(() => move(ab));
  else move(ab);
  t.is(isStamped(buffer, 4), isHeeded);
  t.is(isDead(buffer), !isHeeded);
});
