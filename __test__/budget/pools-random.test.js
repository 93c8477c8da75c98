'use strict';
// tier: run-time, differs

// Random programs over arenas, slabs, regions and requests whose memory is charged to a tree of budgets: after each step every budget has exactly what all of them have together,
// none has grown beyond its limit, and once everything has ended nothing is charged.

const test = require('ava');
const { randomInt } = require('node:crypto');
const { Arena, Budget, Region, Slab, requestArena } = require('../..');
const { ownerOf } = require('../../lib/arena/arena.js');
const { budget: steps, seedOr } = require('../helpers/budget.js');
const { Exchange } = require('../helpers/exchange.js');
const { random } = require('../helpers/random.js');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;
const MOST = 12; // pools at once, and requests

const REFUSED = ['ERR_RALLOC_LIMIT', 'ERR_RALLOC_CLOSED', 'ERR_RALLOC_EXHAUSTED'];

const bytesOf = (kind, { memory, taken, committed }) =>
  ({ arena: memory?.used, region: taken, slab: committed })[kind];

class Program {
  #below;
  #budgets = []; // { budget, parent, own: charges, before: bytes at the last step }
  #pools = []; // { of, kind, pool, has: Buffers, holds }
  #ended = []; // pools that are closed, and may have left something for the garbage collector
  #requests = []; // { of, arena }
  #middlewares = []; // { of, arenas }, of the pool's budget, or of each request's (null)
  done = {};

  constructor(seed) {
    this.#below = random(seed);
    const all = this.#add('all', 3000 * KiB, null, 0);
    for (const name of ['one', 'two']) {
      const tenant = this.#add(name, 1500 * KiB, all, this.#below(2) * 200 * KiB);
      this.#add(`${name} below`, 800 * KiB, tenant, 0);
    }
    const options = { onOverflow: 'error', maxBytes: 2000 * KiB, maxBytesPerRequest: 600 * KiB };
    const [, of] = this.#budgets;
    this.#middlewares = [
      { of, arenas: requestArena({ ...options, budget: of.budget }) },
      { of: null, arenas: requestArena({ ...options, budget: (req) => req.tenant }) },
    ];
  }

  #add(name, maxBytes, parent, reserve) {
    const options = parent === null ? {} : { parent: parent.budget, reserve };
    const one = { budget: new Budget({ name, maxBytes, ...options }), parent, own: [], before: 0 };
    this.#budgets.push(one);
    return one;
  }

  #any(list) {
    return list[this.#below(list.length)];
  }

  #count(what) {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  /** Calls `act`, which may be refused; an error that names a budget is right about it. */
  #may(what, act) {
    try {
      const result = act();
      this.#count(what);
      return result;
    } catch (error) {
      if (!REFUSED.includes(error.code)) throw error;
      this.#count(`${what}: ${error.budget === undefined ? error.code : 'budget'}`);
      const full = this.#budgets.findLast(({ budget }) => budget.name === error.budget)?.budget;
      if (full === undefined) return undefined;
      const { used, reserved, limit } = full.stats();
      if (used + reserved + error.requested <= limit)
        throw new Error(`${what}: it fits: ${error.message}`);
      return undefined;
    }
  }

  open() {
    if (this.#pools.length >= MOST) return;
    const of = this.#any(this.#budgets);
    const kind = this.#any(['arena', 'arena', 'region', 'slab', 'slab']);
    const { budget } = of;
    const makers = {
      arena: () =>
        new Arena({ budget, maxBytes: 1000 * KiB, safety: this.#any(['detach', 'recycle', 'gc']) }),
      region: () => new Region({ budget, maxBytes: 1200 * KiB, chunkSize: 64 * KiB }),
      slab: () =>
        new Slab(
          this.#below(2) === 0
            ? { budget, sizes: [256, 4096], maxCount: 500 }
            : { budget, sizes: [1024], count: 1 + this.#below(100) },
        ),
    };
    const pool = this.#may(`open ${kind}`, makers[kind]);
    if (pool !== undefined) this.#pools.push({ of, kind, pool, has: [], holds: [] });
  }

  #size() {
    return 1 + this.#below(this.#any([200, 5000, 60 * KiB, 300 * KiB]));
  }

  alloc() {
    const one = this.#any(this.#pools);
    if (one === undefined) return;
    const size = one.kind === 'slab' ? 1 + this.#below(one.pool.sizes.at(-1)) : this.#size();
    for (let count = one.kind === 'slab' ? this.#below(60) : 1; count > 0; count--) {
      const buffer = this.#may(`alloc ${one.kind}`, () => one.pool.alloc(size));
      if (buffer === undefined) return;
      one.has.push(buffer);
    }
  }

  free() {
    const one = this.#any(this.#pools);
    if (one === undefined) return;
    if (one.kind === 'arena') return this.#freeArena(one);
    const count = this.#below(one.has.length + 1);
    for (const buffer of one.has.splice(0, count)) one.pool.free(buffer);
    if (one.kind === 'region' && this.#below(3) === 0) one.pool.collect();
    return undefined;
  }

  #freeArena({ pool, holds, has }) {
    has.length = 0;
    switch (this.#below(5)) {
      case 0:
        return pool.shrink();
      case 1:
        if (holds.length > 0) return holds.pop().release();
        return void holds.push(pool.hold());
      case 2:
        return this.#may('scope', () => pool.scope((inner) => inner.alloc(this.#size()).length));
      case 3: {
        const checkpoint = pool.checkpoint();
        this.#may('adopt', () => pool.adopt(Buffer.alloc(20 * KiB)));
        return pool.rewind(checkpoint);
      }
      default:
        return pool.reset();
    }
  }

  close() {
    if (this.#pools.length === 0) return;
    const [one] = this.#pools.splice(this.#below(this.#pools.length), 1);
    const { pool, kind, holds, has } = one;
    has.length = 0;
    for (const hold of holds) hold.release();
    if (kind === 'arena') pool.close();
    else pool.close({ force: true });
    if (kind !== 'slab') this.#ended.push(one);
    this.#count(`close ${kind}`);
  }

  begin() {
    if (this.#requests.length >= MOST) return;
    const { of, arenas } = this.#any(this.#middlewares);
    const tenant = of ?? this.#any(this.#budgets);
    const exchange = new Exchange();
    exchange.req.tenant = tenant.budget;
    this.#requests.push({ of: of === null ? tenant : null, arena: exchange.begin(arenas) });
  }

  request() {
    const one = this.#any(this.#requests);
    if (one === undefined) return;
    const size = this.#size();
    const how = this.#below(4);
    this.#may('request', () => {
      if (how === 0) one.arena.reset();
      else if (how === 1) one.arena.concat([Buffer.alloc(size), Buffer.alloc(size)]);
      else if (how === 2) one.arena.adopt(Buffer.alloc(size));
      else one.arena.alloc(size);
    });
  }

  end() {
    if (this.#requests.length === 0) return;
    const [{ arena }] = this.#requests.splice(this.#below(this.#requests.length), 1);
    if (this.#below(5) === 0) ownerOf(arena).end(false, true);
    else ownerOf(arena).end(true, false);
    this.#count('end');
  }

  charge() {
    const { budget, own } = this.#any(this.#budgets);
    if (own.length > 3) return own.shift().release();
    const charge = this.#may('charge', () => budget.tryCharge(this.#size()));
    if (charge) own.push(charge);
    return undefined;
  }

  resize() {
    const one = this.#any(this.#budgets);
    const most = [3000, 1500, 800, 1500, 800][this.#budgets.indexOf(one)] * KiB;
    this.#may('resize', () => one.budget.resize(400 * KiB + this.#below(most - 400 * KiB)));
  }

  /** What is wrong, in words. */
  check() {
    const found = new Map(this.#budgets.map((one) => [one, 0]));
    const add = (of, bytes) => {
      for (let one = of; one !== null; one = one.parent) found.set(one, found.get(one) + bytes);
    };
    for (const one of this.#budgets) for (const { bytes } of one.own) add(one, bytes);
    for (const { of, kind, pool } of this.#pools) add(of, bytesOf(kind, pool.stats()));
    this.#ended = this.#ended.filter(({ of, kind, pool }) => {
      const bytes = bytesOf(kind, pool.stats());
      add(of, bytes);
      return bytes > 0;
    });
    const [{ of, arenas }] = this.#middlewares;
    add(of, arenas.stats().memory.used);
    for (const { of: tenant, arena } of this.#requests)
      if (tenant !== null) add(tenant, ownerOf(arena).used);
    for (const [one, bytes] of found) {
      const { budget } = one;
      const { used, reserved, limit, name } = budget.stats();
      const taken = used + reserved; // a reserve is given also above the limit
      if (used !== bytes) return `${name} has ${used} bytes, not ${bytes}`;
      if (taken > limit && taken > one.before) return `${name} has grown to ${taken} of ${limit}`;
      one.before = taken;
    }
    return undefined;
  }

  step() {
    const choice = this.#any(CHOICES);
    this[choice]();
    const wrong = this.check();
    return wrong === undefined ? undefined : `${choice}: ${wrong}`;
  }

  async finish() {
    for (const one of this.#budgets) one.budget.resize(3000 * KiB);
    while (this.#requests.length > 0) this.end();
    while (this.#pools.length > 0) this.close();
    for (const { own } of this.#budgets) for (const charge of own) charge.release();
    for (const { arenas } of this.#middlewares) await arenas.close();
    const [{ budget }] = this.#budgets;
    await untilCollected(() => budget.used === 0);
    const left = this.#budgets.map((one) => one.budget.stats());
    return left.filter(({ used, charges }) => used + charges > 0);
  }
}

const CHOICES = Object.entries({
  open: 6,
  alloc: 40,
  free: 14,
  close: 4,
  begin: 6,
  request: 12,
  end: 5,
  charge: 8,
  resize: 2,
}).flatMap(([name, weight]) => new Array(weight).fill(name));

// The first always makes the same choices, and so many that each kind of memory is refused once.
for (const [program, count] of [
  [1, steps(1500, 100_000, 1500)],
  [2, steps(400, 100_000)],
]) {
  const seed = seedOr(program === 1 ? 2 : randomInt(2 ** 31));
  test.serial(
    `budgets have exactly what all memory has, and nothing once all has ended: program ${program}`,
    async (t) => {
      const run = new Program(seed);
      for (let number = 1; number <= count; number++) {
        const wrong = run.step();
        if (wrong !== undefined) return t.fail(`seed ${seed}, step ${number}: ${wrong}`);
      }
      t.deepEqual(await run.finish(), [], `seed ${seed}`);
      if (program > 1) return undefined;
      for (const what of ['arena', 'slab', 'region']
        .map((kind) => `alloc ${kind}`)
        .concat('request'))
        t.true(run.done[what] > 0 && run.done[`${what}: budget`] > 0, what);
      return undefined;
    },
  );
}
