'use strict';
// tier: tools

// Chunks of sockets, and what is allocated for a request: with its route, and whether it died with it.

const { serial: test } = require('ava');
const { spawn } = require('node:child_process');
const { AsyncResource } = require('node:async_hooks');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { current, requestArena } = require('../../..');
const { isNative } = require('../../helpers/backend.js');
const { ask, serveOnly } = require('../../helpers/server.js');
const { Tally, record } = require('../../helpers/sums.js');
const { until } = require('../../helpers/until.js');
const { events } = require('../../../tools/recorder/events.js');

const BODY = Buffer.alloc(300_000, 7);

const post = (port, path) => ask(port, path, { method: 'POST', body: BODY });

const bytesOf = (tally, source, route) => {
  const sites = tally.sites.filter((site) => site.source === source && site.route === route);
  return sites.reduce((sum, { id }) => sum + tally.of(id, events.BORN).bytes, 0);
};

/** Reads a body, and answers. */
const answering = (req, res) => req.resume().on('end', () => res.end());

test('the body of a request has its route, and is counted once', async (t) => {
  const recorder = record(t);
  const port = await serveOnly(t, answering);
  await post(port, '/upload/17?x=1');
  await post(port, '/upload/0123456789abcdef0123');
  const tally = new Tally(recorder.take());
  t.is(bytesOf(tally, 'http', 'POST /upload/:id'), 2 * BODY.length);
  t.is(bytesOf(tally, 'http', undefined), 0);
  t.is(bytesOf(tally, 'Buffer.concat'), 0);
});

test('what is allocated where current() is undefined is told, and nothing else', async (t) => {
  const recorder = record(t);
  const arenas = requestArena({ context: true });
  const seen = { inHandler: [], inListener: [], whenBound: [], behindAwait: [] };
  const make = {
    inHandler: () => Buffer.alloc(1000),
    inListener: () => Buffer.alloc(1000),
    whenBound: () => Buffer.alloc(1000),
    behindAwait: () => Buffer.alloc(1000),
  };
  const at = (name) => {
    seen[name].push(current() !== undefined);
    make[name]();
  };
  const server = http.createServer((req, res) =>
    arenas(req, res, async () => {
      at('inHandler');
      req.on('data', () => at('inListener'));
      req.on(
        'data',
        AsyncResource.bind(() => at('whenBound')),
      );
      await once(req, 'end');
      at('behindAwait');
      res.end();
    }),
  );
  const port = await serveOnly(t, server);
  for (let n = 0; n < 3; n++) await post(port, '/');
  const tally = new Tally(recorder.take());
  for (const [name, known] of Object.entries(seen)) {
    const sites = tally.sites.filter(({ frames }) => frames[0]?.function.endsWith(name));
    const of = (event) => sites.reduce((sum, { id }) => sum + tally.of(id, event).samples, 0);
    t.is(of(events.LISTENED), known.filter((isKnown) => !isKnown).length, `${name}: ${known}`);
    t.is(of(events.BORN), known.length, name);
  }
  t.true([...seen.inHandler, ...seen.whenBound, ...seen.behindAwait].every(Boolean));
});

test('requests in one packet are two, and what is allocated beside them is of none', async (t) => {
  const recorder = record(t);
  const kept = [];
  const keep = {
    ofRequest: () => kept.push(Buffer.alloc(70_000)),
    byHand: () => kept.push(Buffer.alloc(70_000)),
    beside: () => kept.push(Buffer.alloc(70_000)),
  };
  const server = http.createServer((req, res) => {
    keep[req.method === 'PUT' ? 'byHand' : 'ofRequest']();
    req.resume();
    res.end();
  });
  const closed = new Promise((resolve) => {
    server.on('connection', (socket) => {
      socket.on('close', () => resolve(keep.beside()));
    });
  });
  const client = net.connect(await serveOnly(t, server));
  const first = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc';
  client.end(first + first);
  await Promise.all([once(client.resume(), 'close'), closed]);
  const response = Object.assign(new EventEmitter(), { end() {} });
  server.emit('request', { method: 'PUT', url: '/', resume() {} }, response);
  response.emit('close');
  keep.beside();
  const tally = new Tally(recorder.take(), recorder.settle());
  const samplesOf = (name, event) =>
    tally.sites
      .filter(({ frames }) => frames[0]?.function.endsWith(name))
      .reduce((sum, { id }) => sum + tally.of(id, event).samples, 0);
  t.is(kept.length, 5);
  for (const [name, count, ofRequests] of [
    ['ofRequest', 2, 2],
    ['byHand', 1, 1],
    ['beside', 2, 0],
  ]) {
    t.is(samplesOf(name, events.BORN), count, name);
    t.is(samplesOf(name, events.OUTLIVED), ofRequests, name);
    t.is(samplesOf(name, events.BEFORE), 0, name);
  }
});

test('a framework tells the route, once it is known', async (t) => {
  const recorder = record(t);
  const server = http.createServer((req, res) => {
    req.baseUrl = '/api';
    req.route = { path: '/users/:name' };
    req.resume().on('end', () => res.end());
  });
  await post(await serveOnly(t, server), '/api/users/anna');
  t.is(bytesOf(new Tally(recorder.take()), 'http', 'POST /api/users/:name'), BODY.length);
});

test('a body that a framework reads before it routes is filed by the method alone', async (t) => {
  const recorder = record(t);
  const server = http.createServer((req, res) => {
    req.baseUrl = ''; // as Express's router does first of all
    req.resume().on('end', () => {
      req.route = { path: '/users/:name' };
      Buffer.alloc(5000);
      res.end();
    });
  });
  await post(await serveOnly(t, server), '/users/anna');
  const tally = new Tally(recorder.take());
  t.is(bytesOf(tally, 'http', 'POST'), BODY.length);
  t.deepEqual(
    tally.sites.filter(({ route }) => route !== undefined).map(({ route }) => route),
    ['POST'],
  );
});

/** How many listeners of `close` the application finds on its responses, and on their streams. */
async function listenersOf(t) {
  const counts = [];
  const count = (response) => {
    counts.push(response.listenerCount('close'), response.stream?.listenerCount('close'));
    response.end();
  };
  const handle = (req, res) => req.resume().on('end', () => count(res));
  await post(await serveOnly(t, http.createServer(handle)), '/');
  const server = http2.createServer(handle);
  server.on('session', (session) => t.teardown(() => session.destroy()));
  await postByHttp2(await serveOnly(t, server), '/');
  return counts;
}

test('no listener of a recorder is on a response: Node warns from eleven on', async (t) => {
  const plain = await listenersOf(t);
  record(t);
  t.deepEqual(await listenersOf(t), plain);
  t.is(plain.length, 4);
});

test('responses call the emit() that they inherit now, as domain replaces it', async (t) => {
  record(t);
  const { emit } = EventEmitter.prototype;
  const seen = new Set();
  EventEmitter.prototype.emit = function replaced(...args) {
    if (this instanceof http.ServerResponse) seen.add(args[0]);
    return Reflect.apply(emit, this, args);
  };
  t.teardown(() => {
    EventEmitter.prototype.emit = emit;
  });
  await post(await serveOnly(t, answering), '/');
  t.true(seen.has('finish') && seen.has('close'));
});

test('a response that is emitted again and again with other messages ends the requests of all', async (t) => {
  const recorder = record(t);
  const kept = [];
  const server = http.createServer((req, res) => {
    kept.push(Buffer.allocUnsafeSlow(70_000));
    if (kept.length < 4) server.emit('request', Object.create(req), res);
    else req.resume().on('end', () => res.end());
  });
  await post(await serveOnly(t, server), '/');
  const tally = new Tally(recorder.take(), recorder.settle());
  const sites = tally.at(__filename).filter(({ source }) => source === 'Buffer.allocUnsafeSlow');
  t.is(kept.length, 4);
  const outlived = sites.map(({ id }) => tally.of(id, events.OUTLIVED).bytes);
  t.is(
    outlived.reduce((sum, bytes) => sum + bytes),
    4 * 70_000,
  );
});

/** The routes of requests to all of these paths. */
async function routesOf(t, paths) {
  const recorder = record(t);
  const port = await serveOnly(t, answering);
  for (const path of paths) await post(port, path);
  return new Set(new Tally(recorder.take()).sites.map(({ route }) => route));
}

const letters = (count, i) => String.fromCharCode(97 + (i % count));

test('addresses without end are one route', async (t) => {
  const of = (i) => `/${letters(8, i)}/${letters(8, i >> 3)}/${letters(8, i >> 6)}`;
  const routes = await routesOf(
    t,
    Array.from({ length: 512 }, (_, i) => of(i)),
  );
  t.true(routes.size <= 502, String(routes.size));
  t.true(routes.has('POST (others)'));
});

test('an address of thousands of parts is that of its first ones', async (t) => {
  const routes = await routesOf(t, ['/a'.repeat(4000), `${'/a'.repeat(4000)}/b`]);
  t.deepEqual([...routes].filter(Boolean), [`POST ${'/a'.repeat(11)}`]);
});

test('keys in an address are no routes: many words after the same beginning, or long ones with digits', async (t) => {
  const keys = Array.from({ length: 60 }, (_, i) => `/key/${letters(26, i)}${'x'.repeat(i / 26)}`);
  const routes = await routesOf(t, [...keys, '/reset/tok-abcdef594', '/api/v1/items']);
  t.is(routes.size, 23 + Number(routes.has(undefined)));
  for (const one of ['/key/:id', '/reset/:id', '/api/v1/items'])
    t.true(routes.has(`POST ${one}`), one);
});

async function postByHttp2(port, path) {
  const session = http2.connect(`http://localhost:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': path });
  stream.end(BODY);
  stream.resume();
  await once(stream, 'close');
  session.close();
  await once(session, 'close');
}

for (const [name, event, handle] of [
  ['request', 'request', answering],
  [
    'stream',
    'stream',
    (stream) =>
      stream.resume().on('end', () => stream.respond({ ':status': 200 }, { endStream: true })),
  ],
]) {
  test(`the body of an HTTP/2 ${name} has its route, and is counted once`, async (t) => {
    const server = http2.createServer();
    const recorder = record(t);
    const kept = [];
    server.on(event, (...args) => {
      kept.push(Buffer.allocUnsafeSlow(70_000));
      handle(...args);
    });
    const port = await serveOnly(t, server);
    const sessions = [];
    server.on('session', (session) => sessions.push(once(session, 'close')));
    await postByHttp2(port, '/upload/17?x=1');
    await postByHttp2(port, '/upload/18');
    await Promise.all(sessions);
    const tally = new Tally(recorder.take(), recorder.settle());
    t.is(bytesOf(tally, 'http2', 'POST /upload/:id'), 2 * BODY.length);
    t.is(bytesOf(tally, 'http2'), 0);
    const [own] = tally.at(__filename).filter(({ source }) => source === 'Buffer.allocUnsafeSlow');
    t.is(tally.of(own.id, events.OUTLIVED).bytes, 70_000 * kept.length);
  });
}

test('chunks of sockets and of pipes are told apart', async (t) => {
  const recorder = record(t);
  const server = net.createServer((socket) => socket.resume());
  const port = await serveOnly(t, server);
  const client = net.connect(port);
  client.end(BODY);
  await once(client, 'close');
  const child = spawn(process.execPath, ['-p', '"x".repeat(50000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.stdout.resume();
  await once(child, 'close');
  const tally = new Tally(recorder.take());
  t.is(bytesOf(tally, 'net'), BODY.length);
  t.is(bytesOf(tally, 'pipe'), 50_001);
});

/** Allocates at each place of a handler that is another context for Node, and keeps some. */
function handler(kept, isKept) {
  const allocate = (place) => {
    const buffer = Buffer.allocUnsafeSlow(50_000 + place);
    if (isKept) kept.push(buffer);
  };
  return (req, res) => {
    allocate(0);
    let chunks = 0;
    req.on('data', () => allocate(++chunks > 1 ? 2 : 1));
    req.on('end', async () => {
      allocate(3);
      await null;
      allocate(4);
      setImmediate(() => {
        allocate(5);
        res.end();
      });
    });
  };
}

for (const [name, isKept, event] of [
  ['what dies with its request is told', false, events.WITH_REQUEST],
  ['what outlives its request is told', true, events.OUTLIVED],
]) {
  test(`${name}, wherever it was allocated`, async (t) => {
    const recorder = record(t);
    const kept = [];
    const port = await serveOnly(t, http.createServer(handler(kept, isKept)));
    await post(port, '/');
    const blocks = [];
    const told = () => {
      blocks.push(recorder.take());
      const tally = new Tally(...blocks);
      return tally
        .at(__filename)
        .map(({ id }) => [id, tally.of(id, event), tally.of(id, events.BORN)]);
    };
    // Alive at the end is told by a collection then.
    if (isKept || !isNative) blocks.push(recorder.settle());
    else await until(() => told().every(([, one, all]) => one.bytes === all.bytes));
    const rows = told().filter(([, , born]) => born.bytes < 100_000 * 10);
    t.true(rows.length >= 5);
    for (const [id, one, all] of rows) t.is(one.bytes, all.bytes, id);
    t.is(kept.length > 0, isKept);
  });
}
