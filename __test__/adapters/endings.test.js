'use strict';
// tier: run-time, differs

// How a request can end, on every adapter: its arena is released once and at the right event, its Buffers are dead afterwards, or
// keep their bytes where something may still read them, the client got what the handler wrote, and nothing stays leased. Each
// ending is written once (helpers/endings/) and runs on each framework: all of the table on Node 24 and in
// `npm run soak`; elsewhere all of it on servers of Node, and a tenth on frameworks.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { serveOn } = require('../helpers/adapters.js');
const { nodeMajor } = require('../helpers/backend.js');
const { isSoak } = require('../helpers/budget.js');
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

for (const { ending, adapter } of chosen(nodeMajor, isSoak)) {
  const row = endings[ending];
  test.serial(`${adapter}: ${ending}`, async (t) => {
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
    const server = await serveOn(t, adapter, answer, row.options, row.settings);
    const { arenas } = server;
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
  for (const { ending, adapter, why } of not) t.log(`${adapter}: ${ending}: ${why}`);
});
