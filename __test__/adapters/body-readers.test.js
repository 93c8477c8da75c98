'use strict';
// tier: run-time, differs by Node

// Bodies on every adapter, and beside what frameworks read themselves: body() where a parser was or comes, and the option `body` of Fastify's plugin in the place of
// Fastify's own parser.

require('reflect-metadata');
const test = require('ava');
const { Transform } = require('node:stream');
const zlib = require('node:zlib');
const { createAdaptorServer } = require('@hono/node-server');
const { Controller, Module, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const fastify = require('fastify');
const { Hono } = require('hono');
const Koa = require('koa');
const { koaBody } = require('koa-body');
const plugin = require('ralloc/fastify');
const ofHono = require('ralloc/hono');
const ofKoa = require('ralloc/koa');
const ofNest = require('ralloc/nest');
const { settled } = require('../helpers/adopted.js');
const { adapters, servers, serveOn } = require('../helpers/adapters.js');
const { inProduction } = require('../helpers/in-production.js');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { patient } = require('../helpers/patient.js');
const { stamped } = require('../helpers/sources.js');
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { writeChunk } = require('../helpers/uploads.js');

const MiB = 2 ** 20;
const OCTETS = 'application/octet-stream';
const JSON_TEXT = '{"a":1}';
const READ = 'ERR_RALLOC_INVALID_ARGUMENT';
const urlOf = (port) => `http://127.0.0.1:${port}`;

for (const name of [...adapters, ...servers]) {
  test.serial(
    `${name}: bodies of any size come whole, one after another, in one Buffer and in chunks`,
    async (t) => {
      const all = [];
      const { arenas, connect } = await serveOn(
        t,
        name,
        async ({ arena, req }) => {
          const isList = req.url === '/chunks';
          const read = isList
            ? await arena.chunks({ limit: 4 * MiB })
            : await arena.body({ limit: 4 * MiB });
          const parts = [read].flat();
          t.true(parts.every((part) => part.length === 0 || arena.owns(part)));
          all.push(...parts);
          return isList ? arena.concat(parts) : read;
        },
        { maxBytesPerRequest: 16 * MiB },
      );
      const client = await connect();
      for (const path of ['/body', '/chunks']) {
        for (const size of [1, 65_535, 300_000, 2 * MiB]) {
          const body = stamped(size, size);
          client.send(path, { method: 'POST', body });
          const answer = await client.response();
          t.is(answer.status, 200);
          sameBytes(t, answer.body, body, `${path} ${size}`);
        }
      }
      await settled(t, arenas);
      t.true(
        all.every(({ length }) => length === 0),
        'dead with the response',
      );
      t.is(arenas.stats().heapRequests, 0);
    },
  );
}

const KiB = 1024;

for (const name of [...adapters, 'https']) {
  test.serial(`${name}: a small body keeps its bytes after the response`, async (t) => {
    const all = [];
    const handler = async ({ arena }) => {
      const body = await arena.body();
      t.is(arena.owns(body), body.length > 16 * KiB);
      all.push(body);
      return Buffer.from(body);
    };
    const { arenas, connect } = await inProduction(() => serveOn(t, name, handler));
    const client = await connect();
    const sizes = [1, 4 * KiB, 16 * KiB - 1, 16 * KiB, 16 * KiB + 1, 100, 20 * KiB];
    const sent = sizes.map((size) => stamped(size, size));
    for (const body of sent) {
      client.send('/', { method: 'POST', body });
      sameBytes(t, (await client.response()).body, body);
    }
    await settled(t, arenas);
    for (const [i, body] of all.entries()) {
      if (sizes[i] > 16 * KiB) t.is(body.length, 0);
      else sameBytes(t, body, sent[i], `${sizes[i]}`);
    }
    t.is(arenas.stats().heapRequests, 0);
  });
}

async function post(url, type = 'application/json') {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON_TEXT,
    headers: { 'content-type': type },
  });
  return response.text();
}

const outcome = (promise) => promise.then(String, ({ name, code }) => `${name} ${code}`);

function hono() {
  const app = new Hono();
  app.use(ofHono.requestArena());
  const methods = ['json', 'text', 'arrayBuffer', 'blob'];
  for (const method of methods) {
    app.post(`/after/${method}`, async (c) => {
      const body = await c.get('arena').body();
      return c.text(`${body} ${await outcome(c.req[method]())}`);
    });
    app.post(`/before/${method}`, async (c) => {
      await c.req[method]();
      return c.text(await outcome(c.get('arena').body()));
    });
  }
  return { app, methods };
}

test('hono: c.req.json() and its like reject after body(), and body() after them, with app.request() too', async (t) => {
  const { app, methods } = hono();
  const url = urlOf(await serveOnly(t, createAdaptorServer({ fetch: app.fetch })));
  const request = async (path) =>
    (await app.request(path, { method: 'POST', body: JSON_TEXT })).text();
  for (const ask of [(path) => post(`${url}${path}`), request]) {
    for (const method of methods) {
      t.is(await ask(`/after/${method}`), `${JSON_TEXT} TypeError undefined`, method);
      t.is(await ask(`/before/${method}`), `TypeError ${READ}`, method);
    }
  }
});

test('koa: body() for what koa-body does not parse, and an error for what it has', async (t) => {
  const app = new Koa();
  app.use(ofKoa.requestArena());
  app.use(koaBody());
  app.use(async (ctx) => {
    ctx.body = await outcome(ctx.arena.body());
  });
  const url = urlOf(await serveOnly(t, app.callback()));
  t.is(await post(url, 'application/octet-stream'), JSON_TEXT);
  t.is(await post(url), `TypeError ${READ}`);
});

for (const [name, adapters] of [
  ['Express', () => []],
  ['Fastify', () => [new FastifyAdapter()]],
]) {
  test(`nest on ${name}: body() for what Nest does not parse, and an error for what it has`, async (t) => {
    class Bodies {
      answer(arena) {
        return outcome(arena.body());
      }
    }
    const { prototype } = Bodies;
    Controller()(Bodies);
    Post()(prototype, 'answer', Object.getOwnPropertyDescriptor(prototype, 'answer'));
    ofNest.Arena()(prototype, 'answer', 0);
    class Root {}
    Module({ imports: [ofNest.requestArena()], controllers: [Bodies] })(Root);
    const app = await NestFactory.create(Root, ...adapters(), { logger: false });
    t.teardown(() => app.close());
    if (name === 'Fastify') {
      const instance = app.getHttpAdapter().getInstance();
      instance.addContentTypeParser('application/octet-stream', (_request, _body, done) =>
        done(null),
      );
    }
    patient(app.getHttpServer());
    await app.listen(0, '127.0.0.1');
    const url = urlOf(app.getHttpServer().address().port);
    t.is(await post(url, 'application/octet-stream'), JSON_TEXT);
    t.is(await post(url), `TypeError ${READ}`);
    app.getHttpServer().closeAllConnections();
  });
}

// The option `body` of Fastify's plugin: the same requests to it and to Fastify's own parser with `parseAs: 'buffer'`, and the same
// answers.

const own = async (app) => {
  app.addContentTypeParser(OCTETS, { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
};

/** What Fastify's hooks for compressed bodies do. */
const inflate = async (request, _reply, payload) => {
  if (request.headers['content-encoding'] !== 'gzip') return payload;
  const counted = new Transform({
    transform(chunk, _encoding, done) {
      if (!request.headers['x-lies']) inflated.receivedEncodedLength += chunk.length;
      done(null, chunk);
    },
  });
  const inflated = zlib.createGunzip();
  inflated.receivedEncodedLength = 0;
  payload.pipe(counted).pipe(inflated);
  return inflated;
};

const described = (body) => (Buffer.isBuffer(body) ? `Buffer ${body.length}` : String(body));

/** An application with each parser: [Fastify's own, the plugin's]. */
async function both(t, options = {}, settings = {}, isTested = true) {
  const apps = [];
  for (const parser of [own, undefined]) {
    const app = fastify({ bodyLimit: 1000, ...settings });
    app.register(plugin, { ...options, body: parser === undefined });
    if (parser !== undefined)
      app.register(Object.assign(parser, { [Symbol.for('skip-override')]: true }));
    app.errors = [];
    app.addHook('preParsing', inflate);
    app.setErrorHandler((error, _request, reply) => {
      const { FST_ERR_CTP_BODY_TOO_LARGE, FST_ERR_CTP_INVALID_CONTENT_LENGTH } = fastify.errorCodes;
      const kinds = [FST_ERR_CTP_BODY_TOO_LARGE, FST_ERR_CTP_INVALID_CONTENT_LENGTH, RangeError];
      app.errors.push([error.name, error.code, ...kinds.map((kind) => error instanceof kind)]);
      reply.send(error);
    });
    const answer = async (request) => ({
      body: described(request.body),
      owned:
        parser !== undefined ||
        !isTested ||
        request.arena === undefined ||
        !request.body?.length ||
        request.arena.owns(request.body),
    });
    for (const method of ['GET', 'POST', 'DELETE'])
      app.route({ method, url: '/', handler: answer });
    app.post('/small', { bodyLimit: 10 }, answer);
    app.post('/large', { bodyLimit: 100_000 }, answer);
    await app.listen({ port: 0, host: '127.0.0.1' });
    t.teardown(() => app.close());
    apps.push(app);
  }
  return apps;
}

async function ask({ server }, { path = '/', method = 'POST', headers, body, chunks }) {
  const client = await Client.connect(server.address().port);
  const all = { 'Content-Type': OCTETS, ...headers };
  if (chunks !== undefined) all['Transfer-Encoding'] = 'chunked';
  client.send(path, { method, headers: all, body });
  for (const chunk of chunks ?? []) writeChunk(client, chunk);
  if (chunks !== undefined) client.write('0\r\n\r\n');
  const answer = await client.response();
  await client.destroy();
  const { connection } = answer.headers;
  return { status: answer.status, connection, body: answer.body.toString() };
}

const gzip = { 'Content-Encoding': 'gzip' };
const requests = {
  'no body': {},
  'an empty body': { body: Buffer.alloc(0) },
  'a body': { body: Buffer.alloc(500) },
  'at the limit': { body: Buffer.alloc(1000) },
  'over the limit': { body: Buffer.alloc(1001) },
  'in chunks': { chunks: [Buffer.alloc(400), Buffer.alloc(400)] },
  'in chunks, over the limit': { chunks: [Buffer.alloc(800), Buffer.alloc(800)] },
  "over the route's limit": { path: '/small', body: Buffer.alloc(11) },
  "within the route's limit": { path: '/large', body: Buffer.alloc(90_000) },
  "over the route's larger limit": { path: '/large', body: Buffer.alloc(100_001) },
  'of another type': { headers: { 'Content-Type': 'image/png' }, body: Buffer.alloc(10) },
  'of JSON': { headers: { 'Content-Type': 'application/json' }, body: Buffer.from('{}') },
  'GET with a body': { method: 'GET', body: Buffer.alloc(10) },
  'DELETE with a body': { method: 'DELETE', body: Buffer.alloc(10) },
  'to no route': { path: '/none', body: Buffer.alloc(10) },
  compressed: { headers: gzip, body: zlib.gzipSync(Buffer.alloc(900)) },
  'compressed, over the limit': { headers: gzip, body: zlib.gzipSync(Buffer.alloc(50_000)) },
  'compressed, cut short': {
    headers: gzip,
    body: zlib.gzipSync(Buffer.alloc(900)).subarray(0, -9),
  },
  'not compressed as it says': { headers: gzip, body: Buffer.alloc(90) },
};

for (const [name, options] of Object.entries({
  'with arenas': {},
  'in production': {},
  skipped: { skip: () => true },
})) {
  test.serial(`${name}: the answers are those of Fastify's own parser`, async (t) => {
    const isTested = name !== 'in production';
    const make = () => both(t, options, {}, isTested);
    const apps = await (isTested ? make() : inProduction(make));
    for (const [id, request] of Object.entries(requests)) {
      const [theirs, ours] = await Promise.all(apps.map((app) => ask(app, request)));
      t.deepEqual(ours, theirs, id);
      t.deepEqual(apps[1].errors.splice(0), apps[0].errors.splice(0), id);
    }
  });
}

test('a stream of a hook that lies about its length is refused', async (t) => {
  const apps = await both(t);
  const request = { headers: { ...gzip, 'X-Lies': 'yes' }, body: zlib.gzipSync(Buffer.alloc(10)) };
  const [theirs, ours] = await Promise.all(apps.map((app) => ask(app, request)));
  t.is(theirs.status, 400);
  t.deepEqual(ours, theirs);
});

test('the body is dead after the response, and its memory free', async (t) => {
  const app = fastify();
  const bodies = [];
  app.register(plugin, { body: ['image/png', /^video\//] });
  app.post('/', async (request) => {
    bodies.push(request.body);
    t.true(request.arena.owns(request.body));
    t.is(await request.arena.body(), request.body);
    return request.body;
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  const body = Buffer.alloc(300_000, 'some bytes');
  for (const type of ['image/png', 'video/mp4']) {
    const answer = await ask(app, { headers: { 'Content-Type': type }, body });
    t.is(answer.body, body.toString());
  }
  t.is((await ask(app, { body })).status, 415);
  await until(() => app.arenas.stats().inFlight === 0);
  t.deepEqual(
    bodies.map(({ length }) => length),
    [0, 0],
  );
  t.is(app.arenas.stats().memory.leased, 0);
});

test("the arena's own limit is an error of its own", async (t) => {
  const app = fastify({ bodyLimit: 1 << 20 });
  app.register(plugin, { body: true, maxBytesPerRequest: 8192 });
  app.post('/', async () => 'fine');
  const payload = Buffer.alloc(10_000);
  const headers = { 'content-type': OCTETS };
  const response = await app.inject({ method: 'POST', url: '/', headers, payload });
  t.is(response.statusCode, 413);
  t.is(response.json().code, 'ERR_RALLOC_LIMIT');
  t.is((await app.inject({ method: 'POST', url: '/', headers, payload: 'x' })).body, 'fine');
  await app.close();
});

test('a type that has a parser already, and types that are none, are errors of register()', async (t) => {
  const taken = fastify();
  taken.addContentTypeParser(OCTETS, async () => null);
  taken.register(plugin, { body: true });
  await t.throwsAsync(async () => taken.ready(), {
    any: true, // Fastify's are none to instanceof
    code: 'FST_ERR_CTP_ALREADY_PRESENT',
  });
  for (const body of [5, null, [5], {}]) {
    const app = fastify();
    app.register(plugin, { body });
    await t.throwsAsync(async () => app.ready(), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
});
