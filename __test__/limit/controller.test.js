'use strict';
// tier: run-time

// Which bodies are read near the memory limit, and which wait: the law, with gauges and time that
// the test moves.

const test = require('ava');
const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const { Readable } = require('node:stream');
const { createGunzip, gzipSync } = require('node:zlib');
const { testWhere } = require('../helpers/backend.js');
const { Clock } = require('../helpers/clock.js');
const { until } = require('../helpers/until.js');
const { Controller } = require('../../lib/limit/controller.js');
const { Gauges } = require('../../lib/limit/gauges.js');
const { Leaving } = require('../../lib/limit/leaving.js');

const stores = new AsyncLocalStorage();

const MB = 1e6;
const LIMIT = 100 * MB;

/**
 * A process whose memory grows by `takes` bytes for each byte of a body that passes on, and whose
 * heap by `heapTakes`.
 */
class Process {
  clock = new Clock();
  memory = { own: 10 * MB, heap: 5 * MB };
  given = 0; // how often memory was given back
  begun = [];
  ends = [];

  constructor({ takes = 1, heapTakes = 0, limit = LIMIT, heapLimit = 1000 * MB, settings } = {}) {
    this.takes = takes;
    this.heapTakes = heapTakes;
    const gauges = {
      read: () => ({ ...this.memory, used: this.memory.own + 10 * MB, heapLimit }),
    };
    const relief = { giveBack: () => this.given++, collect: () => true };
    const set = { waitMs: 60_000, stallMs: 30_000, ...settings };
    this.controller = new Controller(limit, set, gauges, relief);
  }

  /** A request whose handler reads its body as it comes. `isGone`: its client, before it comes. */
  request(name, headers, { isInflated = false, isGone = false } = {}) {
    const socket = new EventEmitter();
    const req = new Readable({ read() {}, highWaterMark: 1e9 });
    Object.assign(req, { headers, socket, method: 'POST', url: '/', httpVersionMajor: 1 });
    const res = new EventEmitter();
    const answer = { status: 0 };
    socket._httpMessage = res;
    Object.assign(socket, {
      once: socket.once,
      destroyed: isGone,
      destroy: () => (answer.status = 'cut'),
    });
    Object.assign(res, { headersSent: false, socket, write() {}, end() {}, flushHeaders() {} });
    res.writeHead = (status) => (answer.status = status);
    const one = { name, req, res, answer, got: 0, isEnded: false };
    this.clock.use(() =>
      this.controller.enter(req, res, () => {
        this.begun.push(name);
        one.store = stores.getStore();
        const source = isInflated ? req.pipe(createGunzip()) : req;
        source.on('data', (chunk) => {
          one.got += chunk.length;
          this.#take(chunk.length * this.takes, chunk.length * this.heapTakes);
        });
        source.on('end', () => (one.isEnded = true));
        req.on('error', () => {});
      }),
    );
    return one;
  }

  #take(bytes, heap) {
    this.memory.own += bytes + heap;
    this.memory.heap += heap;
  }

  /** Bytes come from a client: `true` if its socket may be read on. */
  comes({ req }, bytes) {
    let goesOn;
    this.clock.use(() => (goesOn = req.push(Buffer.alloc(bytes))));
    return goesOn;
  }

  ended({ req }) {
    this.clock.use(() => req.push(null));
  }

  /** The response of a request is over, and what its body has taken is free. */
  over({ res, got }) {
    this.#take(-got * this.takes, -got * this.heapTakes);
    this.clock.use(() => {
      res.emit('close');
    });
  }

  /** A request whose body has nearly all of the room, and comes on. */
  async filled() {
    const one = this.request('a', known(58 * MB));
    await turn();
    this.comes(one, 56 * MB);
    this.pass(50);
    return one;
  }

  pass(ms) {
    this.clock.use(() => this.clock.pass(ms));
  }

  get stats() {
    return this.controller.stats();
  }
}

const known = (length) => ({ 'content-length': String(length) });
const turn = () => new Promise(setImmediate);

test('far from the limit every body is read', async (t) => {
  const process = new Process();
  const all = ['a', 'b', 'c'].map((name) => process.request(name, known(5 * MB)));
  await turn();
  for (const one of all) t.true(process.comes(one, 5 * MB));
  t.deepEqual(process.begun, ['a', 'b', 'c']);
  t.like(process.stats, { bodies: 3, stopped: 0, waiting: 0, stops: 0 });
});

test('near it the oldest go on, and the youngest are stopped: what has come of them is kept', async (t) => {
  const process = new Process();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => process.request(name, known(30 * MB)));
  await turn();
  for (const one of [a, b, c]) process.comes(one, 10 * MB);
  await turn();
  process.pass(50);
  t.is(process.stats.share, 1);
  t.true(process.comes(a, MB));
  t.false(process.comes(c, MB), 'the youngest');
  t.is(c.got, 10 * MB, 'its reader does not see it yet');
  t.like(process.stats, { stopped: 2 });
  t.true(process.stats.used <= 0.75 * LIMIT);
});

test('a stopped body goes on where it was once an older one is over, in order and whole', async (t) => {
  const process = new Process();
  const [a, b] = ['a', 'b'].map((name) => process.request(name, known(45 * MB)));
  await turn();
  for (const one of [a, b]) process.comes(one, 15 * MB);
  process.pass(50);
  process.comes(b, 10 * MB);
  process.comes(b, 20 * MB);
  process.ended(b);
  await turn();
  t.deepEqual([b.got, b.isEnded], [15 * MB, false]);
  for (let i = 0; i < 30; i++) process.comes(a, MB);
  process.ended(a);
  await turn();
  t.true(a.isEnded, 'somebody always finishes');
  process.over(a);
  await turn();
  process.pass(50);
  await turn();
  t.deepEqual([b.got, b.isEnded], [45 * MB, true]);
});

test('bodies of which nothing stays are never stopped, however large', async (t) => {
  const process = new Process({ takes: 0.01 });
  const all = Array.from({ length: 20 }, (_, i) => process.request(`${i}`, known(2000 * MB)));
  await turn();
  for (let i = 0; i < 50; i++) for (const one of all) t.true(process.comes(one, MB));
  t.like(process.stats, { stopped: 0, stops: 0, refused: { 413: 0, 503: 0 } });
});

test('a request whose client is gone before it comes begins, and leaves the others in line', async (t) => {
  const process = new Process();
  const a = await process.filled();
  process.request('b', known(30 * MB));
  process.request('gone', known(30 * MB), { isGone: true });
  t.deepEqual(process.begun, ['a', 'gone']);
  t.like(process.stats, { bodies: 2, waiting: 1 });
  process.over(a);
  await turn();
  process.pass(50);
  t.deepEqual(process.begun, ['a', 'gone', 'b']);
});

const isLinux = process.platform === 'linux';
testWhere(isLinux, '/proc', 'a look at memory does not fail without a free descriptor', (t) => {
  const gauges = new Gauges();
  const { memoryUsage } = process;
  process.memoryUsage = () => {
    throw new Error('EMFILE');
  };
  try {
    t.true(gauges.read(0).used > 0);
  } finally {
    process.memoryUsage = memoryUsage;
  }
});

test('new requests wait in front of their handler, and begin as soon as there is room', async (t) => {
  const process = new Process();
  const a = await process.filled();
  process.request('b', known(10 * MB));
  process.request('small', known(1000));
  t.deepEqual(process.begun, ['a']);
  t.like(process.stats, { waiting: 2, waited: 2 });
  process.comes(a, 2 * MB);
  process.ended(a);
  await turn();
  process.over(a);
  await turn();
  process.pass(50);
  t.deepEqual(process.begun, ['a', 'b', 'small']);
  t.is(process.stats.waiting, 0);
});

test('a request that has waited begins in the stores that it came with', async (t) => {
  const process = new Process();
  const a = await process.filled();
  const [b, c] = ['b', 'c'].map((name) => stores.run(name, () => process.request(name, known(MB))));
  t.is(process.stats.waiting, 2);
  process.over(a);
  await turn();
  stores.run('another', () => process.pass(50));
  t.deepEqual([b.store, c.store], ['b', 'c']);
});

test('who has waited for too long is answered with 503', async (t) => {
  const process = new Process({ settings: { waitMs: 500 } });
  const a = await process.filled();
  const b = process.request('b', known(10 * MB));
  const goesOn = (times) => {
    for (let i = 0; i < times; i++) {
      process.comes(a, 1000);
      process.pass(50);
    }
  };
  goesOn(8);
  t.is(b.answer.status, 0);
  goesOn(3);
  t.is(b.answer.status, 503);
  t.deepEqual(process.begun, ['a']);
  t.like(process.stats, { waiting: 0, refused: { 413: 0, 503: 1 } });
});

test('without room a small body whose answer takes long holds up no other small ones', async (t) => {
  const process = new Process();
  process.request('first', known(90_000));
  process.memory.own = 68 * MB; // by the application: 78 of the limit
  const others = ['b', 'c'].map((name) => process.request(name, known(90_000)));
  await turn();
  process.pass(50);
  for (const one of others) process.comes(one, 90_000);
  others.map((one) => process.ended(one));
  await turn();
  const large = process.request('large', known(20 * MB));
  process.request('later', known(90_000));
  process.pass(50);
  t.deepEqual(process.begun, ['first', 'b', 'c'], 'nobody overtakes one that is too large');
  for (const one of others) process.over(one);
  process.pass(50);
  t.like(process.stats, { waiting: 2, refused: { 413: 0, 503: 0 } });
  t.is(large.answer.status, 0);
});

test('where no body is in flight, a small one begins up to 95 %, and no large one', async (t) => {
  const process = new Process();
  process.memory.own = 78 * MB; // by the application: 88 of the limit
  const [, large] = [90_000, 20 * MB].map((length) => process.request('a', known(length)));
  process.pass(50);
  t.deepEqual(process.begun, ['a']);
  t.is(large.answer.status, 0);
});

test('where no body holds what is missing, who waits is told so after five seconds', async (t) => {
  const process = new Process();
  process.memory.own = 87 * MB; // by the application: 97 of the limit
  const all = Array.from({ length: 6 }, () => process.request('a', known(90_000)));
  const refused = () => all.filter(({ answer }) => answer.status === 503).length;
  process.pass(4900);
  t.is(refused(), 0);
  const counts = [];
  for (let ms = 4900; ms < 5300; ms += 25) {
    process.pass(25);
    counts.push(refused());
  }
  t.is(counts.at(-1), 6);
  t.true(
    counts.every((count, i) => count - (counts[i - 1] ?? 0) <= 2),
    'not all at once: the rest of each body comes',
  );
  t.deepEqual(process.begun, []);
});

test('a body of which nothing comes has no claim to room until more of it comes', async (t) => {
  const process = new Process();
  const [a, b] = ['a', 'b'].map((name) => process.request(name, known(45 * MB)));
  await turn();
  process.comes(a, 20 * MB);
  process.comes(b, 5 * MB);
  process.pass(50);
  t.false(process.comes(b, MB), 'the older one may send 25 MB more');
  process.pass(200);
  t.true(process.comes(b, MB));
  process.comes(a, MB);
  process.pass(25);
  t.false(process.comes(b, MB));
  t.true(process.comes(a, MB));
});

test('what cannot fit by its length is answered with 413, once it is known what bodies take', async (t) => {
  const process = new Process();
  const a = process.request('a', known(200 * MB));
  await turn();
  t.deepEqual([a.answer.status, process.begun], [0, ['a']], 'it may stream');
  process.comes(a, 56 * MB);
  process.pass(50);
  const b = process.request('b', known(90 * MB));
  process.pass(50);
  t.is(b.answer.status, 413);
});

test('a body that alone outgrows the limit is answered with 413, and its reader is told', async (t) => {
  const process = new Process();
  const a = process.request('a', { 'transfer-encoding': 'chunked' });
  const told = new Promise((done) => a.req.on('error', done));
  await turn();
  for (let i = 0; i < 70; i++) process.comes(a, MB);
  process.pass(50);
  t.is(a.answer.status, 413);
  t.is((await told).code, 'ERR_RALLOC_LIMIT');
});

test("V8's heap counts by itself: no more bodies come to their end than it has room for", async (t) => {
  const process = new Process({ takes: 0, heapTakes: 4, limit: 1000 * MB, heapLimit: 100 * MB });
  const all = Array.from({ length: 10 }, (_, i) => process.request(`${i}`, known(5 * MB)));
  await turn();
  for (const one of all) {
    process.comes(one, 5 * MB);
    process.ended(one);
    await turn();
    process.pass(30);
  }
  t.true(process.memory.heap <= 85 * MB, `${process.memory.heap}`);
  t.true(process.stats.stopped > 0);
  for (const one of all) {
    process.over(one);
    await turn();
    process.pass(30);
    await turn();
  }
  t.true(all.every((one) => one.isEnded));
});

test('a request whose whole body has come while it waited begins, too', async (t) => {
  const process = new Process();
  const a = await process.filled();
  const b = process.request('b', known(50_000));
  process.comes(b, 50_000);
  process.ended(b);
  await turn();
  t.deepEqual(process.begun, ['a']);
  process.over(a);
  await turn();
  process.pass(50);
  await turn();
  t.deepEqual(process.begun, ['a', 'b']);
  t.deepEqual([b.got, b.isEnded], [50_000, true]);
});

test('what has come of those who wait is bounded, too: beyond that they are answered at once', async (t) => {
  const process = new Process();
  await process.filled();
  const all = [];
  for (let i = 0; i < 120; i++) {
    const one = process.request(`${i}`, known(60_000));
    process.comes(one, 60_000);
    all.push(one);
  }
  const refused = all.filter(({ answer }) => answer.status === 503);
  t.true(refused.length > 5 && refused.length < 60, `${refused.length}`);
  t.is(process.stats.waiting, 120 - refused.length);
});

test('who trickles has no claim to the room of all that it has announced', async (t) => {
  const process = new Process();
  const trickles = ['x', 'y', 'z'].map((name) => process.request(name, known(50 * MB)));
  const a = process.request('a', known(15 * MB));
  await turn();
  process.comes(a, 10 * MB);
  for (const one of trickles) process.comes(one, 5 * MB);
  for (let i = 0; i < 10; i++) {
    for (const one of trickles) process.comes(one, 1);
    process.pass(1000);
  }
  t.true(process.comes(a, 5 * MB), 'younger than all of them');
  process.ended(a);
  await turn();
  t.true(a.isEnded);
});

test('hundreds of clients that send a byte each have no claim to what they announce', async (t) => {
  const process = new Process();
  const a = process.request('a', known(30 * MB));
  await turn();
  process.comes(a, 25 * MB);
  const all = Array.from({ length: 300 }, (_, i) => process.request(`${i}`, known(30 * MB)));
  for (const one of all) process.comes(one, 1);
  process.pass(250);
  const honest = process.request('honest', known(5 * MB));
  for (let i = 0; i < 8; i++) process.pass(250);
  t.true(process.comes(honest, 5 * MB));
  process.ended(honest);
  await turn();
  t.deepEqual([honest.got, honest.isEnded], [5 * MB, true]);
});

test('what is alive without bodies is not a reason for 413', async (t) => {
  const process = new Process();
  process.memory.own = 80 * MB; // the application's
  const a = process.request('a', known(100_000));
  const b = process.request('b', { 'transfer-encoding': 'chunked' });
  process.pass(1000);
  t.deepEqual([a.answer.status, b.answer.status], [0, 0]);
  process.memory.own = 10 * MB;
  process.pass(50);
  t.deepEqual(process.begun, ['a', 'b']);
});

test('of a compressed body what comes out counts: decoders are stopped, and go on', async (t) => {
  const process = new Process();
  const bomb = gzipSync(Buffer.alloc(40 * MB));
  const headers = { 'content-encoding': 'gzip', 'content-length': String(bomb.length) };
  const all = ['a', 'b', 'c'].map((name) => process.request(name, headers, { isInflated: true }));
  const [first, ...others] = all;
  const send = (one) => {
    process.clock.use(() => one.req.push(bomb));
    process.ended(one);
  };
  send(first);
  await until(() => first.got > 15 * MB); // whichever thread of zlib's is the faster one
  for (const one of others) send(one);
  let most = 0;
  const look = () => {
    process.pass(25);
    most = Math.max(most, process.stats.used);
  };
  for (const one of all) {
    await until(() => {
      look();
      return one.isEnded;
    });
    process.over(one);
    await turn();
  }
  t.deepEqual(
    all.map(({ got }) => got),
    [40 * MB, 40 * MB, 40 * MB],
  );
  t.true(most <= 0.85 * LIMIT, `${most}`);
  t.true(process.stats.stops > 0);
});

test('a client that has stopped sending has no claim to room, and none is cut off while nobody waits', async (t) => {
  const process = new Process();
  const [a, b] = ['a', 'b'].map((name) => process.request(name, known(40 * MB)));
  await turn();
  process.comes(a, 20 * MB);
  process.comes(b, 8 * MB);
  process.pass(2000);
  t.true(process.comes(b, MB), 'the older one has come to a stop');
  process.pass(60_000);
  t.deepEqual([a.answer.status, process.stats.cut], [0, 0]);
});

test('while the loop is blocked nobody counts as stopped', async (t) => {
  const process = new Process();
  const [a, b] = ['a', 'b'].map((name) => process.request(name, known(45 * MB)));
  await turn();
  process.comes(a, 15 * MB);
  process.comes(b, 15 * MB);
  process.clock.now += 10_000; // and no timer ran
  for (const timer of process.clock.timers) timer.at += 10_000;
  process.pass(25);
  t.false(process.comes(b, MB));
});

test('near the limit what is kept is given back first', async (t) => {
  const process = new Process();
  const a = process.request('a', known(60 * MB));
  await turn();
  process.comes(a, 30 * MB);
  process.pass(50);
  t.is(process.given, 0);
  process.comes(a, 15 * MB);
  process.pass(50);
  t.is(process.given, 1);
});

test('however requests end, nothing is left', async (t) => {
  const process = new Process({ settings: { waitMs: 1000 } });
  const all = [];
  for (let i = 0; i < 300; i++) {
    const headers = i % 3 === 0 ? { 'transfer-encoding': 'chunked' } : known(MB);
    if (i % 5 === 0) headers['content-encoding'] = 'gzip';
    const one = process.request(`${i}`, headers);
    all.push(one);
    if (i % 2 === 0) process.comes(one, MB);
    if (i % 4 === 0) process.ended(one);
    if (i % 7 === 0) await turn();
    if (i % 11 === 0) process.pass(25);
    if (i > 40) process.over(all[i - 40]);
  }
  await turn();
  for (const one of all) process.over(one);
  await turn();
  t.like(process.stats, { bodies: 0, stopped: 0, waiting: 0 });
});

/**
 * Looks for `seconds` at a process that keeps `keeps(second)` bytes, and has `garbage(second)`
 * since the last collection. Returns what it keeps when it leaves, or undefined.
 */
function leaves(seconds, keeps, { garbage = () => 0, isYoung = false, isWorker = false } = {}) {
  const clock = new Clock();
  let [second, collected] = [0, 0];
  const controller = {
    limit: 512 * MB,
    get kept() {
      return keeps(second) + garbage(second - collected);
    },
  };
  const relief = {
    giveBack() {},
    collect: () => {
      collected = second;
      return true;
    },
  };
  const settings = { graceMs: 25_000, isWorker, ...(isYoung ? {} : { youngMs: 0 }) };
  const leaving = clock.use(() => new Leaving(controller, new Set(), relief, settings));
  for (; second < seconds && leaving.reason === undefined; second += 0.5)
    clock.use(() => leaving.look(second * 1000));
  return leaving.reason === undefined ? undefined : keeps(second);
}

test('a process that leaks leaves while there is time for what is in flight: the faster, the earlier', (t) => {
  const fast = leaves(100, (second) => 50 * MB + second * 10 * MB);
  t.true(fast > 150 * MB && fast <= 512 * MB - 25 * 10 * MB, `${fast}`);
  const worker = leaves(100, (second) => 50 * MB + second * 10 * MB, { isWorker: true });
  t.true(worker > 100 * MB && worker <= fast, `${worker}`);
  const slow = leaves(1000, (second) => 50 * MB + second * MB);
  t.true(slow > 470 * MB && slow <= 512 * MB - 25 * MB, `${slow}`);
  const full = leaves(1000, () => 470 * MB);
  t.is(full, 470 * MB);
});

/**
 * Seconds after which a process that leaves accepts no more; `each(leaving, second)` is what comes.
 */
function accepts(each) {
  const clock = new Clock();
  const controller = { limit: 512 * MB, kept: 470 * MB };
  let isClosed = false;
  const servers = new Set([{ close: () => (isClosed = true) }]);
  const relief = { giveBack() {}, collect: () => true };
  const settings = { graceMs: 25_000, isWorker: false, youngMs: 0 };
  const leaving = clock.use(() => new Leaving(controller, servers, relief, settings));
  let [second, left] = [0, 0];
  for (; second < 300 && !isClosed; second += 0.5) {
    clock.use(() => leaving.look(second * 1000));
    if (leaving.reason === undefined) continue;
    left ||= second;
    each(leaving, second - left);
  }
  return second - left;
}

test('a process that leaves accepts requests until its balancer has been told and sends no more', (t) => {
  const asks = (leaving) => {
    leaving.comes();
    leaving.asked();
  };
  const quick = accepts((leaving, second) => {
    asks(leaving);
    if (second < 3) leaving.comes();
  });
  t.true(quick >= 8 && quick <= 10, `${quick}`);
  const none = accepts(asks);
  t.true(none >= 5 && none <= 7, `${none}`);
  // where all are leaving, or nobody asks
  const all = accepts((leaving) => {
    asks(leaving);
    leaving.comes();
  });
  t.true(all >= 10 && all <= 23, `${all}`); // at random: two must not be away at once
  const unasked = accepts(() => {});
  t.true(unasked >= 10 && unasked <= 23, `${unasked}`);
});

test('a process does not leave for garbage, for what it takes once, nor in its first ten minutes', (t) => {
  t.is(
    leaves(1000, () => 100 * MB, { garbage: (second) => Math.min(380, second * 20) * MB }),
    undefined,
  );
  const grows = (second) => Math.min(350, Math.max(250, 20 * (second - 90))) * MB;
  t.is(leaves(1000, grows), undefined);
  t.is(
    leaves(1000, (second) => 50 * MB + second * 10 * MB, { isYoung: true }),
    undefined,
  );
});
