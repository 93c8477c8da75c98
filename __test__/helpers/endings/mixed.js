'use strict';

// Requests that end in all the ways of index.js and refusals.js, drawn by chance: many at once on one server of each adapter, behind admission(). After each block of them nothing is charged, nobody
// waits, no arena is left, and each was counted once, as what its row says.

const { Budget } = require('ralloc');
const { serveOn } = require('../adapters.js');
const { random } = require('../random.js');
const { assertSettled } = require('../server.js');
const { until, untilCollected } = require('../until.js');
const { columns } = require('./common.js');
const { endings } = require('./index.js');
const { BYTES_PER_KEY, WAIT_MS, refusals } = require('./refusals.js');

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
  #names; // of rows that may be drawn
  #closing; // of rows that the server does not survive
  #served;
  #ends = [];
  #ofPort = new Map(); // client's port → visit
  #alone = null; // the only visit
  #keys = 0;
  #expected;

  constructor(t, adapter, parent, seed) {
    this.#t = t;
    this.#adapter = adapter;
    this.#budget = new Budget({ name: adapter, maxBytes: MAX_BYTES, parent });
    this.#draw = random(seed);
    const names = Object.keys(rows).filter((name) => rows[name].not?.[adapter] === undefined);
    const often = names.filter((name) => !isAlone(name) && !rows[name].large && !rows[name].closes);
    const others = names.filter((name) => !often.includes(name) && !rows[name].closes);
    this.#names = [...Array(OFTEN).fill(often).flat(), ...others];
    this.#closing = names.filter((name) => rows[name].closes);
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
    const drawn = Array.from({ length: visits }, () => this.#names[this.#draw(this.#names.length)]);
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

/**
 * Has `requests` of them end, in blocks of `visits` on each server, and in the end all that servers do not survive. Resolves to how many there were; say(count) is called after each block.
 */
async function endMany(t, { requests, seed, visits = 200, say = () => {} }) {
  const budget = new Budget({ name: 'all', maxBytes: columns.length * MAX_BYTES });
  const servers = columns.map((adapter, i) => new OneServer(t, adapter, budget, seed + i));
  const count = () => servers.reduce((sum, one) => sum + one.requests, 0);
  const run = async (server) => {
    await server.start();
    while (server.requests < requests / servers.length) {
      await server.block(visits);
      say(count());
    }
    await server.close();
  };
  try {
    await Promise.all(servers.map(run));
    const { used, charges, waiting } = budget.stats();
    t.deepEqual({ used, charges, waiting }, { used: 0, charges: 0, waiting: 0 });
    return count();
  } finally {
    for (const server of servers) await server.end();
  }
}

module.exports = { endMany };
