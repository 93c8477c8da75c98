'use strict';
// tier: run-time

// What users do that nobody should: callbacks that throw, streams whose write() is another's, memory that is taken away
// while an operation has it.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { PassThrough, Writable } = require('node:stream');
const { text } = require('node:stream/consumers');
const { MessageChannel } = require('node:worker_threads');
const { Arena, backend } = require('../../../lib/index.js');
const { nodeMajor } = require('../../helpers/backend.js');
const { BusyPool } = require('../../helpers/busy-pool.js');
const { run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { letGo, until, untilCollected } = require('../../helpers/until.js');

const SIZE = 16 * 1024;
const isCopied = backend === 'native' && nodeMajor < 22; // what a transfer list has of native memory

for (const operation of [
  'fs.write',
  'fs.writeFile',
  'fs.read',
  'a write',
  'an end',
  'randomFill',
]) {
  test(`a callback of ${operation} that throws: the exception is its own, and nothing is held`, async (t) => {
    const { code, stderr, result } = await run('node/throws.js', { args: [operation] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { thrown: ['mine'], heldBefore: true, held: 0 });
  });
}

/** Collects what it is given, and calls back at once. */
function sink() {
  const chunks = [];
  const stream = new Writable({
    write(chunk, _encoding, callback) {
      chunks.push(Buffer.from(chunk));
      callback();
    },
  });
  return { stream, chunks };
}

test('a stream whose own write() calls the original at once holds what it is given', async (t) => {
  const arena = new Arena({ guard: true });
  const through = new PassThrough({ highWaterMark: 1 });
  const { write } = through;
  through.write = function (...args) {
    return write.apply(this, args);
  };
  through.write(arena.from('first'));
  through.write(arena.from('second'));
  through.end(arena.from('third'));
  arena.reset();
  arena.from('!'.repeat(16));
  t.true(arena.stats().memory.held > 0);
  t.is(await text(through), 'firstsecondthird');
  await letGo(arena);
  arena.close();
});

test('a stream whose own write() calls the original later is refused what has died meanwhile', async (t) => {
  const arena = new Arena({ guard: true });
  const { stream, chunks } = sink();
  const { write } = stream;
  const waiting = [];
  stream.write = (...args) => waiting.push(args) > 0;
  stream.write(arena.from('in time'));
  for (const args of waiting.splice(0)) write.apply(stream, args);
  await until(() => chunks.length === 1);
  await new Promise(setImmediate); // its callback comes in a tick
  stream.write(arena.from('too late'));
  arena.reset();
  t.is(arena.stats().memory.held, 0);
  const failed = new Promise((resolve) => stream.once('error', resolve));
  for (const args of waiting) t.false(write.apply(stream, args));
  t.is((await failed).code, 'ERR_RALLOC_DEAD_BUFFER');
  t.is(Buffer.concat(chunks).toString(), 'in time');
  t.is(arena.stats().memory.held, 0);
  arena.close();
});

test('a stream whose own write() never calls the original holds nothing, and end() still does', async (t) => {
  const arena = new Arena({ guard: true });
  const { stream, chunks } = sink();
  let calls = 0;
  stream.write = () => {
    calls++;
    return true;
  };
  stream.write(arena.from('lost'));
  t.is(arena.stats().guarded.stream.operations, 0);
  stream.cork();
  stream.end(arena.from('last'));
  arena.reset();
  arena.from('!!!!!!!!');
  await new Promise((resolve) => stream.once('finish', resolve));
  t.is(calls, 1);
  t.is(Buffer.concat(chunks).toString(), 'last');
  t.is(arena.stats().memory.held, 0);
  arena.close();
});

for (const [when, resets] of [
  ['before its reset', false],
  ['while it waits after its reset', true],
]) {
  test.serial(`memory that postMessage() takes from a write in flight, ${when}`, async (t) => {
    const arena = new Arena({ guard: true });
    arena.allocUnsafe(1);
    arena.reset(); // an ArrayBuffer that never moved cannot be transferred on Node 22 and later
    const buffer = arena.allocUnsafe(SIZE).fill('a');
    const { byteOffset } = buffer;
    const file = join(folder(t), 'file');
    const fd = fs.openSync(file, 'w');
    const pool = new BusyPool();
    const written = new Promise((resolve) => fs.write(fd, buffer, 0, SIZE, 0, resolve));
    if (resets) arena.reset();
    const { port1, port2 } = new MessageChannel();
    let received = new Promise((resolve) => port2.once('message', resolve));
    port1.postMessage(buffer.buffer, [buffer.buffer]);
    t.is(buffer.length, isCopied ? SIZE : 0);
    if (!resets) arena.reset();
    const next = arena.allocUnsafe(SIZE).fill('b');
    await pool.release();
    t.is(await written, null);
    fs.closeSync(fd);
    t.deepEqual(fs.readFileSync(file), Buffer.alloc(SIZE, 'a'));
    t.deepEqual(Buffer.from(await received, byteOffset, SIZE), Buffer.alloc(SIZE, 'a'));
    t.deepEqual(next, Buffer.alloc(SIZE, 'b'));
    received = undefined;
    port1.close();
    arena.reset();
    t.is(arena.stats().memory.held, 0);
    arena.close();
    await untilCollected(() => arena.stats().memory.used === 0); // what was taken counts until nobody has it
  });
}
