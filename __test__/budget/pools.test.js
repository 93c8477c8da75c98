'use strict';
// tier: run-time, differs

// The option `budget`: what the memory of arenas, slabs, regions and requests is charged to, who is refused, and what goes back before.

const test = require('ava');
const path = require('node:path');
const { Arena, Budget, Region, Slab, requestArena } = require('../..');
const { ownerOf } = require('../../lib/arena/arena.js');
const { countsTransfers } = require('../../lib/base/runtime.js');
const { pressure } = require('../../lib/budget/pressure.js');
const { coreOf } = require('../../lib/slab/slab.js');
const { nativeTest } = require('../helpers/backend.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { cutsTest } = require('../helpers/cuts.js');
const { Exchange } = require('../helpers/exchange.js');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const LIMIT = 'ERR_RALLOC_LIMIT';
const WRONG = 'ERR_RALLOC_INVALID_ARGUMENT';

const budgetOf = (maxBytes, options) => new Budget({ name: 'b', maxBytes, ...options });

/** What of each kind takes its bytes of a budget: [kind, makes one, takes about `bytes`, gives all that it has back, how many it has]. */
const KINDS = [
  [
    'an arena',
    (budget) => new Arena({ budget }),
    (arena, bytes) => arena.alloc(bytes),
    (arena) => arena.reset(),
    (arena) => arena.stats().memory.used,
  ],
  [
    'a slab',
    (budget) => new Slab({ budget, sizes: [4096], maxCount: 4096 }),
    (slab, bytes) => Array.from({ length: bytes / 4096 }, () => slab.alloc(4096)),
    (slab, all) => {
      for (const buffer of all) slab.free(buffer);
    },
    (slab) => slab.stats().committed,
  ],
  [
    'a region',
    (budget) => new Region({ budget, chunkSize: 64 * KiB }),
    (region, bytes) => Array.from({ length: bytes / 8192 }, () => region.alloc(8000)),
    (region, all) => {
      for (const buffer of all) region.free(buffer);
    },
    (region) => region.stats().taken,
  ],
];

for (const [kind, make, take, give, bytesOf] of KINDS) {
  test(`${kind} takes of its budget what it counts, up to the limit, and nothing once it is closed`, (t) => {
    const all = budgetOf(2 * MiB);
    const budget = budgetOf(MiB, { name: 'tenant', parent: all });
    const pool = make(budget);
    take(pool, 256 * KiB);
    t.true(budget.used >= 256 * KiB);
    t.deepEqual([budget.used, all.used], [bytesOf(pool), bytesOf(pool)]);
    const before = budget.used;
    const error = t.throws(() => take(pool, 4 * MiB), { code: LIMIT });
    t.is(error.budget, 'tenant');
    t.regex(error.message, /Raise maxBytes of the budget 'tenant', or release charges first$/);
    t.true(budget.used <= MiB && budget.used >= before);
    t.is(budget.used, bytesOf(pool));
    t.true(budget.stats().refused > 0);
    pool.close(kind === 'an arena' ? undefined : { force: true });
    t.deepEqual([budget.used, budget.stats().charges, all.used], [0, 0, 0]);
  });

  test(`what ${kind} has warm goes back before others are refused, also a charge`, (t) => {
    const budget = budgetOf(MiB);
    const pool = make(budget);
    const fill = () => give(pool, take(pool, 640 * KiB));
    fill();
    t.true(budget.used >= 640 * KiB, 'kept for the next');
    for (const [other, makeOther, takeOther] of KINDS) {
      const next = makeOther(budget);
      const all = takeOther(next, 512 * KiB);
      t.true(budget.used < MiB, other);
      t.true(bytesOf(pool) < 512 * KiB, other);
      if (other !== 'an arena') next.close({ force: true });
      else next.close();
      t.truthy(all);
      fill();
    }
    budget.charge(MiB - 4 * KiB).release();
    t.is(bytesOf(pool), 0);
    t.is(budget.stats().refused, 0);
    t.truthy(take(pool, 8 * KiB), 'it goes on');
  });

  test(`who waits is served by what ${kind} would have kept warm`, async (t) => {
    const budget = budgetOf(MiB);
    const pool = make(budget);
    const all = take(pool, 640 * KiB);
    let charge;
    budget.acquire(900 * KiB).then((one) => {
      charge = one;
    });
    await new Promise(setImmediate);
    t.is(charge, undefined);
    give(pool, all);
    pressure.look(); // ten times a second
    await new Promise(setImmediate);
    t.is(charge?.bytes, 900 * KiB);
    charge.release();
  });

  test(`${kind} of a budget that is closed, or made smaller than what it has, keeps what it has and takes no more`, (t) => {
    const budget = budgetOf(MiB);
    const pool = make(budget);
    const all = take(pool, 256 * KiB);
    const { used } = budget;
    budget.resize(KiB);
    t.throws(() => t.is(take(pool, 2 * MiB).length, 0), { code: LIMIT });
    t.is(budget.used, bytesOf(pool));
    t.true(budget.used <= used);
    budget.close();
    t.throws(() => take(pool, 2 * MiB), {
      code: 'ERR_RALLOC_CLOSED',
      message: "The budget 'b' is closed",
    });
    t.truthy(all);
    pool.close(kind === 'an arena' ? undefined : { force: true });
    t.is(budget.used, 0);
    t.throws(() => make(budget), { code: 'ERR_RALLOC_CLOSED' });
  });

  test(`${kind} that nobody has any more gives back what it has`, async (t) => {
    const budget = budgetOf(MiB);
    take(make(budget), 128 * KiB);
    await untilCollected(() => budget.used === 0 && budget.stats().charges === 0);
    t.pass();
  });
}

test('what is no budget of this copy of ralloc is refused', (t) => {
  const folder = copyOfPackage(t);
  const { Budget: Other } = require(path.join(folder, 'lib', 'budget', 'budget.js'));
  for (const [kind, make] of KINDS) {
    for (const budget of [null, 5, 'b', {}, new Other({ maxBytes: MiB })]) {
      const error = t.throws(() => make(budget), { instanceOf: TypeError, code: WRONG }, kind);
      t.regex(error.message, /"options\.budget" .* of the same copy of ralloc/);
    }
  }
});

test('of those that a budget refuses, others are as they were', (t) => {
  const budget = budgetOf(300 * KiB);
  const [arena, region] = [new Arena({ budget }), new Region({ budget })];
  const buffer = arena.from('kept');
  region.alloc(10);
  const { used } = budget;
  const error = t.throws(() => arena.alloc(MiB), { code: LIMIT });
  t.is(error.status, 413);
  t.is(region.tryAlloc(MiB), null);
  t.throws(() => region.alloc(MiB), { code: LIMIT });
  t.throws(() => arena.adopt(Buffer.alloc(MiB)), { code: LIMIT });
  t.throws(() => new Slab({ budget, sizes: [MiB], count: 1 }), { code: LIMIT });
  t.is(budget.used, used);
  t.is(buffer.toString(), 'kept');
  const { charges } = budget.stats();
  t.is(charges, 2, 'of the arena and the region');
});

test('what is adopted is charged, and what waits for a collection, until that has come', async (t) => {
  const budget = budgetOf(MiB);
  const arena = new Arena({ budget, safety: 'gc' });
  arena.adopt(Buffer.alloc(100 * KiB));
  t.true(budget.used >= 100 * KiB);
  arena.alloc(100 * KiB);
  arena.reset();
  t.true(budget.used >= 100 * KiB, 'in quarantine');
  arena.close();
  t.is(budget.stats().charges, 1);
  await untilCollected(() => budget.used === 0 && budget.stats().charges === 0);
  t.pass();
});

nativeTest(
  'a slab is charged where it is made, and not where it is attached',
  'threads share no slabs',
  (t) => {
    const budget = budgetOf(MiB);
    const slab = new Slab({ budget, sizes: [1024], count: 100 });
    const { used } = budget;
    t.is(used, slab.footprint);
    const other = Slab.attach(slab.handle());
    other.alloc(10);
    t.is(budget.used, used);
    other.close({ force: true });
    t.is(budget.used, used);
    slab.close({ force: true });
    t.is(budget.used, 0);
  },
);

test('a slab that threads or processes share takes no budget, and the error says what to do', (t) => {
  const budget = budgetOf(MiB);
  const pools = { sizes: [1024], count: 100 };
  for (const make of [
    (options) => Slab.create(null, { ...pools, ...options }),
    (options) => Slab.openOrCreate('/none', { ...pools, ...options }),
    (options) => Slab.open('/none', options),
    (options) => Slab.attach({ id: 1, nonce: '0'.repeat(16) }, options),
  ]) {
    t.throws(() => make({ budget }), { code: WRONG, message: /budget\.charge\(slab\.stats\(\)/ });
  }
  t.is(budget.used, 0);
});

/** A request with a tenant, and its arena. */
function begin(arenas, tenant) {
  const exchange = new Exchange();
  Object.assign(exchange.req, { tenant });
  const arena = exchange.begin(arenas);
  return { arena, end: () => ownerOf(arena).end(true, false) };
}

test('the requests of a middleware take of one budget, and get heap Buffers or an error where it is full', async (t) => {
  const all = new Budget({ name: 'all', maxBytes: 2 * MiB });
  const budget = budgetOf(MiB, { parent: all });
  const [lenient, strict] = [
    requestArena({ budget }),
    requestArena({ budget, onOverflow: 'error' }),
  ];
  const first = begin(lenient);
  first.arena.alloc(900 * KiB);
  t.is(budget.used, lenient.stats().memory.used);
  const second = begin(lenient);
  t.is(second.arena.alloc(400 * KiB).length, 400 * KiB);
  t.is(lenient.stats().heapBuffers, 1);
  const third = begin(strict);
  const error = t.throws(() => third.arena.alloc(400 * KiB), { code: LIMIT });
  t.like(error, { budget: 'b', status: 429 });
  for (const one of [first, second]) one.end();
  t.is(third.arena.alloc(400 * KiB).length, 400 * KiB, 'what is warm went back');
  third.end();
  await Promise.all([lenient.close(), strict.close()]);
  t.deepEqual([budget.used, budget.stats().charges], [0, 0]);
});

test('each request takes of the budget that a function returns for it, until its end', async (t) => {
  const all = new Budget({ name: 'all', maxBytes: 2 * MiB });
  const [acme, others] = ['acme', 'others'].map((name) => budgetOf(MiB, { name, parent: all }));
  const asked = [];
  const tenantOf = (req) => {
    asked.push(req.method);
    return req.tenant;
  };
  const arenas = requestArena({ budget: tenantOf, onOverflow: 'error' });
  const requests = [acme, acme, others, undefined].map((tenant) => begin(arenas, tenant));
  t.deepEqual(asked, [], 'a request without memory needs none');
  const [one, two, other, free] = requests.map(({ arena }) => arena);
  one.alloc(500 * KiB);
  one.alloc(10);
  other.alloc(100 * KiB);
  free.alloc(100 * KiB);
  t.is(asked.length, 3);
  // A second chunk is of 64 KiB, or twice that where V8 does not count what is transferred.
  t.true(acme.used >= 500 * KiB && acme.used < (countsTransfers ? 600 : 640) * KiB);
  t.true(others.used >= 100 * KiB && others.used < 200 * KiB);
  t.is(all.used, acme.used + others.used);
  const { used } = acme;
  const error = t.throws(() => two.alloc(600 * KiB), { code: LIMIT });
  t.like(error, { budget: 'acme', status: 429 });
  t.throws(() => two.adopt(Buffer.alloc(600 * KiB)), { code: LIMIT });
  t.throws(() => two.concat([Buffer.alloc(300 * KiB), Buffer.alloc(300 * KiB)]), { code: LIMIT });
  t.is(acme.used, used);
  t.is(t.throws(() => two.alloc(2 * MiB), { code: LIMIT }).status, 413);
  requests[0].end();
  t.is(acme.used, 0);
  t.is(two.alloc(600 * KiB).length, 600 * KiB);
  for (const { end } of requests) end();
  t.deepEqual([acme.used, others.used, all.used], [0, 0, 0]);
  t.deepEqual([acme.stats().charges, others.stats().charges], [0, 0]);
  t.is(one.alloc(10).length, 10, 'after its end');
  t.is(all.used, 0);
  await arenas.close();
});

test('a tenant without room has heap Buffers by default', async (t) => {
  const tenant = budgetOf(200 * KiB);
  const arenas = requestArena({ budget: () => tenant });
  const request = begin(arenas);
  request.arena.alloc(100 * KiB);
  for (const buffer of [
    request.arena.alloc(400 * KiB),
    request.arena.adopt(Buffer.alloc(300 * KiB)),
    request.arena.concat([Buffer.alloc(200 * KiB), Buffer.alloc(200 * KiB)]),
  ])
    t.true(buffer.length >= 300 * KiB);
  t.true(tenant.used <= 200 * KiB);
  t.is(arenas.stats().heapRequests, 1);
  request.end();
  t.is(tenant.used, 0);
  await arenas.close();
});

test('a function that throws, or returns no budget, is the error of the allocation', async (t) => {
  const own = new Error('mine');
  const answers = [
    () => {
      throw own;
    },
    () => 5,
    () => tenants.closed,
  ];
  const tenants = { closed: budgetOf(MiB) };
  tenants.closed.close();
  const [throwing, wrong, closed] = answers.map((budget) =>
    begin(requestArena({ budget, onOverflow: 'error' })),
  );
  t.is(
    t.throws(() => throwing.arena.alloc(10)),
    own,
  );
  t.throws(() => wrong.arena.alloc(10), { instanceOf: TypeError, code: WRONG });
  const error = t.throws(() => closed.arena.alloc(10), { code: 'ERR_RALLOC_CLOSED' });
  t.is(error.status, 503);
  for (const request of [throwing, wrong, closed]) request.end();
  for (const budget of [5, 'b', {}, null])
    t.throws(() => requestArena({ budget }), { instanceOf: TypeError, code: WRONG });
  t.throws(() => requestArena({ budget: tenants.closed }), { code: 'ERR_RALLOC_CLOSED' });
});

test('a function that allocates itself is asked once', async (t) => {
  const tenant = budgetOf(MiB);
  const request = begin(
    requestArena({
      budget: (req) => {
        req.arena.alloc(10);
        return tenant;
      },
    }),
  );
  request.arena.alloc(100 * KiB);
  t.true(tenant.used >= 100 * KiB);
  request.end();
  t.is(tenant.used, 0);
});

const STEPS = {
  'an allocation': (arena) => arena.alloc(100 * KiB),
  'a refusal': (arena) => {
    try {
      arena.alloc(900 * KiB);
    } catch (error) {
      if (error.code !== LIMIT) throw error;
    }
  },
  'a reset': (arena) => arena.reset(),
  'what is adopted': (arena) => {
    arena.adopt(Buffer.alloc(100 * KiB));
    arena.reset();
  },
  'a close': (arena) => arena.close(),
};

for (const [what, step] of Object.entries(STEPS)) {
  cutsTest(`${what} within a budget that is cut off`, (t, cutting, when) => {
    const budget = budgetOf(MiB);
    const [arena, other] = [new Arena({ budget }), new Arena({ budget })];
    arena.alloc(200 * KiB);
    other.alloc(200 * KiB);
    other.reset();
    cutting(() => step(arena));
    if (what !== 'a close') arena.alloc(150 * KiB);
    else arena.close();
    const found = arena.stats().memory.used + other.stats().memory.used; // which finishes what was cut off
    t.is(budget.used, found, when);
    const pools = [arena, other].map((one) => ownerOf(one).pool);
    arena.close();
    other.close();
    for (const pool of [...pools, ...pools]) pool.tick?.(); // a close that was cut off leaves the rest to the idle timer
    const waiting = pools.reduce((sum, { quarantined }) => sum + (quarantined ?? 0), 0);
    t.is(budget.used, waiting, when);
  });
}

cutsTest("a region's growth within a budget that is cut off", (t, cutting, when) => {
  const budget = budgetOf(MiB);
  const [region, arena] = [new Region({ budget, chunkSize: 64 * KiB }), new Arena({ budget })];
  arena.alloc(600 * KiB);
  arena.reset();
  cutting(() => {
    for (let i = 0; i < 3; i++) region.alloc(200 * KiB);
  });
  region.alloc(100 * KiB);
  const found = region.stats().taken + arena.stats().memory.used; // which finishes what was cut off
  t.is(budget.used, found, when);
  region.close({ force: true });
  arena.close();
  t.is(budget.used, 0, when);
});

cutsTest("a slab's growth within a budget that is cut off", (t, cutting, when) => {
  const budget = budgetOf(MiB);
  const slab = new Slab({ budget, sizes: [4096], maxCount: 1000 });
  const arena = new Arena({ budget });
  arena.alloc(600 * KiB);
  arena.reset();
  cutting(() => {
    for (let i = 0; i < 150; i++) slab.alloc(4096);
  });
  coreOf(slab).tick();
  arena.shrink();
  t.is(budget.used, slab.stats().committed + arena.stats().memory.used, when);
  slab.close({ force: true });
  arena.close();
  t.is(budget.used, 0, when);
});

cutsTest("a tenant's request that is cut off", (t, cutting, when) => {
  const tenant = budgetOf(MiB);
  const request = begin(requestArena({ budget: () => tenant, onOverflow: 'error' }));
  cutting(() => {
    request.arena.alloc(100 * KiB);
    request.arena.alloc(300 * KiB);
    request.arena.reset();
    request.end();
  });
  request.end();
  t.deepEqual([tenant.used, tenant.stats().charges], [0, 0], when);
});
