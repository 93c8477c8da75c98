'use strict';
// tier: run-time, differs by Node

// Requests that wait for room, what ends their wait, and those that ask by `Expect: 100-continue` before they send anything.

const test = require('ava');
const http = require('node:http');
const http2 = require('node:http2');
const { admission, Budget } = require('ralloc');
const time = require('../../lib/base/time.js');
const { ledgerOf } = require('../../lib/budget/budget.js');
const { pressure } = require('../../lib/budget/pressure.js');
const {
  announced,
  chunked,
  collect,
  endChunks,
  posted,
  sendChunks,
  serveAdmitted,
  withoutTimers,
  writeChunk,
} = require('../helpers/admitted.js');
const { Client } = require('../helpers/client.js');
const { Http2Client } = require('../helpers/http2-client.js');
const { listen } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const MAX_BYTES = 16_000_000;

const asking = (bytes) => ({
  method: 'POST',
  headers: { 'Content-Length': bytes, Expect: '100-continue' },
});

/** A server whose budget is full, until release(). */
async function serveFull(t, options, ...rest) {
  const wait = { timeoutMs: 5000 };
  const served = await serveAdmitted(t, { maxBytes: MAX_BYTES, wait, ...options }, ...rest);
  const full = served.budget.charge(served.budget.available);
  /** A client whose request waits. */
  const waiting = async (request, path = '/') => {
    const before = served.admit.stats().waiting;
    const client = await served.connect();
    client.send(path, request);
    await served.waits(before + 1);
    return client;
  };
  return { ...served, release: () => full.release(), waiting };
}

test('a request waits until there is room, in order', async (t) => {
  const { admit, release, settled, budget, waiting } = await serveFull(t);
  const clients = [];
  for (let i = 1; i <= 3; i++) clients.push(await waiting(posted(100_000 + i)));
  t.is(budget.stats().waiting, 3);
  release();
  for (const [i, client] of clients.entries())
    t.is((await client.response()).body.toString(), `${100_001 + i}`);
  await settled();
  t.like(admit.stats(), { admitted: 3, waited: 3 });
});

test('a request that waited for too long is answered with 503', async (t) => {
  const { admit, clock, release, settled, waiting } = await serveFull(t);
  const client = await waiting(posted(100_000));
  clock.pass(4999);
  t.is(admit.stats().waiting, 1);
  clock.pass(1);
  const { status, headers } = await client.response();
  t.is(status, 503);
  t.true(Number(headers['retry-after']) >= 1);
  release();
  await settled();
});

test.serial(
  'what is left of a body that was paused while it waited is read and dropped',
  async (t) => {
    withoutTimers(t); // which would cut it off
    const { clock, release, settled, waiting } = await serveFull(t);
    const client = await waiting(posted(1_000_000));
    clock.pass(5000);
    const { status, headers } = await client.response();
    t.deepEqual([status, headers.connection], [503, 'close']);
    t.is((await client.rest()).length, 0);
    release();
    await settled();
  },
);

test('a guess for which there was no room is halved', async (t) => {
  const { budget, connect, clock, settled, waits } = await serveAdmitted(t, {
    maxBytes: 8_000_000,
    wait: { timeoutMs: 1000 },
  });
  const post = async (bytes) => {
    const client = await connect();
    sendChunks(client, 1, bytes);
    return client;
  };
  t.is((await (await post(500_000)).response()).status, 200);
  await settled();
  const others = budget.charge(budget.available - 300_000);
  for (let i = 1; i <= 2; i++) {
    const client = await post(5);
    await waits(1);
    clock.pass(1000);
    t.is((await client.response()).status, 503);
    await waits(0);
  }
  t.is((await (await post(5)).response()).body.toString(), '5');
  others.release();
  await settled();
});

test('what never fits does not wait', async (t) => {
  const { admit, connect, release, settled } = await serveFull(t);
  const client = await connect();
  client.send('/', announced(7_600_000));
  t.is((await client.response()).status, 413, 'a sixteenth is for those who wait');
  t.is(admit.stats().waited, 0);
  await client.destroy();
  release();
  await settled();
});

test('what has come of bodies that wait is charged, and has a limit', async (t) => {
  const { connect, admit, release, settled, budget, waits } = await serveFull(t);
  const before = budget.used;
  const clients = [];
  for (let i = 0; i < 20 && admit.stats().refused[503] === 0; i++) {
    const client = await connect();
    clients.push(client);
    client.send('/', announced(3_000_000));
    await until(() => admit.stats().waiting + admit.stats().refused[503] > i);
  }
  t.is((await clients.at(-1).response()).status, 503);
  const { waiting } = admit.stats();
  t.true(waiting >= 6 && waiting <= 14);
  t.true(budget.used - before > waiting * 64 * 1024);
  t.true(budget.used <= MAX_BYTES);
  for (const client of clients) await client.destroy();
  await waits(0);
  release();
  await settled();
});

test('a body of unknown length waits as well, and is not lost meanwhile', async (t) => {
  const { connect, release, settled, waits } = await serveFull(t);
  const client = await connect();
  sendChunks(client, 5, 30_000, false);
  await waits(1);
  release();
  client.socket.write('0\r\n\r\n');
  t.is((await client.response()).body.toString(), '150000');
  await settled();
});

/** Bodies without a length, each in its handler, which collects it. */
async function serveGrowing(t, options) {
  const served = await serveAdmitted(t, { maxBytes: 8_000_000, factor: 1, ...options });
  /** The body has no length, and more of it comes by write(). */
  const begin = async () => {
    const { admitted } = served.admit.stats();
    const client = await served.connect();
    client.send('/', chunked);
    await until(() => served.admit.stats().admitted > admitted);
    return client;
  };
  const write = (client, bytes) => writeChunk(client, Buffer.alloc(bytes));
  return { ...served, begin, write };
}

test('a body that outgrows what is free is not read until there is room again', async (t) => {
  const wait = { timeoutMs: 5000 };
  const { admit, begin, budget, settled, waits, write } = await serveGrowing(t, { wait });
  const client = await begin();
  const others = budget.charge(budget.available);
  write(client, 100_000);
  await waits(1);
  others.release();
  await waits(0);
  write(client, 50_000);
  endChunks(client);
  t.is((await client.response()).body.toString(), '150000');
  t.like(admit.stats(), { refused: { 413: 0, 429: 0, 503: 0 }, waited: 1 });
  await settled();
});

test('a body that waits in vain for room is answered with 503, and its handler is told', async (t) => {
  const wait = { timeoutMs: 300 };
  const { begin, budget, clock, failures, settled, waits, write } = await serveGrowing(t, { wait });
  const client = await begin();
  const others = budget.charge(budget.available);
  write(client, 100_000);
  await waits(1);
  clock.pass(5000); // nobody has to give way to it
  await waits(1);
  t.is((await client.response()).status, 503);
  await until(() => failures.length === 1);
  t.is(failures[0].code, 'ERR_RALLOC_LIMIT');
  others.release();
  await client.destroy();
  await settled();
});

test('of bodies that wait for each other the youngest gives way, and the oldest goes on first', async (t) => {
  const wait = { timeoutMs: 60_000 };
  const { begin, budget, clock, settled, waits, write } = await serveGrowing(t, { wait });
  const clients = [await begin(), await begin(), await begin()];
  for (const client of clients) write(client, 2_000_000);
  await until(() => budget.used >= 6_000_000);
  const [oldest, second, youngest] = clients;
  write(second, 1_600_000);
  await waits(1);
  write(youngest, 1_500_000);
  await waits(2);
  write(oldest, 1_500_000);
  await waits(3);
  clock.pass(500);
  t.is((await youngest.response()).status, 503);
  await until(() => budget.used < 6_000_000);
  clock.pass(100);
  for (const [client, whole] of [
    [oldest, 3_500_000],
    [second, 3_600_000],
  ]) {
    endChunks(client);
    t.is((await client.response()).body.toString(), `${whole}`);
  }
  await youngest.destroy();
  await settled();
});

test('a body that has outgrown what is left while it waited goes on once there is more', async (t) => {
  const { connect, release, settled, budget, server, waits } = await serveFull(t);
  let request;
  server.once('request', (req) => {
    request = req;
  });
  const client = await connect();
  sendChunks(client, 1, 20_000, false);
  await until(() => request?.readableLength === 20_000);
  const others = budget.acquire(MAX_BYTES - MAX_BYTES / 16 - 2 * 16 * 1024); // all that it leaves
  release();
  const charge = await others;
  await waits(1);
  charge.release();
  endChunks(client);
  t.is((await client.response()).body.toString(), '20000');
  await settled();
});

test('bodies that are announced and do not come have no room for long', async (t) => {
  const { admit, budget, clock, connect, settled, waits } = await serveAdmitted(t, {
    maxBytes: 4_000_000,
    wait: true,
  });
  const hogs = [];
  for (let i = 1; i <= 2; i++) {
    const hog = await connect();
    hog.send('/', announced(900_000));
    await until(() => budget.used === i * 1_800_000);
    hogs.push(hog);
  }
  const honest = await connect();
  honest.send('/', posted(300_000));
  await waits(1);
  await until(() => clock.pass(500) === undefined && admit.stats().waiting === 0);
  t.is((await honest.response()).body.toString(), '300000');
  for (const hog of hogs) await hog.destroy();
  await settled();
});

test('one key that floods does not delay another', async (t) => {
  const key = (req) => req.headers['x-key'];
  const answers = [];
  const handler = (req, res) => answers.push(() => collect(req, res));
  const options = { key, maxBytesPerKey: 400_000, maxBytes: MAX_BYTES, wait: { timeoutMs: 5000 } };
  const { connect, settled, port, waits } = await serveAdmitted(t, options, handler);
  const of = (name) => ({ ...posted(1), headers: { 'X-Key': name, 'Content-Length': 100_000 } });
  t.true(port > 0);
  const clients = [];
  for (let i = 0; i < 5; i++) {
    const client = await connect();
    clients.push(client);
    client.send('/', { ...of('flood'), body: undefined });
    client.write(Buffer.alloc(100_000));
  }
  await waits(3);
  const client = await connect();
  client.send('/', { ...of('other'), body: undefined });
  client.write(Buffer.alloc(100_000));
  await until(() => answers.length === 3);
  const all = [...clients, client].map((one) => one.response());
  for (let answered = 0; answered < all.length; ) {
    await until(() => answers.length > 0);
    for (const answer of answers.splice(0)) {
      answer();
      answered++;
    }
  }
  for (const { status } of await Promise.all(all)) t.is(status, 200);
  await settled();
});

test('one key that floods leaves room to wait for another', async (t) => {
  const key = (req) => req.headers['x-key'];
  const options = { key, maxBytesPerKey: MAX_BYTES };
  const { connect, admit, budget, clock, release, settled } = await serveFull(t, options);
  const clients = [];
  const of = async (name) => {
    const client = await connect();
    clients.push(client);
    const before = admit.stats();
    client.send('/', { method: 'POST', headers: { 'X-Key': name, 'Content-Length': 1_000_000 } });
    await until(() => {
      const { waiting, refused } = admit.stats();
      return waiting > before.waiting || refused[429] > before.refused[429];
    });
  };
  while (admit.stats().refused[429] === 0) await of('flood');
  t.regex(
    admit.stats().lastRefusal,
    /Raise maxBytes of the budget 'server' for 'server\/flood\/waiting requests', or/,
  );
  const { waiting } = admit.stats();
  for (let i = 0; i < 3; i++) await of('other');
  t.is(admit.stats().waiting, waiting + 3);
  t.is(admit.stats().refused[429], 1);
  for (const client of clients) await client.destroy();
  release();
  await settled();
  clock.pass(200);
  const [room] = ledgerOf(budget).children;
  t.deepEqual([room.name, room.children.size], ['server/waiting requests', 0]);
});

test('where too many wait, the refusal names the budget that makes room for more', async (t) => {
  const { connect, admit, release, settled } = await serveFull(t);
  const clients = [];
  while (admit.stats().refused[503] === 0) {
    const { waiting } = admit.stats();
    const client = await connect();
    clients.push(client);
    client.send('/', { method: 'POST', headers: { 'Content-Length': 1_000_000 } });
    await until(() => admit.stats().waiting > waiting || admit.stats().refused[503] > 0);
  }
  t.regex(
    admit.stats().lastRefusal,
    /Raise maxBytes of the budget 'server' for 'server\/waiting requests', or/,
  );
  for (const client of clients) await client.destroy();
  release();
  await settled();
});

test('where nobody can wait, what does not fit is answered with 503, and a time to try again', async (t) => {
  const options = { maxBytes: 1_000_000, wait: true };
  const { connect, budget, settled } = await serveAdmitted(t, options);
  const full = budget.charge(budget.available);
  const client = await connect();
  const { status, headers } = await client.get('/', posted(60_000));
  t.deepEqual([status, 'retry-after' in headers], [503, true]);
  full.release();
  t.is((await client.get('/', posted(60_000))).status, 200);
  await settled();
});

/** The process' pressure as the test says, until it is over. */
function setPressure(t) {
  const told = { level: 'critical', cause: { of: 'psi', value: 0.5, limit: 1 } };
  Object.defineProperty(pressure, 'state', { configurable: true, get: () => told });
  t.teardown(() => delete pressure.state);
  return (level) => {
    told.level = level;
    pressure.look();
  };
}

test.serial(
  'while memory is about to run out requests wait, in order, until that is over',
  async (t) => {
    const wait = { timeoutMs: 60_000 };
    const options = { maxBytes: MAX_BYTES, wait };
    const order = [];
    const handler = (req, res) => {
      order.push(req.url);
      return collect(req, res);
    };
    const { connect, admit, budget, clock, settled, waits } = await serveAdmitted(
      t,
      options,
      handler,
    );
    clock.now = time.now(); // what a request waits for once its turn came is in real time
    const level = setPressure(t);
    const clients = [];
    for (let i = 1; i <= 3; i++) {
      const client = await connect();
      clients.push(client);
      client.send(`/${i}`, posted(1000 * i));
      await until(() => admit.stats().waiting === i && budget.stats().charges === i);
    }
    level('critical');
    await clients[1].reset();
    await waits(2);
    t.deepEqual(order, []);
    const never = await connect();
    t.is((await never.get('/', announced(2 ** 30))).status, 413);
    await never.destroy();
    level('high');
    t.is((await clients[0].response()).body.toString(), '1000');
    t.is((await clients[2].response()).body.toString(), '3000');
    t.deepEqual(order, ['/1', '/3']);
    await settled();
  },
);

test.serial(
  'a request that is served while memory is about to run out is not let in before that is over',
  async (t) => {
    const { admit, budget, clock, release, settled, waiting } = await serveFull(t);
    clock.now = time.now(); // as above
    const client = await waiting(posted(1000));
    const level = setPressure(t);
    release();
    await until(() => budget.stats().waiting === 0);
    t.is(admit.stats().waiting, 1);
    level('none');
    t.is((await client.response()).body.toString(), '1000');
    await settled();
  },
);

test.serial(
  'a request that waited for too long until memory was there is refused, and the number that says so is told',
  async (t) => {
    const options = { maxBytes: MAX_BYTES, wait: { timeoutMs: 1 } };
    const { connect, admit, clock, settled } = await serveAdmitted(t, options);
    clock.now = time.now(); // as above: the machine may have started just now
    setPressure(t);
    const client = await connect();
    const { status, headers } = await client.get('/', posted(1000));
    t.deepEqual([status, 'retry-after' in headers], [503, true]);
    t.regex(admit.stats().lastRefusal, /psi is at 50 %/);
    await settled();
  },
);

/** Answers a GET with more than the budget has, and others as collect() does. `called` has the paths in order. */
function largeOrCollect(called) {
  return (req, res) => {
    called.push(req.url);
    return req.method === 'GET' ? res.end(Buffer.alloc(MAX_BYTES + 1)) : collect(req, res);
  };
}

test('a GET that is pipelined behind a request that waits is answered after it, and takes nothing before', async (t) => {
  const called = [];
  const { admit, budget, release, settled, waiting } = await serveFull(
    t,
    {},
    largeOrCollect(called),
  );
  const client = await waiting(posted(100), '/first');
  client.send('/second');
  client.send('/third', posted(200));
  await until(() => admit.stats().open === 3);
  t.deepEqual(called, []);
  t.true(budget.used < MAX_BYTES);
  release();
  t.is((await client.response()).body.toString(), '100');
  t.is((await client.response()).body.length, MAX_BYTES + 1);
  t.is((await client.response()).body.toString(), '200');
  t.deepEqual(called, ['/first', '/second', '/third']);
  await settled();
  t.like(admit.stats(), { admitted: 2, refused: { 413: 0, 429: 0, 503: 0 } });
});

test('a GET behind a request that waited for too long is answered, if its connection is kept', async (t) => {
  const { admit, clock, release, settled, waiting } = await serveFull(t);
  const client = await waiting(posted(100));
  client.send('/');
  await until(() => admit.stats().open === 2);
  clock.pass(5000);
  t.is((await client.response()).status, 503);
  t.is((await client.response()).status, 200);
  release();
  await settled();
});

test('requests that are pipelined behind one that waits have the room of its key, and no more', async (t) => {
  const REQUESTS = 400; // of 4 KiB, of which a key's half of the room has 122
  const { admit, budget, release, settled, waiting } = await serveFull(t, { key: () => 'one' });
  const client = await waiting(posted(100));
  client.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(REQUESTS));
  await until(() => admit.stats().open === 1 + REQUESTS);
  t.true(budget.stats().used < MAX_BYTES);
  const { refused } = admit.stats();
  t.true(refused[503] > REQUESTS / 2 && refused[503] < REQUESTS);
  release();
  const seen = { 200: 0, 503: 0 };
  for (let i = 0; i <= REQUESTS; i++) seen[(await client.response()).status]++;
  t.deepEqual(seen, { 200: 1 + REQUESTS - refused[503], 503: refused[503] });
  await settled();
});

test('HTTP/2: streams wait, and those that are reset leave nothing behind', async (t) => {
  const { port, release, settled, waits } = await serveFull(t, {}, collect, http2.createServer);
  const client = await Http2Client.connect(port);
  const gone = client.send('/', announced(100_000));
  client.send('/', posted(100_000));
  await waits(2);
  gone.close(8);
  await waits(1);
  await t.throwsAsync(client.response());
  release();
  t.is((await client.response()).body.toString(), '100000');
  await client.destroy();
  await settled();
});

for (const [name, createServer, connectTo] of [
  ['HTTP/1', undefined, undefined],
  ['HTTP/2', http2.createServer, (port) => Http2Client.connect(port)],
]) {
  test(`${name}: with attach() a client that asks first is refused before it sends anything`, async (t) => {
    const { admit, server, budget, port, connect, settled } = await serveAdmitted(
      t,
      {},
      collect,
      createServer,
    );
    admit.attach(server);
    const connected = () => connectTo?.(port) ?? connect();
    const full = budget.charge(999_000);
    const refused = await connected();
    refused.send('/', asking(100_000));
    t.is((await refused.response()).status, 503);
    full.release();
    const client = await connected();
    client.send('/', asking(100_000));
    t.true(await client.continued());
    t.is(budget.used, 200_000);
    client.endBody(Buffer.alloc(100_000));
    t.is((await client.response()).body.toString(), '100000');
    for (const one of [refused, client]) await one.destroy();
    await settled();
  });
}

test('with attach() a client that asks first waits, and is let in', async (t) => {
  const { admit, server, release, settled, waiting } = await serveFull(t);
  admit.attach(server);
  const client = await waiting(asking(1000));
  release();
  t.true(await client.continued());
  client.endBody(Buffer.alloc(1000));
  t.is((await client.response()).body.toString(), '1000');
  await settled();
});

test('with attach() a key that throws once a request may come is an error of the middleware', async (t) => {
  const budget = new Budget({ maxBytes: MAX_BYTES });
  const key = ({ url }) => {
    if (url === '/bad') throw new Error('no key');
    return 'one';
  };
  const admit = admission({ budget, key, wait: { timeoutMs: 5000 } });
  const server = http.createServer((req, res) =>
    admit(req, res, (error) => (error ? res.writeHead(500).end() : collect(req, res))),
  );
  admit.attach(server);
  const client = await Client.connect(await listen(server));
  t.teardown(() => server.close());
  const full = budget.charge(budget.available);
  client.send('/', posted(100));
  await until(() => admit.stats().waiting === 1);
  client.send('/bad', asking(5)); // behind the one that waits
  await until(() => admit.stats().open === 2);
  full.release();
  t.is((await client.response()).status, 200);
  t.true(await client.continued());
  t.is((await client.response()).status, 500);
  await client.destroy();
});

test('attach() refuses a server on which somebody else answers', async (t) => {
  const { admit, server } = await serveAdmitted(t);
  admit.attach(server);
  t.throws(() => admit.attach(server), { code: 'ERR_RALLOC_UNSUPPORTED' });
});

test('without attach() a warning says, once, that it is too late for Expect: 100-continue', async (t) => {
  const warnings = warned(t, 'RALLOC_CONTINUED');
  const attached = await serveAdmitted(t, { maxBytes: 1000 });
  attached.admit.attach(attached.server);
  const told = await attached.connect();
  t.is((await told.get('/', asking(100_000))).status, 413);
  t.is(warnings.length, 0);
  const { connect, settled } = await serveAdmitted(t, { maxBytes: 1000 });
  for (let i = 0; i < 2; i++) {
    const client = await connect();
    client.send('/', asking(100_000));
    t.true(await client.continued());
    t.is((await client.response()).status, 413);
    await client.destroy();
  }
  await until(() => warnings.length > 0);
  t.is(warnings.length, 1);
  await settled();
});

test('wait needs a sixteenth of the budget for those who wait', (t) => {
  const budget = new Budget({ maxBytes: 1600 });
  budget.charge(1590);
  t.throws(() => admission({ budget }), { code: 'ERR_RALLOC_LIMIT' });
  t.is(admission({ budget, wait: false }).stats().waiting, 0);
});

test('all that admit to one budget have one room for those who wait', (t) => {
  const budget = new Budget({ maxBytes: 1600 });
  for (const wait of [undefined, true, {}, { timeoutMs: 5 }]) admission({ budget, wait });
  t.is(budget.stats().reserved, 100);
});
