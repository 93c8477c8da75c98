'use strict';
// tier: run-time, differs

// What the fallback hears of deaths: of which collection each is, V8 may tell it later than the death itself.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { markAsUntransferable } = require('node:worker_threads');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { Deaths } = require('../../lib/memory/fallback/deaths.js');
const { move } = require('../../lib/memory/fallback/move.js');
const { nodeMajor } = require('../helpers/backend.js');
const { stamp, isStamped, isDead, sameStamp } = require('../helpers/bytes.js');
const { gc, untilCollected } = require('../helpers/until.js');

const registers = new Float64Array(4);

test('a death is told in the turn after it was heard, with the time since then', (t) => {
  const clock = new Clock();
  clock.use(() => {
    const deaths = new Deaths();
    deaths.hear(3);
    clock.now += 10;
    t.is(deaths.drain(registers), 0);
    clock.now += 10;
    clock.turn();
    deaths.hear(4);
    t.is(deaths.drain(registers), 1);
    t.deepEqual([...registers.subarray(0, 2)], [3, 20]);
    clock.turn();
    t.is(deaths.drain(registers), 1);
    t.deepEqual([...registers.subarray(0, 2)], [4, 0]);
  });
});

test('one that is heard and not told yet is not alive', (t) => {
  const deaths = new Deaths();
  const object = Buffer.alloc(1);
  deaths.watch(object, 0);
  t.true(deaths.isAlive(0));
  deaths.hear(0);
  t.false(deaths.isAlive(0));
});

test('no death is told before its collection is, at the end of a process', async (t) => {
  const { result } = await run('memory/forgets-last.js', { execArgv: ['--expose-gc'] });
  t.is(result.alive, 0);
  t.true(result.told === 0 || result.collections > 0, JSON.stringify(result));
});

// Detaching, where V8 owns the memory: lib/memory/fallback/move.js.

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
