'use strict';
// tier: run-time, differs by Node

// What is Nest's own: the decorator, another property, two modules, and the end of the application, on both platforms.

require('reflect-metadata');
const test = require('ava');
const { Controller, Get, Module, Req } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { ARENAS, Arena, ArenaRoute, requestArena } = require('ralloc/nest');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';

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

/** Decorates the first parameter. */
const argument = (decorate) => (prototype) => decorate(prototype, 'greet', 0);

async function listening(t, Adapter, root, { filters = [], middlewares = [] } = {}) {
  const app = await NestFactory.create(root, new Adapter(), { logger: false, abortOnError: false });
  app.useGlobalFilters(...filters);
  for (const middleware of middlewares) app.use(middleware);
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

/** A filter that answers every error with 500, and puts it into `errors`. */
const collecting = (errors) => ({
  catch(error, host) {
    errors.push(error);
    const response = host.switchToHttp().getResponse();
    (response.raw ?? response).writeHead(500).end();
  },
});

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

  test(`${name}: a decorator without the module, of a name that is misspelt, or of something else, says so`, async (t) => {
    const memory = () => [requestArena({ property: 'memory' })];
    for (const [imports, decorate, message] of [
      [[], argument(Arena()), /no "arena".*ralloc\/nest/],
      [
        [requestArena()],
        argument(Arena('arean')),
        /^The request has no "arean"\. It is "arena" by the option "property" of requestArena\(\): @Arena\('arena'\)$/,
      ],
      [
        memory(),
        argument(Arena()),
        /^The request has no "arena"\. It is "memory" .*: @Arena\('memory'\)$/,
      ],
      [[requestArena()], argument(Arena('url')), /^The request has no "url"\. It is "arena"/],
      [
        memory(),
        (prototype) => ArenaRoute({})(prototype.constructor),
        /@ArenaRoute\(options, 'memory'\)$/,
      ],
    ]) {
      const errors = [];
      const root = rootOf(imports, [], () => t.fail());
      decorate(Reflect.getMetadata('controllers', root)[0].prototype);
      const { app, get } = await listening(t, Adapter, root, { filters: [collecting(errors)] });
      t.is((await get())[0], 500);
      t.is(errors.length, 1);
      t.is(errors[0].code, 'ERR_RALLOC_UNSUPPORTED');
      t.regex(errors[0].message, message);
      await app.close();
    }
  });

  test(`${name}: the module imported without a call, and Express's middleware among the imports`, async (t) => {
    const options = { logger: false, abortOnError: false };
    const errorOf = (imported) => {
      const root = rootOf([imported], [Arena()], () => '');
      const starting = async () => (await NestFactory.create(root, new Adapter(), options)).init();
      return t.throwsAsync(starting, { code: INVALID });
    };
    const { message } = await errorOf(requestArena);
    t.regex(message, /^requestArena\(\) makes a module.*imports: \[requestArena\(\)\]$/);
    await errorOf(require('ralloc/express').requestArena());
  });

  test(`${name}: a method's options go before those of its controller`, async (t) => {
    const told = (arena) => `${arena.stats().safety} ${arena.stats().limit}`;
    const root = rootOf([requestArena({ property: 'memory' })], [Arena('memory')], told);
    const [controller] = Reflect.getMetadata('controllers', root);
    ArenaRoute({ safety: 'gc', maxBytesPerRequest: 16_384 }, 'memory')(controller);
    const descriptor = Object.getOwnPropertyDescriptor(controller.prototype, 'greet');
    const { app, get } = await listening(t, Adapter, root);
    t.deepEqual(await get(), [200, 'gc 16384']);
    await app.close();
    ArenaRoute({ maxBytesPerRequest: 8192 }, 'memory')(controller.prototype, 'greet', descriptor);
    t.deepEqual(await (await listening(t, Adapter, root)).get(), [200, 'gc 8192']);
  });
}

for (const Adapter of [ExpressAdapter, FastifyAdapter]) {
  /** A middleware that puts the arenas of its requests into `seen`. */
  const noting = (seen) => (req, _res, next) => {
    seen.push((req.raw ?? req).arena);
    next();
  };

  test(`${Adapter.name}: what app.use() mounts runs before the module, and sees no arena`, async (t) => {
    const seen = [];
    const root = rootOf([requestArena()], [Arena()], (arena) => arena.from('hello').toString());
    const { get } = await listening(t, Adapter, root, { middlewares: [noting(seen)] });
    t.deepEqual(await get(), [200, 'hello']);
    t.deepEqual(seen, [undefined]);
  });

  test(`${Adapter.name}: an arena of Express's middleware, mounted by app.use(), serves middlewares and controllers`, async (t) => {
    const early = require('ralloc/express').requestArena();
    const arenas = requestArena();
    const seen = [];
    const root = rootOf([arenas], [Arena()], (arena) => String(arena === seen[0]));
    const { get } = await listening(t, Adapter, root, { middlewares: [early, noting(seen)] });
    t.deepEqual(await get(), [200, 'true']);
    await until(() => early.stats().inFlight === 0);
    t.deepEqual([early.stats().requests, arenas.stats().requests], [1, 0]);
  });
}

test('messages of microservices and gateways have no arena, which @Arena() and @ArenaRoute() say', (t) => {
  const context = { getType: () => 'rpc', switchToHttp: () => ({ getRequest: () => 'a payload' }) };
  class Messages {
    greet() {}
  }
  Arena()(Messages.prototype, 'greet', 0);
  ArenaRoute({ wipe: true })(Messages);
  const [argument] = Object.values(Reflect.getMetadata('__routeArguments__', Messages, 'greet'));
  const [guard] = Reflect.getMetadata('__guards__', Messages);
  const expected = { code: 'ERR_RALLOC_UNSUPPORTED', message: /type "rpc" .*for the connection/ };
  t.throws(() => argument.factory(argument.data, context), expected);
  t.throws(() => guard.canActivate(context), expected);
});

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

test('the decorators of what is no name, or no option', (t) => {
  const wrong = { instanceOf: TypeError, code: INVALID };
  for (const property of [5, null, {}]) {
    t.throws(() => Arena(property), wrong);
    t.throws(() => ArenaRoute({}, property), wrong);
  }
  t.throws(() => ArenaRoute({ wiped: true }), wrong);
});

test('the decorator without a call, and where it has no meaning', (t) => {
  class Greeter {}
  const { prototype } = Greeter;
  const expected = { instanceOf: TypeError, code: INVALID };
  const uncalled = t.throws(() => Arena(prototype, 'greet', 0), expected);
  t.is(uncalled.message, 'The decorator Arena was used without a call. Write @Arena()');
  for (const place of [
    [Greeter],
    [Greeter, undefined, 0],
    [prototype, 'arena'],
    [prototype, 'greet', {}],
  ]) {
    const error = t.throws(() => Arena()(...place), expected);
    t.regex(error.message, /^The decorator Arena is for a parameter of a controller's method$/);
  }
});
