'use strict';
// tier: run-time

// Middlewares of others with Express and connect: mounted before ralloc's and after it, and what they keep of a request, for how long.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const compression = require('compression');
const connect = require('connect');
const cors = require('cors');
const express5 = require('express');
const express = require('express');
const session = require('express-session');
const express4 = require('express4');
const { default: helmet } = require('helmet');
const { createProxyMiddleware, responseInterceptor } = require('http-proxy-middleware');
const morgan = require('morgan');
const multer = require('multer');
const { requestArena } = require('ralloc/express');
const { sameBytes } = require('../helpers/bytes.js');
const { Kept, multipart, visit } = require('../helpers/between.js');
const { Client } = require('../helpers/client.js');
const { assertSettled, listen } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

/** Saves a session some turns after it was asked to. */
class SlowStore extends session.MemoryStore {
  set(id, given, done) {
    setImmediate(() => super.set(id, given, done));
  }
}

const lines = new Set();
const secret = 'of this test';
const others = {
  compression: () => compression({ threshold: 0 }),
  morgan: () => morgan('combined', { stream: { write: (line) => lines.add(line) } }),
  'express-session': () =>
    session({ secret, resave: true, saveUninitialized: true, store: new SlowStore() }),
  multer: () => multer().single('file'),
  helmet: () => helmet(),
  cors: () => cors(),
};
others['all of them'] = () =>
  ['morgan', 'helmet', 'cors', 'express-session', 'multer', 'compression'].map((name) =>
    others[name](),
  );

const collect = async (req) => {
  const parts = [];
  for await (const part of req) parts.push(part);
  return req.arena.concat(parts);
};

/** The routes of helpers/between.js. */
function routes(kept) {
  return async (req, res, next) => {
    const { arena } = req;
    res.setHeader('Content-Type', 'text/plain');
    if (req.url === '/whole') {
      const body = kept.of(arena, 100_000);
      res.setHeader('Content-Length', body.length); // which express-session looks at
      res.end(body);
    } else if (req.url === '/echo') {
      await collect(req).then((body) => res.end(kept.add(body)), next);
    } else {
      res.write(kept.of(arena, 100_000));
      res.write(kept.of(arena, 300_000));
      if (req.url === '/parts') res.end(kept.of(arena, 1));
    }
  };
}

async function serve(t, make, middlewares, kept) {
  const app = make();
  app.set?.('env', 'test');
  for (const one of middlewares.flat()) app.use(one);
  app.use(routes(kept));
  app.use((_error, _req, res, _next) => res.destroy());
  const server = http.createServer(app);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return listen(server);
}

for (const [framework, make] of Object.entries({
  'express 5': express5,
  'express 4': express4,
  connect,
})) {
  for (const [name, other] of Object.entries(others)) {
    for (const order of ['before', 'after']) {
      test.serial(`${framework}: ${name}, mounted ${order} ralloc's`, async (t) => {
        const arenas = requestArena();
        const kept = new Kept();
        const middlewares = order === 'before' ? [other(), arenas] : [arenas, other()];
        const port = await serve(t, make, middlewares, kept);
        const compresses = name === 'compression' || name === 'all of them';
        await visit(t, { port, arenas, kept }, { encoding: compresses ? 'gzip' : undefined });
      });
    }
  }
}

// What middlewares of Express keep of a request, and for how long: uploads, logs, sessions, proxied bodies.

const FILE = Buffer.from(Array.from({ length: 90_000 }, (_, i) => i % 251));

/** Serves an application that `build` completes: { port, arenas }. */
async function serveExpress(t, build) {
  const arenas = requestArena();
  const app = express();
  app.set('env', 'test');
  build(app, arenas);
  const server = http.createServer(app);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { arenas, port: await listen(server) };
}

async function ended(t, arenas, { finished, aborted = 0 }) {
  await until(() => arenas.stats().inFlight === 0);
  t.deepEqual([arenas.stats().finished, arenas.stats().aborted], [finished, aborted]);
  assertSettled(t, arenas);
}

/** A storage of multer that reads files into the arena. */
const intoArena = {
  async _handleFile(req, file, done) {
    try {
      const parts = [];
      for await (const part of file.stream) parts.push(part);
      done(null, { buffer: req.arena.concat(parts) });
    } catch (error) {
      done(error);
    }
  },
  _removeFile: (_req, _file, done) => done(null),
};

for (const [name, storage] of Object.entries({
  'into the arena': intoArena,
  'in memory': multer.memoryStorage(),
})) {
  test(`multer: an upload ${name} comes back, and one that is cut off ends`, async (t) => {
    const kept = [];
    const { arenas, port } = await serveExpress(t, (app, ours) => {
      app.use(ours);
      app.post('/', multer({ storage }).single('file'), (req, res) => {
        const { buffer } = req.file;
        t.is(req.arena.owns(buffer), storage === intoArena);
        kept.push(req.arena.from(buffer));
        if (storage === intoArena) kept.push(buffer);
        res.end(kept[0]);
      });
      app.use((_error, _req, res, _next) => res.destroy());
    });
    const client = await Client.connect(port);
    const { headers, body } = multipart(FILE);
    sameBytes(t, (await client.get('/', { method: 'POST', headers, body })).body, FILE);
    await until(() => arenas.stats().inFlight === 0);
    t.true(kept.every(({ length }) => length === 0));
    const length = { ...headers, 'Content-Length': body.length };
    client.send('/', { method: 'POST', headers: length });
    client.socket.write(body.subarray(0, 50_000));
    await until(() => arenas.stats().requests === 2);
    await client.reset();
    await ended(t, arenas, { finished: 1, aborted: 1 });
  });
}

test('morgan: a token can read Buffers of the arena, of answers in full and of ones that are cut off', async (t) => {
  const lines = [];
  morgan.token('note', (req) => req.note.toString());
  const { arenas, port } = await serveExpress(t, (app, ours) => {
    app.use(morgan(':method :note', { stream: { write: (line) => lines.push(line.trim()) } }));
    app.use(ours);
    app.use((req, res) => {
      req.note = req.arena.from(`of ${req.url}`);
      if (req.url === '/whole') res.end(req.arena.from('answer'));
      else res.write(req.arena.from('begun'));
    });
  });
  const client = await Client.connect(port);
  await client.get('/whole');
  await until(() => lines.length === 1);
  const reader = await Client.connect(port);
  reader.send('/begun');
  await once(reader.socket, 'data');
  await reader.reset();
  await until(() => lines.length === 2);
  t.deepEqual(lines, ['GET of /whole', 'GET of /begun']);
  await ended(t, arenas, { finished: 1, aborted: 1 });
});

/** Keeps the session's objects themselves, as a store written by hand may. */
class ObjectStore extends session.Store {
  kept = new Map();

  get(id, done) {
    setImmediate(done, null, this.kept.get(id));
  }

  set(id, given, done) {
    this.kept.set(id, { ...given, cookie: given.cookie });
    setImmediate(done);
  }
}

/** What a request puts into its session and what the next one of that session finds there. */
async function throughSession(t, store, put) {
  const found = [];
  const { arenas, port } = await serveExpress(t, (app, ours) => {
    app.use(ours, session({ secret: 'x', resave: false, saveUninitialized: false, store }));
    app.use((req, res) => {
      found.push(req.session.note);
      req.session.note = put(req.arena, req.arena.from('some bytes'));
      const answer = req.arena.from('a body of some length');
      res.setHeader('Content-Length', answer.length);
      res.end(answer); // all but its last byte go out before the session is saved
    });
  });
  const client = await Client.connect(port);
  const headers = {};
  for (let i = 0; i < 2; i++) {
    const response = await client.get('/', { headers });
    t.is(response.body.toString(), 'a body of some length');
    headers.Cookie = response.headers['set-cookie']?.split(';')[0];
    await until(() => arenas.stats().inFlight === 0);
  }
  await ended(t, arenas, { finished: 2 });
  return found[1];
}

test('express-session: its own store serialises a Buffer before the response is over', async (t) => {
  const found = await throughSession(t, new session.MemoryStore(), (_arena, buffer) => buffer);
  t.deepEqual(found, Buffer.from('some bytes').toJSON());
});

test('express-session: a store that keeps objects keeps a dead Buffer, and a copyOut() whole', async (t) => {
  const dead = await throughSession(t, new ObjectStore(), (_arena, buffer) => buffer);
  t.is(dead.length, 0);
  const copied = await throughSession(t, new ObjectStore(), (arena, buffer) =>
    arena.copyOut(buffer),
  );
  t.is(copied.toString(), 'some bytes');
});

test('helmet and cors: their headers, and a preflight that no handler sees', async (t) => {
  const { arenas, port } = await serveExpress(t, (app, ours) => {
    app.use(ours, helmet(), cors());
    app.use((req, res) => res.end(req.arena.from('answer')));
  });
  const client = await Client.connect(port);
  const headers = { Origin: 'http://other.test', 'Access-Control-Request-Method': 'PUT' };
  const preflight = await client.get('/', { method: 'OPTIONS', headers });
  t.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [204, '*']);
  const answer = await client.get('/', { headers });
  t.is(answer.body.toString(), 'answer');
  t.is(answer.headers['x-content-type-options'], 'nosniff');
  await ended(t, arenas, { finished: 2 });
});

/** A server behind the proxy, which answers with what it was sent, and on `/begun` does not end. */
async function target(t) {
  const server = http.createServer((req, res) => {
    if (req.url === '/begun') res.write('begun');
    else req.pipe(res);
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${await listen(server)}`;
}

for (const order of ['before', 'after']) {
  test(`http-proxy-middleware, mounted ${order} ralloc's: what it passes on, and a client that goes away`, async (t) => {
    const url = await target(t);
    const { arenas, port } = await serveExpress(t, (app, ours) => {
      const proxy = createProxyMiddleware({ target: url });
      app.use(order === 'after' ? [ours, proxy] : [proxy, ours]);
    });
    const client = await Client.connect(port);
    const { body } = await client.get('/echo', { method: 'POST', body: FILE });
    sameBytes(t, body, FILE);
    const reader = await Client.connect(port);
    reader.send('/begun');
    await once(reader.socket, 'data');
    await reader.reset();
    const isOurs = order === 'after';
    await until(() => arenas.stats().finished + arenas.stats().aborted === (isOurs ? 2 : 0));
    await ended(t, arenas, isOurs ? { finished: 1, aborted: 1 } : { finished: 0 });
  });
}

test('http-proxy-middleware: a body of the arena to its target, and an answer that is made in the arena', async (t) => {
  const url = await target(t);
  const kept = [];
  const { arenas, port } = await serveExpress(t, (app, ours) => {
    app.use(ours, express.raw({ type: '*/*', limit: '1mb' }));
    app.use(
      createProxyMiddleware({
        target: url,
        selfHandleResponse: true,
        on: {
          proxyReq(proxyReq, req) {
            const body = req.arena.concat([req.arena.from('> '), req.body]);
            kept.push(body);
            proxyReq.setHeader('Content-Length', body.length);
            proxyReq.write(body);
          },
          proxyRes: responseInterceptor(async (bytes, _proxyRes, req) => {
            kept.push(req.arena.concat([bytes, req.arena.from(' <')]));
            return kept.at(-1);
          }),
        },
      }),
    );
  });
  for (let i = 1; i <= 3; i++) {
    const client = await Client.connect(port); // the proxy closes it, as its target does
    const headers = { 'Content-Type': 'application/octet-stream' };
    const { body } = await client.get('/', { method: 'POST', headers, body: FILE });
    sameBytes(t, body, Buffer.concat([Buffer.from('> '), FILE, Buffer.from(' <')]));
    await until(() => arenas.stats().inFlight === 0);
    t.deepEqual([kept.length, kept.every(({ length }) => length === 0)], [2 * i, true]);
  }
  await ended(t, arenas, { finished: 3 });
});
