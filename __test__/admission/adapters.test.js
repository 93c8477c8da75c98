'use strict';
// tier: run-time, differs, long

// admission() on every adapter: what is refused, what waits, and requests that end in all the ways of the table of endings (helpers/endings/),
// and of refusals. Each way is on one of the adapters, the rest is drawn by chance, many at once; after each block nothing is charged, nobody
// waits, no arena is left, and each was counted once, as what its row says.

const test = require('ava');
const { randomInt } = require('node:crypto');
const { Budget } = require('ralloc');
const { adapters, serveOn, RAW } = require('../helpers/adapters.js');
const { watchTimers } = require('../helpers/admission-timers.js');
const { budget: steps, seedOr } = require('../helpers/budget.js');
const { columns } = require('../helpers/endings/common.js');
const { endings } = require('../helpers/endings/index.js');
const { BYTES_PER_KEY, WAIT_MS, refusals } = require('../helpers/endings/refusals.js');
const { random } = require('../helpers/random.js');
const { assertSettled } = require('../helpers/server.js');
const { until, untilCollected } = require('../helpers/until.js');

const REQUESTS = steps(120, 100_000);
const VISITS = steps(10, 200); // of each server between two looks
const LANES = 4; // visits of a server at once
const QUARANTINE = 2 ** 29; // of a server's arenas: what is cut off within a block fits, so that all have memory of the arena
const MAX_BYTES = 2 ** 30; // of a server: nobody waits for it but who fills it
const OFTEN = 8; // times as often are rows drawn that take no time
const CLOCKS = { connectionsCheckingInterval: 10, headersTimeout: 60_000, requestTimeout: 60_000 };

/** What a row may change of a server. */
const EVENTS = ['checkContinue', 'upgrade', 'connect'];
const SETTINGS = [
  'httpAllowHalfOpen',
  'timeout',
  'headersTimeout',
  'requestTimeout',
  'keepAliveTimeout',
  'keepAliveTimeoutBuffer',
];

const rows = { ...endings, ...refusals };
const refuses = new Set(Object.values(refusals)); // rows whose visit() returns how its requests ended
const isAlone = (name) => rows[name].alone === true || rows[name].settings !== undefined;

/** stats() of arenas or of admission(), as if nothing had been before. */
function sinceNow(stats, counters) {
  const before = stats();
  return () => {
    const now = stats();
    for (const name of counters) now[name] -= before[name];
    for (const status of Object.keys(now.refused)) now.refused[status] -= before.refused[status];
    return now;
  };
}

/** Restores what `row` changes of the server. */
function keep(server) {
  const settings = SETTINGS.map((name) => [name, server[name]]);
  const listeners = EVENTS.map((name) => [name, server.rawListeners(name)]);
  return () => {
    for (const [name, value] of settings) if (server[name] !== value) server[name] = value;
    for (const [name, own] of listeners) {
      server.removeAllListeners(name);
      for (const listener of own) server.on(name, listener);
    }
  };
}

/** A row on a server that has others at the same time: whose request is whose is told by the client's port. */
class Visit {
  waiting = [];
  key;
  #row;
  #kept = [];
  #arenas = [];

  constructor(row, key) {
    this.#row = row;
    this.key = key;
  }

  answer({ arena, req, res }, current) {
    this.#arenas.push(arena);
    const kept = this.#kept;
    const keep = (buffer) => {
      kept.push(buffer);
      return buffer;
    };
    const id = Number(req.url.split('/').at(-1));
    const { waiting } = this;
    return this.#row.handler({ arena, req, res, id, keep, kept, waiting, current });
  }

  /** Returns how its requests ended. */
  async run(t, { arenas, admit, connect, ...served }) {
    const clients = [];
    const own = {
      ...served,
      waiting: this.waiting,
      arenas: {
        stats: sinceNow(() => arenas.stats(), ['requests', 'finished', 'aborted', 'lateBuffers']),
        current: () => arenas.current(),
        close: (...args) => arenas.close(...args),
      },
      admit: { stats: sinceNow(() => admit.stats(), ['admitted', 'waited']) },
      connect: async () => {
        const client = await connect();
        clients.push(client);
        return client;
      },
    };
    const counts = await this.#row.visit(t, own);
    await until(() => this.#arenas.every((arena) => !arena.stats().live));
    await Promise.all(clients.map((client) => client.destroy()));
    return refuses.has(this.#row) ? counts : this.#row;
  }
}

/** One server, and what its requests ought to come to. */
class OneServer {
  requests = 0; // also those of the servers before it that were closed
  #before = 0; // those alone
  #t;
  #adapter;
  #budget;
  #draw;
  #dealt; // names of rows that it has first
  #names; // of rows that may be drawn
  #closing; // of rows that the server does not survive
  #served;
  #ends = [];
  #ofPort = new Map(); // client's port → visit
  #alone = null; // the only visit
  #keys = 0;
  #expected;

  constructor(t, adapter, parent, seed, dealt) {
    this.#t = t;
    this.#adapter = adapter;
    this.#budget = new Budget({ name: adapter, maxBytes: MAX_BYTES, parent });
    this.#draw = random(seed);
    this.#dealt = dealt;
    const names = Object.keys(rows).filter((name) => rows[name].not?.[adapter] === undefined);
    const often = names.filter((name) => !isAlone(name) && !rows[name].large && !rows[name].closes);
    const others = names.filter((name) => !often.includes(name) && !rows[name].closes);
    this.#names = [...Array(OFTEN).fill(often).flat(), ...others];
    this.#closing = names.filter((name) => rows[name].closes);
  }

  /** Whether there are rows that it has to have. */
  get isDue() {
    return this.#dealt.length > 0;
  }

  async start() {
    this.#before = this.requests;
    this.#expected = { finished: 0, aborted: 0, either: 0, 413: 0, 429: 0, 503: 0 };
    const answer = (exchange) =>
      this.#visitOf(exchange.req).answer(exchange, () => this.#served.arenas.current());
    const admitted = {
      budget: this.#budget,
      key: (req) => this.#visitOf(req).key,
      maxBytesPerKey: BYTES_PER_KEY,
      wait: { timeoutMs: WAIT_MS },
    };
    const kept = { teardown: (end) => this.#ends.push(end) };
    const options = { context: true, maxBytes: 2 * QUARANTINE, maxQuarantineBytes: QUARANTINE };
    this.#served = await serveOn(kept, this.#adapter, answer, options, CLOCKS, admitted);
    this.#served.admit.attach(this.#served.server);
  }

  async end() {
    for (const end of this.#ends.splice(0)) await end();
  }

  #visitOf({ socket, stream }) {
    return this.#alone ?? this.#ofPort.get((stream?.session?.socket ?? socket).remotePort);
  }

  async #visit(name, isAlone) {
    const visit = new Visit(rows[name], `${this.#keys++}`);
    if (isAlone) this.#alone = visit;
    const connect = async () => {
      const client = await this.#served.connect();
      this.#ofPort.set((client.session?.socket ?? client.raw).localPort, visit);
      return client;
    };
    let counts;
    try {
      counts = await visit.run(this.#t, { ...this.#served, budget: this.#budget, connect });
    } catch (cause) {
      throw new Error(`${this.#adapter}: ${name}: ${cause.message}`, { cause });
    }
    for (const how of Object.keys(this.#expected)) this.#expected[how] += counts[how] ?? 0;
  }

  async #visitAlone(name) {
    const { server } = this.#served;
    const restore = keep(server);
    server.removeAllListeners('checkContinue'); // a row may have one of its own
    Object.assign(server, rows[name].settings);
    try {
      await this.#visit(name, true);
      await this.#settled();
    } finally {
      this.#alone = null;
      restore();
    }
  }

  #settled() {
    const { admit, arenas } = this.#served;
    return until(() => arenas.stats().inFlight === 0 && admit.stats().open === 0);
  }

  /** So many visits: those that need the server for themselves after the others. */
  async block(visits) {
    const draw = () => this.#dealt.pop() ?? this.#names[this.#draw(this.#names.length)];
    const drawn = Array.from({ length: visits }, draw);
    const together = drawn.filter((name) => !isAlone(name));
    const lane = async () => {
      while (together.length > 0) await this.#visit(together.pop(), false);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await this.#settled();
    for (const name of drawn.filter(isAlone)) await this.#visitAlone(name);
    await this.#check();
  }

  /** The visits that it does not survive: after each but the last another one is served. */
  async close() {
    for (const name of this.#closing) {
      await this.#visitAlone(name);
      await this.#check();
      await this.end();
      if (name !== this.#closing.at(-1)) await this.start();
    }
  }

  async #check() {
    const t = this.#t;
    const { admit, arenas } = this.#served;
    const { either, finished, aborted, ...refused } = this.#expected;
    const stats = arenas.stats();
    t.is(stats.requests, either + finished + aborted, `${this.#adapter}: each has its arena once`);
    t.is(stats.heapRequests, 0, `${this.#adapter}: from the arena`);
    t.true(stats.finished >= finished && stats.finished <= finished + either, this.#adapter);
    const { waiting, keys, ...counts } = admit.stats();
    t.deepEqual(counts.refused, refused, `${this.#adapter}: who is refused is told`);
    const { used, charges, waiting: queued } = this.#budget.stats();
    const left = { used, charges, queued, waiting, keys };
    t.deepEqual(left, { used: 0, charges: 0, queued: 0, waiting: 0, keys: 0 }, this.#adapter);
    this.#ofPort.clear();
    await untilCollected(() => arenas.stats().memory.quarantined === 0);
    assertSettled(t, arenas);
    this.requests = this.#before + stats.requests + refused[413] + refused[429] + refused[503];
  }
}

/** Each row to one of the adapters that it applies to, by chance: adapter → names. */
function deal(seed) {
  const draw = random(seed);
  const dealt = Object.fromEntries(columns.map((adapter) => [adapter, []]));
  for (const [name, { not = {}, closes }] of Object.entries(rows)) {
    if (closes) continue; // all servers have these
    const able = columns.filter((adapter) => not[adapter] === undefined);
    dealt[able[draw(able.length)]].push(name);
  }
  return dealt;
}

/** Has that many requests end, in blocks on each server, and in the end all that servers do not survive. */
async function endMany(t, requests, seed) {
  const budget = new Budget({ name: 'all', maxBytes: columns.length * MAX_BYTES });
  const dealt = deal(seed);
  const all = columns.map(
    (adapter, i) => new OneServer(t, adapter, budget, seed + i, dealt[adapter]),
  );
  const run = async (server) => {
    await server.start();
    while (server.requests < requests / all.length || server.isDue) await server.block(VISITS);
    await server.close();
  };
  try {
    await Promise.all(all.map(run));
    const { used, charges, waiting } = budget.stats();
    t.deepEqual({ used, charges, waiting }, { used: 0, charges: 0, waiting: 0 });
    t.true(all.reduce((sum, one) => sum + one.requests, 0) >= requests);
  } finally {
    for (const server of all) await server.end();
  }
}

test.serial(
  'whatever way requests end, nothing is charged afterwards, nobody waits and no timer is left',
  async (t) => {
    const seed = seedOr(randomInt(2 ** 31));
    t.log(`RALLOC_SEED=${seed}`);
    const timers = watchTimers(t);
    await endMany(t, REQUESTS, seed);
    await until(() => timers.size === 0);
  },
);

test.serial(
  'a client that goes while what is left of its refused body is dropped leaves no timer',
  async (t) => {
    const timers = watchTimers(t);
    const budget = new Budget({ maxBytes: 1000 });
    const server = await serveOn(t, 'node:http', () => {}, undefined, undefined, { budget });
    const client = await server.connect();
    client.send('/', { method: 'POST', headers: { 'Content-Length': 2 ** 30 } });
    t.is((await client.response()).status, 413);
    await client.reset();
    await until(() => server.admit.stats().open === 0);
    t.false([...timers.values()].includes('setTimeout'));
  },
);

// One request after another.

const LARGE_BUDGET = 32_000_000;

const posted = (bytes) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/octet-stream' },
  body: Buffer.alloc(bytes, 7),
});

async function collect({ req, res }) {
  res.end(`${Buffer.concat(await req.toArray()).length}`);
  return RAW;
}

const serveAdmitted = (t, adapter, handler, admitted) =>
  serveOn(t, adapter, handler, undefined, undefined, admitted);

for (const adapter of columns) {
  test.serial(`${adapter}: refused, answered, and let in again`, async (t) => {
    const budget = new Budget({ name: 'all', maxBytes: LARGE_BUDGET });
    let called = 0;
    const counted = (exchange) => {
      called++;
      return collect(exchange);
    };
    const served = await serveAdmitted(t, adapter, counted, { budget, wait: false });
    const full = budget.charge(LARGE_BUDGET - 1000);
    const client = await served.connect();
    const { status, headers, body } = await client.get('/', posted(1000));
    t.deepEqual([status, body.toString()], [503, 'Service Unavailable\n']);
    t.true(Number(headers['retry-after']) >= 1);
    full.release();
    t.is((await client.get('/', posted(1000))).body.toString(), '1000');
    t.is((await client.get('/')).body.toString(), '0');
    await client.destroy();
    await until(() => budget.used === 0 && served.admit.stats().open === 0);
    t.like(served.admit.stats(), { admitted: 1, refused: { 413: 0, 429: 0, 503: 1 } });
    t.is(called, 2, 'not for the one that was refused');
  });

  test.serial(`${adapter}: waits for room, and a key that is no string is an error`, async (t) => {
    const budget = new Budget({ maxBytes: LARGE_BUDGET });
    const key = ({ url }) => (url === '/wrong' ? 5 : 'one');
    const served = await serveAdmitted(t, adapter, collect, { budget, key });
    const full = budget.charge(budget.available);
    const client = await served.connect();
    client.send('/', posted(1_000_000));
    await until(() => served.admit.stats().waiting === 1);
    full.release();
    t.is((await client.response()).body.toString(), '1000000');
    await until(() => budget.used === 0 && served.admit.stats().open === 0);
    t.like(served.admit.stats(), { admitted: 1, waited: 1, keys: 0 });
    // Without a framework it throws in the listener.
    if (adapters.includes(adapter) && adapter !== 'node:http') {
      t.is((await client.get('/wrong', posted(1000))).status, 500);
      t.is(budget.used, 0);
    }
    await client.destroy();
  });
}

test.serial(
  'fastify: a request that is injected, whose response emits finish and close, is over once',
  async (t) => {
    const budget = new Budget({ maxBytes: LARGE_BUDGET });
    const app = require('fastify')();
    app.register(require('ralloc/fastify').admission, { budget, key: () => 'one' });
    app.post('/', async ({ body }) => `${body.length}`);
    t.teardown(() => app.close());
    const headers = { 'Content-Type': 'text/plain' };
    for (let i = 0; i < 5; i++) {
      const { body } = await app.inject({
        method: 'POST',
        url: '/',
        headers,
        payload: 'x'.repeat(9),
      });
      t.is(body, '9');
    }
    await until(() => app.admission.stats().open <= 0);
    t.like(app.admission.stats(), { admitted: 5, open: 0, keys: 0 });
    t.like(budget.stats(), { used: 0, charges: 0 });
  },
);
