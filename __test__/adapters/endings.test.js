'use strict';
// tier: run-time, differs

// How a request can end, on every adapter: its arena is released once and at the right event, its Buffers are dead afterwards, or
// keep their bytes where something may still read them, the client got what the handler wrote, and nothing stays leased, nor charged by admission(), which every
// other cell has. Each ending is written once (helpers/endings/) and runs on each framework: all of
// the table on Node 24, unless RALLOC_BUDGET=tenth, and in `npm run soak`; elsewhere all of it on
// servers of Node, and a tenth on frameworks.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const { setImmediate: turn } = require('node:timers/promises');
const { Budget } = require('ralloc');
const { RAW, adapters, serveOn } = require('../helpers/adapters.js');
const { nodeMajor } = require('../helpers/backend.js');
const { budget, isSoak, isTenth } = require('../helpers/budget.js');
const { stamped, sameStamp } = require('../helpers/endings/common.js');
const { cells, chosen, endings } = require('../helpers/endings/index.js');
const { Life } = require('../helpers/endings/life.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const OTHERS = [100, 101, 102]; // ids of requests that come afterwards, and use what memory came back

/** What handlers kept, with the bytes that it had. */
class Kept {
  buffers = [];
  #copies = [];

  keep = (buffer) => {
    this.buffers.push(buffer);
    this.#copies.push(Buffer.from(buffer));
    return buffer;
  };

  areDead() {
    return this.buffers.every(({ length }) => length === 0);
  }

  areOwn() {
    const isOwn = (buffer, i) => buffer.length === 0 || buffer.equals(this.#copies[i]);
    return this.buffers.every(isOwn);
  }
}

async function getOthers(t, { connect }) {
  const client = await connect();
  for (const id of OTHERS) sameStamp(t, (await client.get(`/others/${id}`)).body, id);
  await client.destroy();
}

function countsOf({ requests, finished, aborted }, { either }) {
  return either === undefined ? { finished, aborted } : { either: finished + aborted, requests };
}

function expectedOf({ finished = 0, aborted = 0, either }) {
  return either === undefined ? { finished, aborted } : { either, requests: either };
}

const isAll = isSoak || (nodeMajor === 24 && !isTenth);

for (const [i, { ending, adapter }] of chosen(nodeMajor, isAll).entries()) {
  const row = endings[ending];
  const isAdmitted = i % 2 === 1; // of each ending about half
  test.serial(`${adapter}${isAdmitted ? ', with admission()' : ''}: ${ending}`, async (t) => {
    const kept = new Kept();
    const lives = [];
    const waiting = [];
    const answer = ({ arena, req, res }) => {
      const id = Number(req.url.split('/').at(-1));
      const isOther = req.url.startsWith('/others/');
      t.true(arena.owns(arena.allocUnsafe(1)), 'leased');
      lives.push(new Life({ arena, req, res }, isOther ? 'close' : row.ends));
      const exchange = { arena, req, res, id, keep: kept.keep, kept: kept.buffers, waiting };
      const handler = isOther ? stamped : row.handler;
      return handler({ ...exchange, current: () => server.arenas.current() });
    };
    const budget = new Budget({ maxBytes: 2 ** 30 });
    const admitted = isAdmitted ? { budget, key: () => 'one' } : undefined;
    const server = await serveOn(t, adapter, answer, row.options, row.settings, admitted);
    const { admit, arenas } = server;
    await row.visit(t, { ...server, waiting });
    await until(() => arenas.stats().inFlight === 0);
    t.deepEqual(countsOf(arenas.stats(), row), expectedOf(row));
    t.is(arenas.stats().heapRequests, 0);
    const isAttached = row.attached && row.either === undefined && kept.buffers.length > 0;
    if (!row.attached) t.true(kept.areDead());
    else if (isAttached) t.false(kept.areDead(), 'something may still read');
    t.true(row.attached || arenas.stats().memory.quarantined === 0);

    if (!row.closes) await getOthers(t, server);
    await until(() => arenas.stats().inFlight === 0 && lives.every((life) => !life.fault()));
    t.true(kept.areOwn(), 'sameBytes: what is not dead has its own');
    const counts = countsOf(arenas.stats(), {});
    for (const life of lives) life.closeAgain();
    await turn();
    t.deepEqual(countsOf(arenas.stats(), {}), counts, 'released once');
    assertSettled(t, arenas);
    if (!isAdmitted) return;
    await until(() => admit.stats().open === 0);
    t.like(admit.stats(), { waiting: 0, keys: 0, refused: { 413: 0, 429: 0, 503: 0 } });
    t.like(budget.stats(), { used: 0, charges: 0, waiting: 0 });
  });
}

test('every cell that cannot apply says why', (t) => {
  const not = cells.filter(({ why }) => why !== undefined);
  t.true(not.every(({ why }) => why.length > 10));
  const named = Object.values(endings).reduce(
    (sum, row) => sum + Object.keys(row.not ?? {}).length,
    0,
  );
  t.is(not.length, named, 'each names an adapter that there is');
});

// Long streams on every adapter: the messages take no more memory than the first forty, however a handler gives back what it has sent.

const MESSAGES = budget(120, 10_000);
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

for (const [i, adapter] of adapters.entries()) {
  for (const [j, [way, message]] of Object.entries(ways).entries()) {
    if (!isSoak && i > 0 && i % 3 !== j) continue; // of the first all, of the others one: what they send is Node's own response
    test.serial(`${adapter}: a long stream of events with ${way}`, async (t) => {
      const memory = [];
      const head = { arena: undefined };
      const server = await serveOn(t, adapter, async ({ arena, res }) => {
        head.arena = arena.from('kept for as long as the stream');
        const preamble = way.startsWith('reset') ? Buffer.from(head.arena) : head.arena;
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        for (let id = 0; id < MESSAGES; id++) {
          await message(arena, id, (bytes) => sent(res, bytes));
          if (id % 40 === 39) memory.push(server.arenas.stats().memory.used);
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
