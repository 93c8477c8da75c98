'use strict';
// tier: run-time

// audit() finds nothing while all is well, and sees each fault that is planted. helpers/audited.js
// calls it after each test of these rooms.

const test = require('ava');
const { Arena, Region, Slab, configureDebug, requestArena, verify } = require('../..');
const { ownerOf } = require('../../lib/arena/arena.js');
const { kHolder } = require('../../lib/base/protocol.js');
const { auditPool } = require('../../lib/memory/audit.js');
const { partsOf } = require('../../lib/memory/chunk-pool.js');
const { OPEN } = require('../../lib/memory/span.js');
const { auditRegion } = require('../../lib/region/audit.js');
const { auditSlab } = require('../../lib/slab/audit.js');
const { coreOf: coreOfRegion } = require('../../lib/region/region.js');
const { auditHeap, auditRequest } = require('../helpers/request-audit.js');
const { coreOf: coreOfSlab } = require('../../lib/slab/slab.js');
const { findings } = require('../helpers/audited.js');
const { Exchange } = require('../helpers/exchange.js');

const KiB = 1024;
const poolOf = (arena) => ownerOf(arena).pool;

/** An operation of Node begins on `buffer`: its end. */
const begin = (buffer) => buffer.buffer[kHolder].take(buffer, 'fs');

let maxBytes = 4096 * KiB;

/** An arena that has spans of all kinds: in use, warm, held, waiting, adopted. No closed one had its settings, and so its spans. */
function busy() {
  maxBytes += KiB;
  const arena = new Arena({ guard: true, maxBytes });
  for (let i = 0; i < 8; i++) arena.allocUnsafe(60 * KiB);
  arena.scope((child) => child.allocUnsafe(100).length);
  arena.reset();
  const end = begin(arena.allocUnsafe(60 * KiB));
  arena.reset();
  arena.allocUnsafe(60 * KiB);
  const hold = arena.hold();
  arena.adopt(Buffer.alloc(10_000));
  arena.reset();
  arena.allocUnsafe(100);
  return { arena, end, hold };
}

/** Plants a fault, which is seen by each audit, and mended by nobody; then takes it away. */
function sees(t, audit, expected, plant, restore) {
  t.deepEqual(audit(), []);
  plant();
  const found = audit();
  t.deepEqual(audit(), found, 'it mends nothing');
  restore();
  t.true(
    found.some((what) => expected.test(what)),
    `${found}`,
  );
  t.deepEqual(audit(), []);
}

test('in an arena, a span in two lists, counts that are off by one and a charge of nobody are seen', (t) => {
  const { arena, end, hold } = busy();
  const pool = poolOf(arena);
  const { leases, warm } = partsOf(pool);
  const inUse = [...leases.spans].find(({ state }) => state === OPEN);
  const seen = (...planted) => sees(t, () => auditPool(pool), ...planted);
  const take = () => warm.take(1, 1, true);
  seen(
    /^span \d+ is warm and of an epoch, not of an epoch$/,
    () => warm.put(inUse),
    () => warm.take(1, inUse.size, true),
  );
  for (const [name, by, expected] of [
    ['end', inUse.size, /^span \d+: \d+ and \d+ of \d+ bytes$/],
    ['operations', -1, /^span \d+ has -1 operations$/],
  ]) {
    seen(
      expected,
      () => {
        inUse[name] += by;
      },
      () => {
        inUse[name] -= by;
      },
    );
  }
  const free = take();
  const put = () => warm.put(free);
  put(); // from here on the next that is taken
  seen(/ is warm and warm, not warm$/, put, take);
  seen(/ is in no list, not warm$/, take, put);
  for (const [of, name, expected] of [
    [leases, 'bytes', /^bytes of spans: /],
    [leases, 'heldBytes', /^bytes of held spans: /],
    [pool.holders, 'spans', /^held spans: 3, not 2$/],
    [pool.holders, 'operations', /^operations on held spans: 2, not 1$/],
    [pool.holders, 'holds', /^holds on held spans: 2, not 1$/],
    [pool.adopted, 'bytes', /^bytes of adopted spans: 10001, not 10000$/],
  ]) {
    seen(
      expected,
      () => of[name]++,
      () => of[name]--,
    );
  }
  seen(
    /^bytes charged below and not leased: 14096, not 10000$/,
    () => leases.budget.charge(4096),
    () => leases.budget.discharge(4096),
  );
  hold.release();
  end();
  arena.close();
});

test('what a request is charged for is compared with what it has', async (t) => {
  const middleware = requestArena({ maxBytes: 64 * KiB });
  const exchanges = [new Exchange(), new Exchange()];
  const arenas = exchanges.map((exchange) => exchange.begin(middleware));
  const requests = arenas.map(ownerOf);
  const [{ arenas: all }] = requests;
  for (const arena of arenas) arena.allocUnsafe(1000);
  arenas[0].scope((child) => child.allocUnsafe(1000).length);
  t.true(all.heap.stats().used > 0, 'the second one has the heap');
  for (const request of requests) {
    sees(
      t,
      () => auditRequest(request),
      /^bytes charged to a request: \d+, not \d+$/,
      () => request.discharge(1),
      () => request.discharge(-1),
    );
  }
  sees(
    t,
    () => auditHeap(all, requests),
    /^bytes charged on the heap: 999, not 1000$/,
    () => all.heap.budget.discharge(1),
    () => all.heap.budget.force(1),
  );
  t.deepEqual(findings(), []);
  for (const exchange of exchanges) await exchange.finish();
  t.deepEqual(requests.flatMap(auditRequest), []);
  t.deepEqual(auditHeap(all, requests), []);
  await middleware.close();
});

test('in a region, a charge, a count and a span of no chunk are seen', (t) => {
  const region = new Region();
  const core = coreOfRegion(region);
  const audit = () => auditRegion(core);
  const buffers = [100, 2_000_000, 30].map((size) => region.alloc(size));
  region.free(buffers[2]);
  const { chunks, spans } = core;
  for (const [of, name, expected] of [
    [chunks, 'bytes', /^bytes of blocks: /],
    [chunks, 'metadata', /^bytes of records: /],
    [chunks, 'metadata', /^bytes charged below and not leased: /],
    [spans, 'held', /^held is 3, not 2$/],
    [spans, 'heldGranules', /^heldGranules is /],
    [core, 'operations', /^operations: 1, not 0$/],
  ]) {
    const more = () => of[name]++;
    const less = () => of[name]--;
    sees(t, audit, expected, more, less);
  }
  const [chunk] = chunks.all;
  const { home } = chunk.span;
  const [lose, find] = [null, home].map((to) => () => {
    chunk.span.home = to;
  });
  sees(t, audit, / is of no chunk$/, lose, find);
  region.close({ force: true });
  t.deepEqual(audit(), []);
});

test('in a slab, a slot that is cached twice and counts that are off are seen', (t) => {
  const slab = new Slab({ sizes: [64], count: 256 });
  const core = coreOfSlab(slab);
  const audit = () => auditSlab(core);
  const buffers = Array.from({ length: 10 }, () => slab.allocUnsafe(60));
  const [pool] = core.pools;
  const [first, second] = pool.stack;
  const [twice, once] = [first, second].map((slot) => () => {
    pool.stack[1] = slot;
  });
  sees(t, audit, /^64 B: slots in the cache, each once: 54, not 53$/, twice, once);
  for (const [name, expected] of [
    ['claimed', /^64 B: claimed slots: 65, not 64$/],
    ['inFlight', /^64 B: slots in flight: 1, and 0 wait$/],
    ['operations', /^64 B: operations: 1, not 0$/],
  ]) {
    const more = () => pool[name]++;
    const less = () => pool[name]--;
    sees(t, audit, expected, more, less);
  }
  for (const buffer of buffers) slab.free(buffer);
  slab.close();
  t.deepEqual(audit(), []);
});

test.serial('verify() audits what is open in debug mode, at its level full', (t) => {
  configureDebug({ level: 'full', report: () => {} });
  t.teardown(() => configureDebug({ level: 'off', report: null }));
  const [arena, slab, region] = [
    new Arena({ name: 'audited' }),
    new Slab({ sizes: [64], count: 64 }),
    new Region(),
  ];
  for (const one of [arena, slab, region]) one.alloc(10);
  t.is(verify(), 0);
  const pool = poolOf(arena);
  pool.holders.holds++;
  t.throws(verify, {
    code: 'ERR_RALLOC_CORRUPTED',
    message: "arena 'audited': holds on held spans: 1, not 0",
  });
  pool.holders.holds--;
  t.is(verify(), 0);
  arena.close();
  for (const one of [slab, region]) one.close({ force: true });
});
