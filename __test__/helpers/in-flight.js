'use strict';

// An operation that outlives the memory of its Buffer.

const { once } = require('node:events');
const { Arena } = require('../../lib/index.js');
const { BusyPool } = require('./busy-pool.js');
const { letGo } = require('./until.js');

const SIZE = 16 * 1024;

/** Whether there are bytes, and every one is `letter`. */
const isAll = (bytes, letter) =>
  bytes.length > 0 && bytes.equals(Buffer.alloc(bytes.length, letter));

/**
 * Begins an operation on a Buffer full of a's, which `goOn` lets go on later; ends the Buffer's life, and gives its
 * memory to another, full of b's. Then `finish` resolves to what the operation has seen, or undefined.
 * Gives that, and both Buffers, before their memory ends; at last nothing may be held.
 */
async function outlive(t, { guard, size = SIZE }, begin) {
  const arena = new Arena({ guard, chunkSize: 4 * SIZE });
  const buffer = arena.allocUnsafe(size).fill('a');
  const { goOn, finish } = await begin(buffer, arena);
  arena.reset();
  const next = arena.allocUnsafe(size).fill('b');
  await goOn();
  const seen = await finish();
  const result = { seen, isIntact: isAll(next, 'b'), stats: arena.stats().guarded };
  await letGo(arena);
  arena.close();
  t.is(arena.stats().memory.used, 0);
  return result;
}

/** begin() of an operation of the thread pool: start(buffer) gives its promise. Its rejection is what was seen then. */
const inPool = (start) => async (buffer) => {
  const pool = new BusyPool();
  const done = start(buffer).catch((error) => error);
  await new Promise(setImmediate);
  return { goOn: () => pool.release(), finish: () => done };
};

/** Copies of what is read: once it is read, a chunk is the reader's to hold. */
async function all(readable) {
  const parts = [];
  for await (const part of readable) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

async function listening(server) {
  await once(server.listen(0, '127.0.0.1').unref(), 'listening');
  return server.address().port;
}

/** What begins at once, waits by itself, and resolves to the bytes that `read` gives. */
const bytesOf = (read) => ({ goOn: async () => {}, finish: async () => Buffer.from(await read()) });

module.exports = { SIZE, all, bytesOf, inPool, isAll, listening, outlive };
