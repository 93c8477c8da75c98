'use strict';
// tier: run-time

// Middlewares and plugins of others with every framework: mounted before ralloc's and after it, and what they keep of a request, for how long.

const test = require('ava');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const zlib = require('node:zlib');
const compress = require('@fastify/compress');
const multipartPlugin = require('@fastify/multipart');
const { createAdaptorServer } = require('@hono/node-server');
const compression = require('compression');
const connect = require('connect');
const cors = require('cors');
const express = require('express');
const session = require('express-session');
const express4 = require('express4');
const fastify = require('fastify');
const { default: helmet } = require('helmet');
const { Hono } = require('hono');
const { bodyLimit } = require('hono/body-limit');
const { compress: honoCompress } = require('hono/compress');
const { createProxyMiddleware, responseInterceptor } = require('http-proxy-middleware');
const Koa = require('koa');
const { koaBody } = require('koa-body');
const koaCompress = require('koa-compress');
const morgan = require('morgan');
const multer = require('multer');
const { requestArena } = require('ralloc/express');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { assertSettled, serveOnly } = require('../helpers/server.js');
const { until, untilCollected } = require('../helpers/until.js');

const FILE = Buffer.from(Array.from({ length: 90_000 }, (_, i) => i % 251));

async function collect(stream, arena) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return arena.concat(parts);
}

const inOrder = (order, ours, other) => (order === 'before' ? [other, ours] : [ours, other]);

// Each server has the same routes, whatever the framework: answers that are whole, bodies that come back, clients that go away in the midst.
//
// GET /parts    three Buffers of the arena, one after another     GET /whole    one Buffer of the arena
// GET /begun    two Buffers, and no end                           POST /echo    the body, through the arena

/** Bytes that no compressor makes smaller, nor takes for what is compressed already: to some, one in a thousand looks so. */
function incompressible(size) {
  const bytes = randomBytes(size);
  bytes[0] = 0;
  return bytes;
}

/** The Buffers that handlers made, with what each must show for as long as it shows anything. */
class Kept {
  #pairs = [];

  of(arena, size) {
    return this.add(arena.from(incompressible(size)));
  }

  add(buffer) {
    this.#pairs.push([buffer, Buffer.from(buffer)]);
    return buffer;
  }

  /** The bytes of the latest `count`. */
  latest(count = 1) {
    return Buffer.concat(this.#pairs.slice(-count).map(([, bytes]) => bytes));
  }

  get size() {
    return this.#pairs.length;
  }

  get alive() {
    return this.#pairs.filter(([buffer]) => buffer.length > 0).length;
  }

  get areIntact() {
    return this.#pairs.every(([buffer, bytes]) => buffer.length === 0 || buffer.equals(bytes));
  }

  forget() {
    this.#pairs = [];
  }
}

const unpack = ({ headers, body }) =>
  headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(body) : body;

const HEADERS = { 'Accept-Encoding': 'gzip', Origin: 'http://other.test' };
const BODY = { 'Content-Type': 'application/octet-stream' };

async function visitAnswered(t, { port, kept }, encoding) {
  const client = await Client.connect(port);
  for (const [path, count] of [
    ['/parts', 3],
    ['/whole', 1],
    ['/parts', 3],
    ['/whole', 1],
  ]) {
    const response = await client.get(path, { headers: HEADERS });
    t.is(response.status, 200, path);
    t.is(response.headers['content-encoding'], encoding, path);
    sameBytes(t, unpack(response), kept.latest(count), path);
  }
  const { status, body } = await client.get('/whole', { method: 'HEAD', headers: HEADERS });
  t.deepEqual([status, body.length], [200, 0]);
  const sent = incompressible(200_000);
  const headers = { ...HEADERS, ...BODY };
  const echoed = await client.get('/echo', { method: 'POST', headers, body: sent });
  t.is(echoed.status, 200);
  sameBytes(t, unpack(echoed), sent);
  await client.destroy();
  return 6;
}

/** Goes away within a response, and within a body. */
async function visitAborted(t, { port, kept, arenas }) {
  const before = kept.size;
  const reader = await Client.connect(port);
  reader.send('/begun', { headers: HEADERS });
  const [bytes] = await once(reader.socket, 'data');
  t.true(bytes.length > 0);
  t.is(kept.size, before + 2);
  await reader.reset();
  await until(() => arenas.stats().inFlight === 0);
  const { requests } = arenas.stats();
  const writer = await Client.connect(port);
  const headers = { ...HEADERS, ...BODY, 'Content-Length': 200_000 };
  writer.send('/echo', { method: 'POST', headers });
  writer.socket.write(randomBytes(70_000));
  return { writer, requests };
}

/** Visits a server that has nothing in flight: each request ends once, what was sent is dead, and the memory of what was cut off comes back. */
async function visit(t, server, encoding) {
  const { arenas, kept } = server;
  const finished = await visitAnswered(t, server, encoding);
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().finished, finished);
  t.is(arenas.stats().memory.quarantined, 0);
  t.is(kept.alive, 0);
  const { writer, requests } = await visitAborted(t, server);
  await until(() => arenas.stats().requests === requests + 1);
  await writer.reset();
  await until(() => arenas.stats().inFlight === 0);
  t.true(kept.areIntact, 'sameBytes: what is not dead has its own');
  t.deepEqual([arenas.stats().finished, arenas.stats().heapRequests], [finished, 0]);
  t.is(arenas.stats().aborted, 1, 'one without its body has not used its arena');
  assertSettled(t, arenas);
  kept.forget();
  visited.push(arenas);
}

const visited = []; // for one collection of them all

test.after('the memory of what was cut off comes back', async () => {
  const isBack = (arenas) => arenas.stats().memory.quarantined === 0;
  await untilCollected(() => visited.every(isBack));
});

/** A body of multipart/form-data with one file, for a client that speaks HTTP by hand. */
function multipart(file) {
  const mark = 'a-boundary-of-this-test';
  const head = `--${mark}\r\nContent-Disposition: form-data; name="file"; filename="file.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  return {
    headers: { 'Content-Type': `multipart/form-data; boundary=${mark}` },
    body: Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${mark}--\r\n`)]),
  };
}

// Express and connect.

/** Saves a session some turns after it was asked to. */
class SlowStore extends session.MemoryStore {
  set(id, given, done) {
    setImmediate(() => super.set(id, given, done));
  }
}

const secret = 'of this test';
const others = {
  compression: () => compression({ threshold: 0, level: 1 }),
  morgan: () => morgan('combined', { stream: { write() {} } }),
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

/** The routes. */
function routes(kept) {
  return async (req, res, next) => {
    const { arena } = req;
    res.setHeader('Content-Type', 'text/plain');
    if (req.url === '/whole') {
      const body = kept.of(arena, 100_000);
      res.setHeader('Content-Length', body.length); // which express-session looks at
      res.end(body);
    } else if (req.url === '/echo') {
      await collect(req, arena).then((body) => res.end(kept.add(body)), next);
    } else {
      res.write(kept.of(arena, 100_000));
      res.write(kept.of(arena, 300_000));
      if (req.url === '/parts') res.end(kept.of(arena, 1));
    }
  };
}

for (const [framework, make] of Object.entries({
  'express 5': express,
  'express 4': express4,
  connect,
})) {
  const few = framework === 'express 5' ? others : { 'all of them': others['all of them'] };
  for (const [name, other] of Object.entries(few)) {
    for (const order of ['before', 'after']) {
      test.serial(`${framework}: ${name}, mounted ${order} ralloc's`, async (t) => {
        const arenas = requestArena();
        const kept = new Kept();
        const app = make();
        app.set?.('env', 'test');
        for (const one of inOrder(order, arenas, other()).flat()) app.use(one);
        app.use(routes(kept));
        app.use((_error, _req, res, _next) => res.destroy());
        const compresses = name === 'compression' || name === 'all of them';
        const server = { port: await serveOnly(t, app), arenas, kept };
        await visit(t, server, compresses ? 'gzip' : undefined);
      });
    }
  }
}

// What middlewares of Express keep of a request, and for how long: uploads, logs, sessions, proxied bodies.

/** Serves an application that `build` completes: { port, arenas }. */
async function serveExpress(t, build) {
  const arenas = requestArena();
  const app = express();
  app.set('env', 'test');
  build(app, arenas);
  return { arenas, port: await serveOnly(t, app) };
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
      done(null, { buffer: await collect(file.stream, req.arena) });
    } catch (error) {
      done(error);
    }
  },
  _removeFile: (_req, _file, done) => done(null),
};

/** Uses the arena, so that the end of the response is counted. */
function use(req, _res, next) {
  req.arena.alloc(1);
  next();
}

for (const [name, storage] of Object.entries({
  'into the arena': intoArena,
  'in memory': multer.memoryStorage(),
})) {
  test(`multer: an upload ${name} comes back, and one that is cut off ends`, async (t) => {
    const kept = [];
    const { arenas, port } = await serveExpress(t, (app, ours) => {
      app.use(ours, use);
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

/** A server behind the proxy, which answers with what it was sent, and on `/begun` does not end. */
async function target(t) {
  const port = await serveOnly(t, (req, res) => {
    if (req.url === '/begun') res.write('begun');
    else req.pipe(res);
  });
  return `http://127.0.0.1:${port}`;
}

for (const order of ['before', 'after']) {
  test(`http-proxy-middleware, mounted ${order} ralloc's: what it passes on, and a client that goes away`, async (t) => {
    const url = await target(t);
    const { arenas, port } = await serveExpress(t, (app, ours) => {
      const proxy = createProxyMiddleware({ target: url });
      app.use(order === 'after' ? [ours, use, proxy] : [proxy, ours]);
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

// Fastify, Koa and Hono.

/** What a route answers: a Buffer, or a stream, which for `/begun` does not end. */
async function answer({ path, arena, kept, readBody, res }) {
  if (path === '/whole') return kept.of(arena, 100_000);
  if (path === '/echo') return kept.add(await readBody());
  async function* parts() {
    yield kept.of(arena, 100_000);
    yield kept.of(arena, 300_000);
    if (path === '/parts') yield kept.of(arena, 1);
    else await new Promise((resolve) => res.once('close', resolve));
  }
  return Readable.from(parts(), { objectMode: false });
}

const kinds = {
  fastify: {
    others: {
      '@fastify/compress': (app) =>
        app.register(compress, { threshold: 0, zlibOptions: { level: 1 } }),
      '@fastify/multipart': (app) => app.register(multipartPlugin),
    },
    async serve(t, order, other, kept) {
      const app = fastify({ keepAliveTimeout: 60_000, http: {} });
      const ours = (to) => to.register(require('ralloc/fastify'));
      for (const mount of inOrder(order, ours, other)) mount(app);
      const type = 'application/octet-stream';
      app.addContentTypeParser(type, (_request, body, done) => done(null, body));
      const route = async (request, reply) => {
        const { arena, url: path } = request;
        reply.type('text/plain');
        const readBody = () => collect(request.body, arena);
        return answer({ path, arena, kept, readBody, res: reply.raw });
      };
      app.after(() => {
        app.get('/*', route);
        app.post('/echo', route);
      });
      await app.listen({ port: 0, host: '127.0.0.1' });
      t.teardown(() => {
        app.server.closeAllConnections();
        return app.close();
      });
      return { port: app.server.address().port, arenas: app.arenas, kept };
    },
  },
  koa: {
    others: {
      'koa-compress': (app) =>
        app.use(koaCompress({ threshold: 0, br: false, gzip: { level: 1 } })),
      'koa-body': (app) => app.use(koaBody({ multipart: true })),
    },
    async serve(t, order, other, kept) {
      const app = new Koa();
      app.silent = true;
      const arenas = require('ralloc/koa').requestArena();
      for (const mount of inOrder(order, (to) => to.use(arenas), other)) mount(app);
      app.use(async (ctx) => {
        const { arena, path } = ctx;
        const readBody = () => collect(ctx.req, arena);
        ctx.body = await answer({ path, arena, kept, readBody, res: ctx.res });
        ctx.type = 'text/plain';
      });
      return { port: await serveOnly(t, app.callback()), arenas, kept };
    },
  },
  hono: {
    others: {
      'hono/compress': (app) => app.use(honoCompress({ threshold: 0 })),
      'hono/body-limit': (app) => app.use(bodyLimit({ maxSize: 300_000 })),
    },
    async serve(t, order, other, kept) {
      const app = new Hono();
      app.onError((error, c) => error.getResponse?.() ?? c.text('', 500));
      const arenas = require('ralloc/hono').requestArena();
      for (const mount of inOrder(order, (to) => to.use(arenas), other)) mount(app);
      app.all('*', async (c) => {
        const { path } = c.req;
        const arena = c.get('arena');
        c.header('content-type', 'text/plain');
        const readBody = async () => arena.from(await c.req.arrayBuffer());
        const body = await answer({ path, arena, kept, readBody, res: c.env.outgoing });
        return c.body(body instanceof Readable ? Readable.toWeb(body) : body);
      });
      const server = createAdaptorServer({ fetch: app.fetch });
      return { port: await serveOnly(t, server), arenas, kept };
    },
  },
};

const compressors = ['@fastify/compress', 'koa-compress', 'hono/compress'];

for (const [framework, { others, serve }] of Object.entries(kinds)) {
  for (const [name, other] of Object.entries(others)) {
    for (const order of ['before', 'after']) {
      test.serial(`${framework}: ${name}, mounted ${order} ralloc's`, async (t) => {
        const server = await serve(t, order, other, new Kept());
        const encoding = compressors.includes(name) ? 'gzip' : undefined;
        await visit(t, server, encoding);
      });
    }
  }
}
