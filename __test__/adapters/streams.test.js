'use strict';
// tier: run-time, differs

// Long streams on every adapter: the messages take no more memory than the first hundred, however a handler gives back what it has sent.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const { adapters, serveOn, RAW } = require('../helpers/adapters.js');
const { budget } = require('../helpers/budget.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const MESSAGES = budget(1000, 10_000);
const SIZE = 3000;
const MOST = 256 * 1024; // bytes that a stream may take: two chunks of 64 KiB, and as much again

const sent = (res, bytes) => new Promise((resolve) => res.write(bytes, resolve));
const eventOf = (arena, id) => arena.from(`data: ${String(id).padEnd(SIZE, '.')}\n\n`);

/** How a handler gives back the memory of a message: (arena, send) → a promise. */
const ways = {
  'reset() between messages': async (arena, id, send) => {
    await send(eventOf(arena, id));
    arena.reset();
  },
  'a scope for each message': (arena, id, send) =>
    arena.scope(async (inner) => {
      await send(eventOf(inner, id));
    }),
  'checkpoint() and rewind()': async (arena, id, send) => {
    const before = arena.checkpoint();
    await send(eventOf(arena, id));
    arena.rewind(before);
  },
};

/** Reads events one after another as they come, and says how many are whole and in order. */
async function countEvents(response) {
  let rest = '';
  let count = 0;
  response.setEncoding('latin1');
  for await (const part of response) {
    const events = (rest + part).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      if (event !== `data: ${String(count).padEnd(SIZE, '.')}`) throw new Error(`event ${count}`);
      count++;
    }
  }
  return count;
}

for (const adapter of adapters) {
  for (const [way, message] of Object.entries(ways)) {
    test.serial(`${adapter}: a long stream of events with ${way}`, async (t) => {
      const memory = [];
      const head = { arena: undefined };
      const server = await serveOn(t, adapter, async ({ arena, res }) => {
        head.arena = arena.from('kept for as long as the stream');
        const preamble = way.startsWith('reset') ? Buffer.from(head.arena) : head.arena;
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        for (let id = 0; id < MESSAGES; id++) {
          await message(arena, id, (bytes) => sent(res, bytes));
          if (id % 100 === 99) memory.push(server.arenas.stats().memory.used);
        }
        t.is(preamble.toString(), 'kept for as long as the stream');
        res.end();
        return RAW;
      });
      const options = { port: server.port, host: '127.0.0.1', agent: false };
      const [response] = await once(http.get(options), 'response');
      t.is(await countEvents(response), MESSAGES);
      await until(() => server.arenas.stats().inFlight === 0);
      const { requests, finished, heapBuffers, lateBuffers } = server.arenas.stats();
      t.deepEqual([requests, finished, heapBuffers, lateBuffers], [1, 1, 0, 0]);
      t.true(
        memory.every((used) => used <= memory[0]),
        `${memory}`,
      );
      t.true(server.arenas.stats().memory.peak <= MOST, `of ${MESSAGES * SIZE}`);
      t.is(head.arena.length, 0);
      assertSettled(t, server.arenas);
    });
  }
}
