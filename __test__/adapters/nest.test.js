'use strict';

// What is Nest's own: the decorator, another property, two modules, and the end of the application, on both platforms.

require('reflect-metadata');
const test = require('ava');
const { Controller, Get, Module, Req } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { ARENAS, Arena, requestArena } = require('ralloc/nest');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

/** A module with one controller, whose method has `decorators` for its parameters. */
function rootOf(imports, decorators, answer) {
  class Greeter {
    greet(...args) {
      return answer(...args);
    }
  }
  const { prototype } = Greeter;
  Controller()(Greeter);
  Get('greet')(prototype, 'greet', Object.getOwnPropertyDescriptor(prototype, 'greet'));
  for (const [index, decorate] of decorators.entries()) decorate(prototype, 'greet', index);
  class Root {}
  Module({ imports, controllers: [Greeter] })(Root);
  return Root;
}

async function listening(t, Adapter, root, filters = []) {
  const app = await NestFactory.create(root, new Adapter(), { logger: false, abortOnError: false });
  app.useGlobalFilters(...filters);
  await app.listen(0, '127.0.0.1');
  t.teardown(() => app.close());
  const { port } = app.getHttpServer().address();
  const get = async () => {
    const headers = { connection: 'close' };
    const response = await fetch(`http://127.0.0.1:${port}/greet`, { headers });
    return [response.status, await response.text()];
  };
  return { app, get };
}

for (const Adapter of [ExpressAdapter, FastifyAdapter]) {
  const { name } = Adapter;

  test(`${name}: @Arena() and the request have the arena, under the module's property`, async (t) => {
    const arenas = requestArena({ property: 'memory' });
    const root = rootOf([arenas], [Req(), Arena('memory')], (req, arena) =>
      arena.from(String(req.memory === arena)).toString(),
    );
    const { app, get } = await listening(t, Adapter, root);
    t.deepEqual(await get(), [200, 'true']);
    t.is(app.get(ARENAS).stats, arenas.stats);
    await app.close();
    assertSettled(t, arenas);
    t.is(arenas.stats().memory.warm, 0, 'it keeps nothing for a next request');
  });

  test(`${name}: an application of a module whose last one was closed has arenas again`, async (t) => {
    const arenas = requestArena();
    const root = rootOf([arenas], [Arena()], (arena) => arena.from('hello').toString());
    for (let n = 0; n < 2; n++) {
      const { app, get } = await listening(t, Adapter, root);
      t.deepEqual(await get(), [200, 'hello']);
      t.like(arenas.stats(), { requests: 1, heapRequests: 0 });
      await app.close();
      assertSettled(t, arenas);
    }
  });

  test(`${name}: the end of one of two applications leaves the other its arenas`, async (t) => {
    const arenas = requestArena();
    const root = rootOf([arenas], [Arena()], (arena) => arena.from('hello').toString());
    const first = await listening(t, Adapter, root);
    const second = await listening(t, Adapter, root);
    await first.app.close();
    t.deepEqual(await second.get(), [200, 'hello']);
    t.is(arenas.stats().heapRequests, 0);
  });

  test(`${name}: @Arena() without the module, or of another property, says so`, async (t) => {
    const root = rootOf([], [Arena()], () => t.fail());
    const errors = [];
    const filter = {
      catch(error, host) {
        errors.push(error);
        const response = host.switchToHttp().getResponse();
        (response.raw ?? response).writeHead(500).end();
      },
    };
    const { get } = await listening(t, Adapter, root, [filter]);
    t.is((await get())[0], 500);
    t.is(errors.length, 1);
    t.is(errors[0].code, 'ERR_RALLOC_UNSUPPORTED');
    t.regex(errors[0].message, /no "arena".*ralloc\/nest/);
  });
}

test('two modules: on Express the first one serves both, on Fastify the second is refused', async (t) => {
  const [first, second] = [requestArena(), requestArena()];
  const root = rootOf([first, second], [Arena()], (arena) => arena.from('hello').toString());
  const { get } = await listening(t, ExpressAdapter, root);
  t.deepEqual(await get(), [200, 'hello']);
  await until(() => first.stats().inFlight === 0);
  t.deepEqual([first.stats().requests, second.stats().requests], [1, 0]);

  const twice = rootOf([requestArena(), requestArena()], [Arena()], () => '');
  const options = { logger: false, abortOnError: false };
  const app = await NestFactory.create(twice, new FastifyAdapter(), options);
  t.is((await t.throwsAsync(app.init())).code, 'ERR_RALLOC_MOUNTED');
});

test('@Arena() of what is no name', (t) => {
  for (const property of [5, null, {}]) {
    t.throws(() => Arena(property), {
      instanceOf: TypeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
    });
  }
});
