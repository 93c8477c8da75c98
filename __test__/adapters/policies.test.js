'use strict';
// tier: run-time

// On every adapter: what a route may have for itself, which requests have no arena, and what a client is answered at the limits.

require('reflect-metadata');
const test = require('ava');
const http = require('node:http');
const { once } = require('node:events');
const { Controller, HttpCode, Module, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { createAdaptorServer } = require('@hono/node-server');
const connect = require('connect');
const express5 = require('express');
const express4 = require('express4');
const fastify = require('fastify');
const { Hono } = require('hono');
const Koa = require('koa');
const { until } = require('../helpers/until.js');
const { patient } = require('../helpers/patient.js');
const { assertSettled } = require('../helpers/server.js');

const ofHono = require('ralloc/hono');
const ofKoa = require('ralloc/koa');

console.error = () => {}; // Hono's own handler prints what it answers with 500

const KiB = 1024;
const MiB = 1024 * KiB;
const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';

// Every adapter with several routes, as its users would write them, and with no error handler of its own: what a client gets for an error is the
// framework's doing. `routes`: path → `{ given, handler }`. `given` are the options of the route, for which undefined is none; `handler(arena)` gives the
// text of the answer, or throws.

function onExpress(make, options, routes) {
  const arenas = require('ralloc/express').requestArena(options);
  const app = make();
  app.set?.('env', 'test'); // no stacks on stderr
  app.use(arenas);
  for (const [path, { given, handler }] of Object.entries(routes)) {
    if (given !== undefined) app.use(path, arenas.route(given));
    app.use(path, (req, res) => res.end(handler(req.arena)));
  }
  return { arenas, server: http.createServer(app) };
}

function onHttp(options, routes) {
  const arenas = require('ralloc/http').requestArena(options);
  const listeners = {};
  for (const [path, { given, handler }] of Object.entries(routes)) {
    const door = given === undefined ? arenas : arenas.route(given);
    listeners[path] = door.wrap((req, res) => res.end(handler(req.arena)));
  }
  const server = http.createServer((req, res) => {
    try {
      listeners[req.url](req, res);
    } catch (error) {
      res.writeHead(error.statusCode ?? 500).end();
    }
  });
  return { arenas, server };
}

/** `isEarly`: the routes are there before the plugin is loaded, as routes of the application itself are. */
async function onFastify(isEarly, options, routes) {
  const app = fastify();
  const add = async (child) => {
    for (const [path, { given, handler }] of Object.entries(routes)) {
      const config = given === undefined ? {} : { ralloc: given };
      child.post(path, { config }, async (request) => handler(request.arena));
    }
  };
  app.register(require('ralloc/fastify'), options);
  if (isEarly) await add(app);
  else app.register(add);
  await app.ready();
  return { arenas: app.arenas, server: app.server, end: () => app.close() };
}

function onKoa(options, routes) {
  const arenas = require('ralloc/koa').requestArena(options);
  const app = new Koa();
  app.silent = true;
  app.use(arenas);
  for (const [path, { given, handler }] of Object.entries(routes)) {
    const route = given === undefined ? (_ctx, next) => next() : arenas.route(given);
    app.use((ctx, next) => {
      if (ctx.path !== path) return next();
      return route(ctx, async () => {
        ctx.body = handler(ctx.arena);
      });
    });
  }
  return { arenas, server: http.createServer(app.callback()) };
}

function honoOf(options, routes) {
  const arenas = require('ralloc/hono').requestArena(options);
  const app = new Hono();
  app.use(arenas);
  for (const [path, { given, handler }] of Object.entries(routes)) {
    if (given !== undefined) app.use(path, arenas.route(given));
    app.post(path, (c) => c.text(handler(c.get('arena'))));
  }
  return { arenas, app };
}

function onHono(options, routes) {
  const { arenas, app } = honoOf(options, routes);
  return { arenas, server: createAdaptorServer({ fetch: app.fetch }) };
}

async function onNest(Adapter, options, routes) {
  const { requestArena, Arena, ArenaRoute } = require('ralloc/nest');
  const arenas = requestArena(options);
  class Routes {}
  const { prototype } = Routes;
  for (const [path, { given, handler }] of Object.entries(routes)) {
    const value = (arena) => handler(arena);
    Object.defineProperty(prototype, path, { value, configurable: true, writable: true });
    const descriptor = Object.getOwnPropertyDescriptor(prototype, path);
    Post(path)(prototype, path, descriptor);
    HttpCode(200)(prototype, path, descriptor);
    Arena()(prototype, path, 0);
    if (given !== undefined) ArenaRoute(given)(prototype, path, descriptor);
  }
  Controller()(Routes);
  class Root {}
  Module({ imports: [arenas], controllers: [Routes] })(Root);
  const app = await NestFactory.create(Root, new Adapter(), { logger: false, abortOnError: false });
  await app.init();
  await app.getHttpAdapter().getInstance().ready?.();
  return { arenas, server: app.getHttpServer(), end: () => app.close() };
}

const makers = {
  'node:http': onHttp,
  connect: (...given) => onExpress(connect, ...given),
  'express 5': (...given) => onExpress(express5, ...given),
  'express 4': (...given) => onExpress(express4, ...given),
  fastify: (...given) => onFastify(false, ...given),
  'fastify, routes first': (...given) => onFastify(true, ...given),
  koa: onKoa,
  hono: onHono,
  'nest on express': (...given) => onNest(ExpressAdapter, ...given),
  'nest on fastify': (...given) => onNest(FastifyAdapter, ...given),
};

/** Serves `routes` on an adapter until the test `t` is over: `{ arenas, port, ask }`; ask(path) gives `[status, text]`. */
async function serveRoutes(t, name, options, routes) {
  const { arenas, server, end } = await makers[name](options, routes);
  patient(server).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    await (end?.() ?? new Promise((resolve) => server.close(resolve)));
  });
  const { port } = server.address();
  const ask = async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' });
    return [response.status, await response.text()];
  };
  return { arenas, port, ask };
}

/** Allocates, tells how much. */
const take = (bytes) => (arena) => String(arena.alloc(bytes).length);

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);

for (const adapter of Object.keys(makers)) {
  test(`${adapter}: a route has its own limit, safety and wipe, and what is skipped has no arena`, async (t) => {
    const kept = {};
    const keep = (name) => (arena) => {
      kept[name] = arena.alloc(100).fill(name[0]);
      return arena.stats().safety;
    };
    const told = (arena) => typeof arena?.alloc;
    const [large, small] = [4 * MiB, 8 * KiB].map((maxBytesPerRequest) => ({ maxBytesPerRequest }));
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      {
        maxBytes: 8 * MiB,
        maxBytesPerRequest: MiB,
        skip: ({ url, req }) => (url ?? req.url).endsWith('/health'),
      },
      {
        '/usual': { handler: take(MiB) },
        '/usual-over': { handler: take(MiB + 1) },
        '/large': { given: large, handler: take(4 * MiB) },
        '/large-over': { given: large, handler: take(4 * MiB + 1) },
        '/small': { given: small, handler: take(8 * KiB) },
        '/small-over': { given: small, handler: take(8 * KiB + 1) },
        '/detach': { handler: keep('detach') },
        '/gc': { given: { safety: 'gc' }, handler: keep('gc') },
        '/recycle': { given: { safety: 'recycle', wipe: true }, handler: keep('recycle') },
        '/health': { given: { wipe: true }, handler: told },
      },
    );
    t.deepEqual(await ask('/health'), [200, 'undefined']);
    t.is(arenas.stats().requests, 0);
    t.deepEqual(await ask('/large'), [200, String(4 * MiB)]);
    t.deepEqual(await ask('/small'), [200, String(8 * KiB)]);
    t.deepEqual(await ask('/usual'), [200, String(MiB)]);
    for (const path of ['/large-over', '/small-over', '/usual-over']) {
      t.is((await ask(path))[0], 413, path);
    }
    for (const safety of ['recycle', 'gc', 'detach', 'recycle']) {
      t.deepEqual(await ask(`/${safety}`), [200, safety]);
      await settled(arenas);
    }
    t.is(kept.detach.length, 0, 'dead');
    t.is(kept.gc.toString(), 'g'.repeat(100), 'alive, with its bytes');
    t.is(kept.recycle.length, 100, 'alive');
    t.true(
      kept.recycle.every((byte) => byte === 0),
      'and wiped',
    );
    t.is(arenas.stats().requests, 10);
    assertSettled(t, arenas);
  });

  test(`${adapter}: options of a route that are wrong, and a skip() that throws or gives no boolean`, async (t) => {
    // Known at the first request alone: what goes beyond maxBytes, and what was there before the plugin.
    const isLate = adapter.startsWith('nest') || adapter === 'fastify, routes first';
    for (const [given, Type] of [
      [{ maxBytesPerRequest: '1' }, TypeError],
      [{ safety: 'none' }, RangeError],
      [null, TypeError],
      [{ maxBytesPerRequest: 2 * MiB }, RangeError],
    ]) {
      const routes = { '/': { given, handler: () => 'served' } };
      const about = JSON.stringify(given);
      let status;
      try {
        const { ask } = await serveRoutes(t, adapter, { maxBytes: MiB }, routes);
        [status] = await ask('/');
      } catch (error) {
        t.true(error instanceof Type, about);
        t.is(error.code, INVALID);
        continue;
      }
      t.true(isLate, `${about} is accepted`);
      t.is(status, 500);
    }
    let answer;
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      { skip: () => answer() },
      { '/': { handler: () => 'served' } },
    );
    const thrown = () => {
      throw new Error('of its own');
    };
    for (answer of [thrown, async () => true, () => 1]) {
      t.is((await ask('/'))[0], 500, String(answer));
    }
    t.is(arenas.stats().requests, 0, 'nothing has begun');
    answer = () => false;
    t.deepEqual(await ask('/'), [200, 'served']);
  });

  test(`${adapter}: with onOverflow: 'error' a client is answered 503, and 413 for what is too much for one`, async (t) => {
    const held = [];
    const hold = (arena) => {
      held.push(arena.hold());
      return take(MiB)(arena);
    };
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      { name: 'api', maxBytes: MiB, onOverflow: 'error' },
      {
        '/hold': { handler: hold },
        '/little': { handler: take(10) },
        '/much': { handler: take(MiB + 1) },
        '/why': { handler: (arena) => t.throws(() => arena.alloc(MiB + 1)).message },
      },
    );
    t.true((await ask('/why'))[1].includes("Raise maxBytesPerRequest of request arenas 'api'"));
    t.is((await ask('/hold'))[0], 200);
    t.is((await ask('/little'))[0], 503);
    t.is((await ask('/much'))[0], 413);
    for (const hold of held) hold.release();
    t.deepEqual(await ask('/little'), [200, '10']);
    await settled(arenas);
    t.like(arenas.stats(), { heapRequests: 0, heapBuffers: 0, refused: 1 });
  });
}

test('a route is told where nobody gave its requests an arena', async (t) => {
  const route = ofKoa.requestArena().route({ wipe: true });
  const error = t.throws(() => route({ arena: undefined }, () => t.fail()));
  t.is(error.code, 'ERR_RALLOC_UNSUPPORTED');
  const app = new Hono();
  let found;
  app.onError((thrown, c) => {
    found = thrown;
    return c.text('', 500);
  });
  app.get('/', ofHono.requestArena().route({ wipe: true }), (c) => c.text(''));
  await app.request('/');
  t.is(found.code, 'ERR_RALLOC_UNSUPPORTED');
});

test('Hono without a server: a route, skip() and the status of an error', async (t) => {
  const { arenas, app } = honoOf(
    { maxBytesPerRequest: 8 * KiB, skip: (c) => c.req.path === '/health' },
    {
      '/health': { handler: (arena) => typeof arena },
      '/small': { handler: take(9 * KiB) },
      '/large': { given: { maxBytesPerRequest: 16 * KiB }, handler: take(9 * KiB) },
    },
  );
  const ask = async (path) => {
    const response = await app.request(path, { method: 'POST' });
    return [response.status, await response.text()];
  };
  t.deepEqual(await ask('/health'), [200, 'undefined']);
  t.deepEqual(await ask('/small'), [413, 'Payload Too Large']);
  t.deepEqual(await ask('/large'), [200, String(9 * KiB)]);
  t.deepEqual([arenas.stats().requests, arenas.stats().inFlight], [2, 0]);
});
