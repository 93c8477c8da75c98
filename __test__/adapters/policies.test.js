'use strict';
// tier: run-time

// What a route may have for itself, which requests have no arena, and what a client is answered at the limits: on every adapter.

require('reflect-metadata');
const test = require('ava');
const { Controller, Get, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { Hono } = require('hono');
const { patient } = require('../helpers/patient.js');
const { until } = require('../helpers/until.js');
const { adapters, serveRoutes, honoOf } = require('../helpers/routes.js');
const { assertSettled } = require('../helpers/server.js');

const ofHono = require('ralloc/hono');
const ofKoa = require('ralloc/koa');
const ofNest = require('ralloc/nest');

console.error = () => {}; // Hono's own handler prints what it answers with 500

const KiB = 1024;
const MiB = 1024 * KiB;
const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';

/** Allocates, tells how much. */
const take = (bytes) => (arena) => String(arena.alloc(bytes).length);

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);

for (const adapter of adapters) {
  test(`${adapter}: a route raises or lowers maxBytesPerRequest, and the others keep theirs`, async (t) => {
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      { maxBytes: 8 * MiB, maxBytesPerRequest: MiB },
      {
        '/usual': { handler: take(MiB) },
        '/usual-over': { handler: take(MiB + 1) },
        '/large': { given: { maxBytesPerRequest: 4 * MiB }, handler: take(4 * MiB) },
        '/large-over': { given: { maxBytesPerRequest: 4 * MiB }, handler: take(4 * MiB + 1) },
        '/small': { given: { maxBytesPerRequest: 8 * KiB }, handler: take(8 * KiB) },
        '/small-over': { given: { maxBytesPerRequest: 8 * KiB }, handler: take(8 * KiB + 1) },
      },
    );
    t.deepEqual(await ask('/large'), [200, String(4 * MiB)]);
    t.deepEqual(await ask('/small'), [200, String(8 * KiB)]);
    t.deepEqual(await ask('/usual'), [200, String(MiB)]);
    for (const path of ['/large-over', '/small-over', '/usual-over']) {
      t.is((await ask(path))[0], 413, path);
    }
    await settled(arenas);
    t.is(arenas.stats().requests, 6);
    assertSettled(t, arenas);
  });

  test(`${adapter}: a route has its own safety and wipe`, async (t) => {
    const kept = {};
    const keep = (name) => (arena) => {
      kept[name] = arena.alloc(100).fill(name[0]);
      return arena.stats().safety;
    };
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      {},
      {
        '/detach': { handler: keep('detach') },
        '/gc': { given: { safety: 'gc' }, handler: keep('gc') },
        '/recycle': { given: { safety: 'recycle', wipe: true }, handler: keep('recycle') },
      },
    );
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
  });

  test(`${adapter}: options of a route that are wrong`, async (t) => {
    const wrong = [
      [{ maxBytesPerRequest: '1' }, TypeError],
      [{ maxBytesPerRequest: 1 }, RangeError],
      [{ safety: 'none' }, RangeError],
      [{ wipe: 1 }, TypeError],
      [{ maxBytes: MiB }, TypeError],
      [5, TypeError],
      [null, TypeError],
      [{ maxBytesPerRequest: 2 * MiB }, RangeError],
    ];
    for (const [given, Type] of wrong) {
      const routes = { '/': { given, handler: () => 'served' } };
      let status;
      try {
        const { ask } = await serveRoutes(t, adapter, { maxBytes: MiB }, routes);
        [status] = await ask('/');
      } catch (error) {
        t.true(error instanceof Type, JSON.stringify(given));
        t.is(error.code, INVALID);
        continue;
      }
      // Known at the first request alone: what goes beyond maxBytes, and what was there before the plugin.
      const isLate = adapter.startsWith('nest') || adapter === 'fastify, routes first';
      t.true(isLate, `${JSON.stringify(given)} is accepted`);
      t.is(status, 500);
    }
  });

  test(`${adapter}: skip() leaves requests without an arena, and costs nothing of it`, async (t) => {
    const told = (arena) => typeof arena?.alloc;
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      { skip: ({ url, req }) => (url ?? req.url).endsWith('/health') },
      {
        '/health': { given: { wipe: true }, handler: told },
        '/work': { handler: told },
      },
    );
    t.deepEqual(await ask('/health'), [200, 'undefined']);
    t.is(arenas.stats().requests, 0);
    t.deepEqual(await ask('/work'), [200, 'function']);
    await settled(arenas);
    t.is(arenas.stats().requests, 1);
  });

  test(`${adapter}: a skip() that throws, or gives no boolean, is an error of the request`, async (t) => {
    let answer;
    const { arenas, ask } = await serveRoutes(
      t,
      adapter,
      { skip: () => answer() },
      { '/': { handler: () => 'served' } },
    );
    const wrong = [
      () => {
        throw new Error('of its own');
      },
      async () => true,
      () => 1,
      () => undefined,
      () => null,
    ];
    for (answer of wrong) t.is((await ask('/'))[0], 500, String(answer));
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

for (const Adapter of [ExpressAdapter, FastifyAdapter]) {
  test(`${Adapter.name}: a method's options go before those of its controller`, async (t) => {
    const arenas = ofNest.requestArena({ property: 'memory' });
    class Routes {
      own(arena) {
        return `${arena.stats().safety} ${arena.stats().limit}`;
      }
      usual(arena) {
        return `${arena.stats().safety} ${arena.stats().limit}`;
      }
    }
    const { prototype } = Routes;
    for (const name of ['own', 'usual']) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      Get(name)(prototype, name, descriptor);
      ofNest.Arena('memory')(prototype, name, 0);
      const options = { maxBytesPerRequest: 8 * KiB };
      if (name === 'own') ofNest.ArenaRoute(options, 'memory')(prototype, name, descriptor);
    }
    const options = { safety: 'gc', maxBytesPerRequest: 16 * KiB };
    Controller()(Routes);
    ofNest.ArenaRoute(options, 'memory')(Routes);
    class Root {}
    Module({ imports: [arenas], controllers: [Routes] })(Root);
    const app = await NestFactory.create(Root, new Adapter(), { logger: false });
    t.teardown(() => app.close());
    patient(app.getHttpServer());
    await app.listen(0, '127.0.0.1');
    const ask = async (path) => (await fetch(`${await app.getUrl()}${path}`)).text();
    t.is(await ask('/own'), `gc ${8 * KiB}`);
    t.is(await ask('/usual'), `gc ${16 * KiB}`);
  });
}

test('@ArenaRoute() of what is no name, or no option', (t) => {
  for (const property of [1, null, {}]) {
    t.throws(() => ofNest.ArenaRoute({}, property), { instanceOf: TypeError, code: INVALID });
  }
  t.throws(() => ofNest.ArenaRoute({ wiped: true }), { instanceOf: TypeError, code: INVALID });
});

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
