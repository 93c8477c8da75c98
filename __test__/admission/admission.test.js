'use strict';
// tier: run-time, differs by Node

// What a request is charged, for how long, and which requests are refused.

const test = require('ava');
const http = require('node:http');
const { once } = require('node:events');
const http2 = require('node:http2');
const zlib = require('node:zlib');
const { Budget, admission } = require('ralloc');
const { ledgerOf } = require('../../lib/budget/budget.js');
const { pressure } = require('../../lib/budget/pressure.js');
const { testWhere } = require('../helpers/backend.js');
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
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const PROMISE = 16 * 1024; // of a body of unknown length, at first

/** A server whose handler answers when the test says so: `answers` has a function for each request. */
async function servePending(t, options = {}, create = undefined) {
  const answers = [];
  const handler = (req, res) => {
    answers.push(() => collect(req, res));
  };
  const served = await serveAdmitted(t, options, handler, create);
  /** A client whose request is at its handler. */
  const begin = async (request, path = '/') => {
    const before = answers.length;
    const client = await served.connect();
    client.send(path, request);
    await until(() => answers.length > before);
    return client;
  };
  return { answers, begin, ...served };
}

test('a body is charged as announced, times the factor, until the response is over', async (t) => {
  const { answers, begin, budget, settled, admit } = await servePending(t, { factor: 2.5 });
  const client = await begin(announced(1001));
  t.is(budget.used, 2503);
  client.write(Buffer.alloc(1001));
  answers[0]();
  t.is((await client.response()).body.toString(), '1001');
  await settled();
  t.like(admit.stats(), { admitted: 1, refused: { 413: 0, 429: 0, 503: 0 } });
});

test('a body without a length is charged as it comes', async (t) => {
  const { answers, begin, budget, settled } = await servePending(t);
  const client = await begin(chunked);
  t.is(budget.used, 2 * PROMISE);
  const answered = answers[0]();
  writeChunk(client, Buffer.alloc(30_000));
  await until(() => budget.used === 60_000);
  writeChunk(client, Buffer.alloc(5000));
  await until(() => budget.used === 70_000);
  endChunks(client);
  await answered;
  t.is((await client.response()).body.toString(), '35000');
  await settled();
});

test('a body without a length is promised what others like it took', async (t) => {
  const { answers, budget, connect, settled } = await servePending(t, { maxBytes: 10_000_000 });
  const client = await connect();
  for (const [size, next] of [
    [100_000, 100_000],
    [20_000, 95_000],
  ]) {
    const before = answers.length;
    client.send('/', chunked);
    await until(() => answers.length > before);
    answers.at(-1)();
    writeChunk(client, Buffer.alloc(size));
    endChunks(client);
    await client.response();
    await settled();
    client.send('/', chunked);
    await until(() => answers.length > before + 1);
    t.is(budget.used, 2 * next);
    answers.at(-1)();
    writeChunk(client, Buffer.alloc(next));
    endChunks(client);
    await client.response();
    await settled();
  }
});

test('a body without a length that was cut is promised more when it comes again', async (t) => {
  const { answers, begin, budget, connect, settled } = await servePending(t);
  const others = budget.charge(800_000);
  const client = await begin(chunked);
  const cut = t.throwsAsync(answers[0]());
  for (const bytes of [90_000, 20_000]) writeChunk(client, Buffer.alloc(bytes));
  t.is((await client.response()).status, 503);
  endChunks(client);
  await cut;
  others.release();
  await settled();
  const again = await connect();
  again.send('/', chunked);
  await until(() => answers.length === 2);
  t.is(budget.used, 2 * 125_000, 'a quarter of the budget at most, of twice what had come');
  answers[1]();
  writeChunk(again, Buffer.alloc(125_000));
  endChunks(again);
  t.is((await again.response()).body.toString(), '125000');
  await settled();
});

test('what was promised and has not come is given back at the end of the body', async (t) => {
  const { answers, budget, connect, settled } = await servePending(t);
  const client = await connect();
  client.send('/', chunked);
  await until(() => budget.used === 2 * PROMISE);
  writeChunk(client, Buffer.alloc(1000));
  endChunks(client);
  await until(() => budget.used === 2000);
  answers[0]();
  await client.response();
  await settled();
});

test('requests without a body are not charged, never refused, and nobody asks whose they are', async (t) => {
  const key = () => t.fail();
  const { connect, budget, settled } = await serveAdmitted(t, { key });
  const full = budget.charge(budget.available);
  const client = await connect();
  for (const options of [undefined, { method: 'POST', body: Buffer.alloc(0) }]) {
    t.is((await client.get('/', options)).body.toString(), '0');
  }
  full.release();
  await settled();
});

test('requests that have priority are charged and never refused', async (t) => {
  const priority = (req) => req.url === '/health';
  const { connect, budget, settled } = await serveAdmitted(t, { priority });
  const full = budget.charge(budget.available);
  const client = await connect();
  t.is((await client.get('/health', posted(100_000))).body.toString(), '100000');
  t.is(budget.stats().peak, 1_200_000);
  t.is((await client.get('/', posted(10))).status, 503);
  full.release();
  await settled();
});

test('what never fits is answered with 413, and without a time to try again', async (t) => {
  const { connect, settled, admit } = await serveAdmitted(t);
  for (const length of [500_001, 2 ** 52, '99999999999999999']) {
    const client = await connect();
    client.send('/', announced(length));
    const { status, headers } = await client.response();
    t.deepEqual([status, headers['retry-after'], headers.connection], [413, undefined, 'close']);
    await client.destroy();
  }
  await settled();
  t.deepEqual(admit.stats().refused, { 413: 3, 429: 0, 503: 0 });
  t.regex(admit.stats().lastRefusal, /Raise maxBytes of the budget 'server'/);
});

test('where the budget is full the answer is 503, and says when to try again', async (t) => {
  const retryAfterMs = 20_000;
  const { connect, budget, settled } = await serveAdmitted(t, { retryAfterMs });
  const full = budget.charge(999_999);
  const client = await connect();
  const seen = new Set();
  for (let i = 0; i < 50; i++) {
    const { status, headers, body } = await client.get('/', posted(100));
    t.deepEqual([status, body.toString()], [503, 'Service Unavailable\n']);
    const seconds = Number(headers['retry-after']);
    t.true(Number.isInteger(seconds) && seconds >= 20 && seconds <= 40);
    seen.add(seconds);
  }
  t.true(seen.size > 1, 'not all at the same time');
  full.release();
  t.is((await client.get('/', posted(100))).body.toString(), '100', 'on the same connection');
  await settled();
});

test('a large body that is refused is read and dropped, so that its client sees the answer', async (t) => {
  const { connect, budget, settled } = await serveAdmitted(t);
  const full = budget.charge(999_999);
  const client = await connect();
  client.send('/', { ...posted(400_000), body: undefined, ...announced(400_000) });
  for (let i = 0; i < 4; i++) client.write(Buffer.alloc(100_000));
  const { status, headers } = await client.response();
  t.deepEqual([status, headers.connection], [503, 'close']);
  t.is((await client.rest()).length, 0);
  full.release();
  await settled();
});

/** A server on which something takes its time before admission(), until all of a request has come. */
const lateServer = (create) => (listener) =>
  create((req, res) => {
    const { _readableState: state } = req.stream ?? req;
    until(() => state.ended).then(() => listener(req, res));
  });

test.serial(
  'a body that had come before it was refused leaves its connection to the next',
  async (t) => {
    withoutTimers(t);
    const create = lateServer(http.createServer);
    const { connect, budget, settled } = await serveAdmitted(t, {}, collect, create);
    const full = budget.charge(999_999);
    const client = await connect();
    t.is((await client.get('/', posted(1000))).status, 503);
    await until(() => budget.stats().charges === 1);
    full.release();
    t.is((await client.get('/', posted(1000))).body.toString(), '1000');
    await settled();
  },
);

test.serial('HTTP/2: a stream whose body had come before it was refused is over', async (t) => {
  const create = lateServer(http2.createServer);
  const { port, budget, settled } = await serveAdmitted(t, {}, collect, create);
  const full = budget.charge(999_999);
  const client = await Http2Client.connect(port);
  for (const method of ['POST', 'HEAD'])
    t.is((await client.get('/', { ...posted(1000), method })).status, 503);
  full.release();
  await settled();
  t.is((await client.get('/', posted(1000))).body.toString(), '1000');
  await client.destroy();
});

test('a body without a length that had come before it was let in keeps no more than it has', async (t) => {
  const create = lateServer(http.createServer);
  const { answers, connect, budget, settled } = await servePending(t, {}, create);
  const client = await connect();
  sendChunks(client, 1, 1000);
  await until(() => answers.length === 1);
  t.is(budget.used, 2000);
  answers[0]();
  t.is((await client.response()).body.toString(), '1000');
  await settled();
});

test('HEAD with a body is refused without one, also where Node throws for a body', async (t) => {
  const create = (listener) => http.createServer({ rejectNonStandardBodyWrites: true }, listener);
  const { connect, budget, settled } = await serveAdmitted(t, {}, collect, create);
  const full = budget.charge(999_999);
  const client = await connect();
  t.is((await client.get('/', { ...posted(1000), method: 'HEAD' })).status, 503);
  full.release();
  t.is((await client.get('/', posted(1000))).status, 200);
  await settled();
});

test('a client that goes on sending is cut off after 16 MiB, or 5 s', async (t) => {
  const { connect, clock, settled } = await serveAdmitted(t, { maxBytes: 1000 });
  const client = await connect();
  client.send('/', announced(2 ** 30));
  t.is((await client.response()).status, 413);
  const mebibyte = Buffer.alloc(2 ** 20);
  for (let i = 0; i < 17 && !client.socket.destroyed; i++) client.write(mebibyte);
  await client.rest();
  const slow = await connect();
  slow.send('/', announced(2 ** 30));
  t.is((await slow.response()).status, 413);
  clock.pass(4999);
  t.false(slow.socket.destroyed);
  clock.pass(1);
  await slow.rest();
  await settled();
});

test('a body in chunks of a byte is charged what their Buffers take', async (t) => {
  const { answers, budget, connect, settled } = await servePending(t);
  const client = await connect();
  client.send('/', chunked);
  client.write('1\r\nx\r\n'.repeat(500));
  await until(() => answers.length === 1);
  const answered = answers[0]();
  await until(() => budget.used === 512_000);
  endChunks(client);
  await answered;
  t.is((await client.response()).body.toString(), '500');
  await settled();
});

for (const [protocol, create, Own] of [
  ['HTTP/1', http.createServer, Client],
  ['HTTP/2', http2.createServer, Http2Client],
]) {
  test(`${protocol}: a body that outgrows the budget is answered with 413 while it is read, and its handler, which is told, may answer as well`, async (t) => {
    const told = [];
    const handler = async (req, res) => {
      try {
        await collect(req, res);
      } catch (error) {
        told.push(error.code);
        res.writeHead(400, { 'Content-Type': 'text/plain' });
        res.setHeader('x-own', '1');
        t.true(res.write('own', () => told.push('written')));
        t.is(res.end('own'), res);
      }
    };
    const { budget, failures, port, settled } = await serveAdmitted(t, {}, handler, create);
    const client = await Own.connect(port);
    if (Own === Client) {
      sendChunks(client, 12, 50_000, false);
    } else {
      const stream = client.send('/', { method: 'POST', headers: { expect: '100-continue' } });
      for (let i = 0; i < 12; i++) stream.write(Buffer.alloc(50_000));
    }
    const { status, headers, body } = await client.response();
    t.is(`${status} ${body}`, '413 Payload Too Large\n');
    t.deepEqual(
      [headers['x-own'], headers.connection],
      [undefined, Own === Client ? 'close' : undefined],
    );
    await until(() => told.includes('written'));
    t.is(told[0], 'ERR_RALLOC_LIMIT', 'a part of it is not all');
    await until(() => budget.used === 0); // though its client goes on sending
    t.true(budget.stats().peak <= 1_000_000);
    const other = await Own.connect(port);
    t.is((await other.get('/', posted(400_000))).body.toString(), '400000');
    t.deepEqual(failures, []);
    for (const one of [client, other]) await one.destroy();
    await settled();
  });
}

test('HTTP/2: a body that is not read to its end is charged until the answer is sent', async (t) => {
  const answers = {
    async half(req, res) {
      for await (const _ of req) break;
      res.end('half');
    },
    paused(req, res) {
      req.once('data', () => {
        req.pause();
        res.end('paused');
      });
    },
  };
  const handler = (req, res) => answers[req.url.slice(1)](req, res);
  const { port, settled } = await serveAdmitted(t, {}, handler, http2.createServer);
  const client = await Http2Client.connect(port);
  for (const name of Object.keys(answers)) {
    const stream = client.send(`/${name}`, announced(300_000));
    stream.write(Buffer.alloc(100_000));
    t.is((await client.response()).body.toString(), name);
    await settled();
  }
  await client.destroy();
});

test('a body without a length is promised no more than its budget can ever have', async (t) => {
  const all = new Budget({ maxBytes: 1_000_000 });
  const other = new Budget({ maxBytes: 900_000, parent: all, reserve: 900_000 });
  const budget = new Budget({ maxBytes: 1_000_000, parent: all });
  const { connect, settled } = await serveAdmitted(t, { budget });
  const large = await connect();
  sendChunks(large, 1, 90_000, false);
  t.is((await large.response()).status, 413);
  endChunks(large);
  const small = await connect();
  sendChunks(small, 1, 10);
  t.is((await small.response()).body.toString(), '10');
  await settled();
  other.close(); // not before: one that nobody has reserves nothing
});

test('a body that is refused once its response has begun is cut off', async (t) => {
  const early = (req, res) => {
    res.write('early');
    return collect(req, res);
  };
  const { connect, settled, failures } = await serveAdmitted(t, {}, early);
  const client = await connect();
  sendChunks(client, 11, 50_000, false);
  t.regex((await client.rest()).toString(), /early/);
  await settled();
  t.is(failures.length, 1);
});

test('a key has a part of the budget, and its 429 leaves room for the others', async (t) => {
  const key = (req) => req.headers['x-key'];
  const options = { key, maxBytesPerKey: 300_000 };
  const { answers, begin, connect, settled, admit, budget } = await servePending(t, options);
  const of = (name, bytes) => ({
    ...posted(bytes),
    headers: { 'X-Key': name, 'Content-Length': bytes },
  });
  const one = await begin(of('a', 100_000));
  const two = await connect();
  const refused = await two.get('/', of('a', 60_000));
  t.deepEqual([refused.status, 'retry-after' in refused.headers], [429, true]);
  t.regex(admit.stats().lastRefusal, /Raise maxBytesPerKey of admission\(\) for 'server\/a', or/);
  const three = await begin(of('b', 150_000));
  t.is(admit.stats().keys, 2);
  t.is(budget.used, 500_000);
  const other = budget.charge(budget.available);
  const four = await connect();
  t.is((await four.get('/', of('c', 10))).status, 503, 'not its own budget');
  t.is((await four.get('/', of('c', 200_000))).status, 413);
  other.release();
  for (const answer of answers) answer();
  for (const client of [one, three]) t.is((await client.response()).status, 200);
  await settled();
});

test('without maxBytesPerKey no key has more than half', async (t) => {
  const { connect, settled } = await serveAdmitted(t, { key: () => 'one' });
  const client = await connect();
  t.is((await client.get('/', posted(250_000))).status, 200);
  client.send('/', announced(250_001));
  t.is((await client.response()).status, 413);
  await client.destroy();
  await settled();
});

test('the budget of a key is there for as long as it has requests, and until the next look', async (t) => {
  const key = (req) => req.url;
  const options = { key, maxKeys: 1, maxBytesPerKey: 100_000 };
  const { answers, begin, admit, settled, budget, clock } = await servePending(t, options);
  const { children } = ledgerOf(budget);
  const pass = async (path) => {
    const client = await begin(posted(20_000), path);
    answers.at(-1)();
    t.is((await client.response()).status, 200);
    await settled();
  };
  await pass('/a');
  t.true(clock.timers.length > 0 && clock.timers.every(({ refed }) => !refed));
  await pass('/b'); // in the place of /a, which is idle
  t.is([...children].at(-1).name, 'server//b');
  const client = await begin(posted(20_000), '/b');
  clock.pass(100);
  t.is(admit.stats().keys, 1, 'it had requests meanwhile');
  answers.at(-1)();
  await client.response();
  await pass('/b');
  clock.pass(200);
  t.is(children.size, 0);
  await pass('/b');
});

test('keys beyond maxKeys have one budget together', async (t) => {
  const key = (req) => req.url;
  const options = { key, maxKeys: 2, maxBytesPerKey: 100_000 };
  const { answers, begin, connect, settled, admit, budget } = await servePending(t, options);
  const clients = [];
  for (const path of ['/a', '/b', '/c', '/d']) clients.push(await begin(posted(20_000), path));
  t.is(admit.stats().keys, 3);
  t.is(budget.used, 160_000);
  const late = await connect();
  t.is((await late.get('/e', posted(20_000))).status, 429);
  t.regex(admit.stats().lastRefusal, /'server\/other keys'/);
  t.is((await late.get('/a', posted(40_000))).status, 429);
  t.regex(admit.stats().lastRefusal, /'server\/\/a'/);
  for (const answer of answers) answer();
  for (const client of clients) await client.response();
  await settled();
});

test.serial(
  'a small body of which gunzip makes too much is answered at once, and its connection closed',
  async (t) => {
    withoutTimers(t);
    const inflate = async (req, res) => {
      for await (const _part of req.pipe(zlib.createGunzip()));
      res.end();
    };
    const { connect, settled, failures } = await serveAdmitted(t, {}, inflate);
    const client = await connect();
    const body = zlib.gzipSync(Buffer.alloc(2_000_000));
    client.send('/', { method: 'POST', headers: { 'Content-Encoding': 'gzip' }, body });
    const { status, headers } = await client.response();
    t.deepEqual([status, headers.connection], [413, 'close']);
    t.is((await client.rest()).length, 0);
    await settled();
    await until(() => failures.length === 1);
  },
);

test('what gunzip makes of a body is charged as it comes', async (t) => {
  const inflate = async (req, res) => {
    const parts = await req.pipe(zlib.createGunzip()).toArray();
    res.end(`${Buffer.concat(parts).length}`);
  };
  const { connect, settled, budget, failures } = await serveAdmitted(t, {}, inflate);
  const zipped = (bytes) => {
    const body = zlib.gzipSync(Buffer.alloc(bytes));
    return { method: 'POST', headers: { 'Content-Encoding': 'gzip' }, body };
  };
  const client = await connect();
  t.is((await client.get('/', zipped(400_000))).body.toString(), '400000');
  t.true(budget.stats().peak >= 800_000);
  await settled();
  t.is((await client.get('/', zipped(50_000_000))).status, 413);
  await settled();
  t.true(budget.stats().peak <= 1_000_000);
  t.is(failures.length, 1);
});

test('what a response has not sent to a client that reads slowly is charged, beyond the limit too', async (t) => {
  const handler = (_req, res) => res.end(Buffer.alloc(20_000_000));
  const { connect, settled, budget, clock, admit } = await serveAdmitted(t, {}, handler);
  const client = await connect();
  client.send('/');
  await until(() => admit.stats().open === 1);
  clock.pass(100);
  t.true(budget.used > 10_000_000);
  clock.pass(300);
  t.true(budget.used < 20_010_000);
  const other = await connect();
  t.is((await other.get('/', posted(10))).status, 503);
  const { body } = await client.response();
  t.is(body.length, 20_000_000);
  await settled();
  t.is((await other.get('/', posted(10))).status, 200);
  clock.pass(100);
  await settled();
});

/** Clients that stop reading: stop(), look(times), and press(), by whom others have no room. */
async function serveDownloads(t, options = {}) {
  const BYTES = 20_000_000; // more than sockets hold
  const download = (req, res) =>
    req.url === '/download' ? res.end(Buffer.alloc(BYTES)) : collect(req, res);
  const own = { maxBytes: 30_000_000, ...options };
  const { connect, clock, budget, settled, admit } = await serveAdmitted(t, own, download);
  const look = (times) => {
    for (let i = 0; i < times; i++) clock.pass(100);
  };
  const stop = async () => {
    const client = await connect();
    client.socket.pause();
    const { open } = admit.stats();
    client.send('/download', posted(10));
    await until(() => admit.stats().open > open);
    return client;
  };
  const press = async () => {
    const full = budget.charge(budget.available);
    t.is((await (await connect()).get('/', posted(1000))).status, 503);
    full.release();
  };
  /** Stops one for long, while nobody needs the room. */
  const stopLong = async () => {
    const client = await stop();
    await until(() => {
      look(400);
      return budget.used > BYTES / 2;
    });
    t.is(admit.stats().stalled, 0);
    return client;
  };
  return { BYTES, admit, connect, look, press, settled, stop, stopLong };
}

test('a client that takes nothing of its response for 30 s is cut off where others have no room', async (t) => {
  const { BYTES, admit, look, press, settled, stop, stopLong } = await serveDownloads(t);
  const long = await stopLong();
  for (let i = 0; i < 1000 && admit.stats().stalled === 0; i++) {
    await press();
    look(401); // its socket may still have room
  }
  long.socket.resume();
  await long.rest();
  const short = await stop();
  look(1);
  await press();
  look(200);
  t.is(admit.stats().stalled, 1);
  short.socket.resume();
  t.is((await short.response()).body.length, BYTES);
  t.is((await short.get('/', posted(1000))).body.toString(), '1000');
  await settled();
});

const EARLY = 32_768; // bytes of a chunk: more than is promised for a body of unknown length

/** Counts what it reads in `seen.bytes`, and answers at the first chunk. */
const answerEarly = (seen) => (req, res) => {
  req.on('data', (chunk) => {
    seen.bytes += chunk.length;
    if (!res.headersSent) res.writeHead(400).end('wrong');
  });
};

/** A client of each protocol that sends a body in chunks: { client, write, end }; end() resolves to the answer. */
const senders = {
  async 'HTTP/1'(port) {
    const client = await Client.connect(port);
    client.send('/', chunked);
    return {
      client,
      write: () => writeChunk(client, Buffer.alloc(EARLY)),
      async end() {
        endChunks(client);
        return `${(await client.response()).body}`;
      },
    };
  },
  async 'HTTP/2'(port) {
    const client = await Http2Client.connect(port);
    const stream = client.session.request({ ':method': 'POST' }, { endStream: false });
    return {
      client,
      write: () => stream.write(Buffer.alloc(EARLY)),
      async end() {
        stream.end();
        return `${Buffer.concat(await stream.toArray())}`; // which rejects if the stream is reset
      },
    };
  },
};

for (const [protocol, create] of Object.entries({
  'HTTP/1': http.createServer,
  'HTTP/2': http2.createServer,
})) {
  test(`${protocol}: a handler that answers before the end of a body reads all that still comes`, async (t) => {
    const seen = { bytes: 0 };
    const { admit, port, settled } = await serveAdmitted(t, {}, answerEarly(seen), create);
    const { client, write, end } = await senders[protocol](port);
    write();
    await until(() => admit.stats().admitted === 1);
    await settled();
    for (let i = 1; i < 20; i++) write();
    await until(() => seen.bytes === 20 * EARLY);
    t.is(await end(), 'wrong');
    t.deepEqual(admit.stats().refused, { 413: 0, 429: 0, 503: 0 });
    await client.destroy();
    await settled();
  });
}

test('a client that takes nothing is cut off where others of its key have no room', async (t) => {
  const options = { key: () => 'one', maxBytesPerKey: 20_001_000 };
  const { admit, connect, look, settled, stop } = await serveDownloads(t, options);
  const client = await stop();
  await until(() => {
    look(1);
    return admit.stats().open === 1;
  });
  look(400);
  t.is(admit.stats().stalled, 0);
  for (let i = 0; i < 10 && admit.stats().stalled === 0; i++) {
    t.is((await (await connect()).get('/', posted(1000))).status, 429);
    look(301);
  }
  t.is(admit.stats().stalled, 1);
  client.socket.resume();
  await client.rest();
  await settled();
});

test('where answers that nobody reads are more than the budget, the largest is cut off, also if nobody else needs room', async (t) => {
  const { admit, look, settled, stop } = await serveDownloads(t, { maxBytes: 39_000_000 });
  const clients = [await stop(), await stop()];
  await until(() => {
    look(1);
    return admit.stats().open === 2;
  });
  look(200);
  t.is(admit.stats().stalled, 0, 'over by a fortieth: nearly 30 s');
  await until(() => {
    look(100);
    return admit.stats().stalled > 0;
  });
  await until(() => admit.stats().open === 1);
  look(1000);
  t.is(admit.stats().stalled, 1, 'the other one has room');
  const answers = await Promise.allSettled(clients.map((client) => client.response()));
  t.deepEqual(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await settled();
});

testWhere(
  process.platform !== 'win32',
  'a system that tells how much of a write has left',
  'a client that takes a part of its response meanwhile is not cut off',
  async (t) => {
    const { BYTES, admit, look, press, settled, stopLong } = await serveDownloads(t);
    const long = await stopLong();
    long.socket.resume();
    await until(() => long.socket.bytesRead > BYTES / 20); // less than a third of what sockets hold
    long.socket.pause();
    for (let i = 0; i < 3; i++) {
      look(1); // what it has taken shows at the first or second of these
      await press();
    }
    look(100);
    t.is(admit.stats().stalled, 0);
    long.socket.resume();
    await until(() => long.socket.bytesRead > BYTES);
    await settled();
  },
);

test('a body that trickles is charged what has come', async (t) => {
  const { answers, connect, settled, budget, clock } = await servePending(t);
  const client = await connect();
  client.send('/', announced(400_000));
  await until(() => budget.used === 800_000);
  clock.pass(400);
  t.is(budget.used, 800_000);
  const answered = answers[0]();
  client.write(Buffer.alloc(1000));
  clock.pass(100);
  // What has come is counted from then on. Before, one read may have had 64 KiB of it.
  await until(() => clock.pass(500) === undefined && budget.used < 200_000);
  const before = budget.used;
  t.true(before >= 2000);
  client.write(Buffer.alloc(300_000));
  await until(() => budget.used >= 600_000);
  client.write(Buffer.alloc(99_000));
  t.is((await client.response()).body.toString(), '400000');
  t.true(budget.stats().peak <= 1_000_000);
  await answered;
  await settled();
});

test('a body that nobody reads keeps the room that it announced', async (t) => {
  let request;
  const create = (listener) =>
    http.createServer((req, res) => {
      request = req;
      listener(req, res);
    });
  const { answers, connect, settled, budget, clock } = await servePending(t, {}, create);
  const client = await connect();
  client.send('/', announced(400_000));
  client.write(Buffer.alloc(400_000));
  await until(() => request?.readableLength >= request?.readableHighWaterMark);
  for (let i = 0; i < 4; i++) clock.pass(5000);
  t.is(budget.used, 800_000);
  answers[0]();
  t.is((await client.response()).body.toString(), '400000');
  await settled();
});

test('a body that came slowly at first still has the room that it announced, if nobody else took it', async (t) => {
  const options = { maxBytes: 800_000 };
  const { answers, begin, settled, budget, clock } = await servePending(t, options);
  const client = await begin(announced(400_000));
  const answered = answers[0]();
  client.write(Buffer.alloc(1000));
  await until(() => clock.pass(5000) === undefined && budget.used < 200_000);
  client.write(Buffer.alloc(399_000));
  t.is((await client.response()).body.toString(), '400000');
  await answered;
  await settled();
});

test('a body that comes for long, in pieces of a byte, is charged what their Buffers take', async (t) => {
  const { answers, connect, settled, budget, clock } = await servePending(t);
  const client = await connect();
  client.socket.setNoDelay(true);
  client.send('/', announced(100));
  await until(() => answers.length === 1);
  const answered = answers[0]();
  clock.pass(5000);
  for (let i = 1; i <= 99; i++) {
    client.write('x');
    await until(() => budget.used === 2 * (100 + 511 * i));
  }
  client.write('x');
  t.is((await client.response()).body.toString(), '100');
  await answered;
  await settled();
});

test('HTTP/2: a stream that is refused is answered in full while its client sends, and the session lives', async (t) => {
  const { port, settled, budget } = await serveAdmitted(t, {}, collect, http2.createServer);
  const client = await Http2Client.connect(port);
  t.is((await client.get('/', posted(1000))).body.toString(), '1000');
  const full = budget.charge(budget.available);
  t.is((await client.get('/')).body.toString(), '0');
  for (let i = 0; i < 20; i++) {
    const stream = client.send('/', announced(100_000));
    stream.write(Buffer.alloc(99_999));
    const { status, headers, body } = await client.response();
    t.is(`${status} ${body}`, '503 Service Unavailable\n');
    t.true(Number(headers['retry-after']) >= 1);
    stream.end('x');
  }
  full.release();
  t.is((await client.get('/', posted(100_000))).body.toString(), '100000');
  await client.destroy();
  await settled();
});

test('HTTP/2: a refused stream whose client goes on sending is reset after 16 MiB, or 5 s', async (t) => {
  const own = { maxBytes: 1000 };
  const ends = [];
  const watch = (stream) => {
    const { close } = stream;
    stream.close = (code) => ends.push(new Error('closed here').stack) && close.call(stream, code);
  };
  const create = (handler) => http2.createServer(handler).prependListener('stream', watch);
  const { port, clock, settled, admit } = await serveAdmitted(t, own, collect, create);
  const client = await Http2Client.connect(port);
  const idle = client.send('/', announced(2 ** 30));
  t.is((await client.response()).status, 413);
  clock.pass(4999);
  t.is(admit.stats().open, 1);
  clock.pass(1);
  clock.turn();
  await settled();
  t.is(idle.rstCode, http2.constants.NGHTTP2_NO_ERROR);
  const busy = client.send('/', announced(2 ** 30));
  t.is((await client.response()).status, 413);
  busy.write(Buffer.alloc(17 * 2 ** 20));
  await until(() => clock.turn() || busy.closed);
  t.is(busy.rstCode, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  t.true(ends.length >= 2);
  for (const stack of ends) t.notRegex(stack, /onStreamRead/, 'Node reads a frame of it');
  t.is((await client.get('/')).body.toString(), '0');
  await client.destroy();
  await settled();
});

test('HTTP/2: a stream that its client resets without an error is over, though its session lives', async (t) => {
  const answer = (_, res) => res.end(Buffer.alloc(2 ** 20));
  const served = await serveAdmitted(t, {}, answer, http2.createServer);
  const { port, clock, settled, budget } = served;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':path': '/' });
  await once(stream, 'response');
  await until(() => {
    clock.pass(100);
    return budget.used > 2 ** 19; // it waits for a client that does not read
  });
  stream.close(http2.constants.NGHTTP2_NO_ERROR);
  stream.destroy();
  await until(() => {
    clock.pass(100);
    return budget.used === 0;
  });
  await settled();
  t.false(session.destroyed);
  session.destroy();
});

test('bad options are typed errors', (t) => {
  const budget = new Budget({ maxBytes: 1000 });
  const bad = { code: 'ERR_RALLOC_INVALID_ARGUMENT' };
  for (const options of [
    undefined,
    {},
    { budget: {} },
    { budget: 1000 },
    { budget, key: 'ip' },
    { budget, key: String, maxKeys: 0 },
    { budget, key: String, maxBytesPerKey: -1 },
    { budget, priority: true },
    { budget, factor: 0.5 },
    { budget, factor: Number.NaN },
    { budget, factor: 1e9 },
    { budget, wait: 5000 },
    { budget, wait: null },
    { budget, wait: { timeout: 1 } },
    { budget, wait: { timeoutMs: 0 } },
    { budget, retryAfterMs: -1 },
    { budget, stallMs: 0 },
    { budget, maxKeys: 10 },
    { budget, maxBytesPerKey: 10 },
    { budget, limit: 1 },
  ]) {
    t.throws(() => admission(options), bad);
  }
  const admit = admission({ budget });
  t.throws(() => admission({}, {}, () => {}), bad);
  t.throws(() => admit({}, {}), bad);
  t.throws(() => admit.wrap(1), bad);
  t.throws(() => admit.attach({}), bad);
  t.is(budget.used, 0);
});

test('functions of the user that throw, or return what they must not, are errors of the request', async (t) => {
  const budget = new Budget({ maxBytes: 1000 });
  const thrown = new Error('the cause');
  const errors = [];
  for (const options of [
    { key: () => undefined },
    {
      key() {
        throw thrown;
      },
    },
    { priority: () => 1 },
    {
      priority() {
        throw thrown;
      },
    },
  ]) {
    const admit = admission({ budget, ...options });
    const port = await serveOnly(t, (req, res) =>
      admit(req, res, (error) => {
        errors.push(error);
        res.writeHead(500).end();
      }),
    );
    const client = await Client.connect(port);
    t.is((await client.get('/', posted(10))).status, 500);
    t.is(admit.stats().open, 0);
  }
  t.true(errors.every(({ code }) => code === 'ERR_RALLOC_INVALID_ARGUMENT'));
  t.deepEqual(
    errors.map(({ cause }) => cause),
    [undefined, thrown, undefined, thrown],
  );
  t.is(budget.used, 0);
});

test('with wrap() a key that throws is answered with 500, and the first is told', async (t) => {
  const warnings = warned(t);
  const thrown = new Error('the cause');
  const key = () => {
    throw thrown;
  };
  const admit = admission({ budget: new Budget({ maxBytes: 1000 }), key });
  const client = await Client.connect(await serveOnly(t, admit.wrap(collect)));
  for (let i = 0; i < 2; i++) t.is((await client.get('/', posted(10))).status, 500);
  t.is(warnings.filter(({ cause }) => cause === thrown).length, 1);
  t.is(admit.stats().open, 0);
});

for (const [whose, own] of [
  ['requests', {}],
  ['requests with a key', { key: () => 'one' }],
]) {
  test.serial(
    `while memory is about to run out ${whose} are refused if they have a body, and the number that says so is told`,
    async (t) => {
      const priority = ({ url }) => url === '/1';
      const { connect, settled, admit } = await serveAdmitted(t, { priority, ...own });
      const client = await connect();
      const statusOf = async (...request) => (await client.get(...request)).status;
      t.is(await statusOf('/', posted(10)), 200);
      await settled();
      const cause = { of: 'cgroup', value: 500 * 2 ** 20, limit: 512 * 2 ** 20 };
      let level = 'critical';
      const get = () => ({ level, cause });
      Object.defineProperty(pressure, 'state', { configurable: true, get });
      t.teardown(() => delete pressure.state);
      t.is(await statusOf('/', posted(10)), 503);
      t.regex(admit.stats().lastRefusal, /cgroup is at 500 MiB of 512 MiB/);
      t.is(await statusOf('/'), 200);
      t.is(await statusOf('/1', posted(10)), 200);
      level = 'high';
      t.is(await statusOf('/', posted(10)), 200);
      level = 'critical';
      t.is(await statusOf('/', posted(500_001)), 413, 'it never fits');
      await client.destroy();
      await settled();
    },
  );
}

test('nobody asks whose a request is whose client has gone', async (t) => {
  const asked = [];
  const key = (req) => asked.push(req.url);
  let request;
  const create = (listener) =>
    http.createServer((req, res) => {
      request = req;
      req.socket.once('close', () => listener(req, res));
    });
  const { connect, settled } = await serveAdmitted(t, { key }, collect, create);
  const client = await connect();
  client.send('/', posted(10));
  await until(() => request !== undefined);
  await client.reset();
  await until(() => request.socket.destroyed);
  await settled();
  t.deepEqual(asked, []);
});

test('the next in line is not called for a request that is refused, at once or after it waited', async (t) => {
  for (const wait of [false, { timeoutMs: 1 }]) {
    const budget = new Budget({ maxBytes: 16_000_000 });
    const admit = admission({ budget, wait });
    budget.charge(budget.available);
    const called = [];
    const port = await serveOnly(t, (req, res) => admit(req, res, () => called.push(req.url)));
    const client = await Client.connect(port);
    t.is((await client.get('/', posted(10))).status, 503);
    t.is((await client.get('/', posted(10))).status, 503);
    t.deepEqual(called, []);
    await client.destroy();
  }
});

test('a budget that is closed refuses with 503', async (t) => {
  const { connect, budget, settled } = await serveAdmitted(t);
  const client = await connect();
  t.is((await client.get('/', posted(10))).status, 200);
  await settled();
  budget.close();
  t.is((await client.get('/', posted(10))).status, 503);
  t.is((await client.get('/')).status, 200);
  await settled();
});
