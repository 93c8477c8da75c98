'use strict';
// tier: run-time

// Adapters that are given another framework, mounted twice or without a call, or want a name that is taken: each is a typed error.

require('reflect-metadata');
const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const { Controller, Get, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const express5 = require('express');
const express4 = require('express4');
const fastify = require('fastify');
const fastify4 = require('fastify4');
const { Hono } = require('hono');
const { Hono: Hono3 } = require('hono3');
const Koa = require('koa');
const Koa2 = require('koa2');
const ofExpress = require('ralloc/express');
const ofFastify = require('ralloc/fastify');
const ofHono = require('ralloc/hono');
const ofHttp = require('ralloc/http');
const ofKoa = require('ralloc/koa');
const ofNest = require('ralloc/nest');
const { Arena, requestArena: nestArena } = require('ralloc/nest');
const { adapters, serveOn } = require('../helpers/adapters.js');
const { Client } = require('../helpers/client.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { Exchange } = require('../helpers/exchange.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const FRAMEWORK = 'ERR_RALLOC_FRAMEWORK';
const MOUNTED = 'ERR_RALLOC_MOUNTED';

/** What app.register() and app.ready() reject with. */
const refusedBy = (t, app, ...args) => t.throwsAsync(async () => app.register(...args).ready());

/** The error that a Koa application ends one request with. */
async function koaError(t, app, ...middlewares) {
  app.silent = true;
  for (const one of middlewares) app.use(one);
  const server = http.createServer(app.callback()).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const failed = once(app, 'error');
  const client = await Client.connect(server.address().port);
  t.is((await client.get('/')).status, 500);
  await client.destroy();
  return (await failed)[0];
}

async function honoError(app, ...middlewares) {
  let found;
  app.onError((error, c) => {
    found = error;
    return c.text('', 500);
  });
  for (const one of middlewares) app.use('*', one);
  await app.request('/');
  return found;
}

test("Koa and Hono that are given Express's middleware are told their own", async (t) => {
  const koa = await koaError(t, new Koa(), ofHttp.requestArena());
  t.is(koa.code, INVALID);
  t.regex(koa.message, /In Koa use ralloc\/koa$/);
  const wrong = ofHttp.requestArena();
  const app = new Hono();
  let found;
  app.onError((error, c) => {
    found = error;
    return c.text('', 500);
  });
  app.use('*', wrong);
  const { createAdaptorServer } = require('@hono/node-server');
  const server = createAdaptorServer({ fetch: app.fetch });
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = await Client.connect(server.address().port);
  t.is((await client.get('/')).status, 500);
  await client.destroy();
  t.regex(found.message, /In Hono use ralloc\/hono$/);
});

test('a middleware as the listener of a server is told of wrap()', (t) => {
  const { req, res } = new Exchange();
  const error = t.throws(() => ofHttp.requestArena()(req, res), { instanceOf: TypeError });
  t.is(error.code, INVALID);
  t.regex(error.message, /use requestArena\(\)\.wrap\(handler\) of ralloc\/http$/);
});

test('Fastify 4 is told by its version', async (t) => {
  const error = await refusedBy(t, fastify4(), ofFastify);
  t.is(error.code, FRAMEWORK);
  t.is(error.framework, 'Fastify 5');
  t.regex(error.version, /^4\./);
  t.regex(error.message, /^ralloc\/fastify needs Fastify 5\. Received version 4\.\d+\.\d+$/);
});

test('Koa 2, Hono 3 and Nest 10 are told by what they lack', async (t) => {
  const koa = await koaError(t, new Koa2(), ofKoa.requestArena());
  t.deepEqual([koa.code, koa.framework], [FRAMEWORK, 'Koa 3']);
  const hono = await honoError(new Hono3(), ofHono.requestArena());
  t.deepEqual([hono.code, hono.framework], [FRAMEWORK, 'Hono 4']);
  const { module: Module } = ofNest.requestArena();
  // What Nest 10 gives to configure(): its adapters have no normalizePath().
  const consumer = { getHttpAdapter: () => ({ getType: () => 'express', getInstance: express5 }) };
  const nest = await t.throwsAsync(new Module().configure(consumer));
  t.deepEqual([nest.code, nest.framework], [FRAMEWORK, 'NestJS 11']);
});

test('an adapter that is given to another framework says so', async (t) => {
  const { req, res } = new Exchange();
  const wrong = [
    ['Koa 3', () => ofKoa.requestArena()(req, res, () => {})],
    ['Koa 3', () => ofKoa.requestArena()(undefined)],
    ['Hono 4', () => ofHono.requestArena()(req, res, () => {})],
    ['Fastify 5', () => ofFastify(express5(), {})],
    ['Fastify 5', () => ofFastify({ version: '5.0.0' }, {})],
    ['NestJS 11', () => new (ofNest.requestArena().module)().configure({})],
  ];
  for (const [framework, call] of wrong) {
    const error = await t.throwsAsync(async () => call());
    t.deepEqual([error.code, error.framework], [FRAMEWORK, framework], error.message);
    t.regex(error.message, /^ralloc\/\w+ needs \w+ \d+\. Received/);
  }
});

for (const adapter of adapters) {
  test(`${adapter}: bad options are refused before anything is mounted`, async (t) => {
    const handler = () => {};
    const wrong = { maxBytes: 'many', property: '', maxByte: 5 };
    for (const [name, value] of Object.entries(wrong)) {
      const error = await t.throwsAsync(serveOn(t, adapter, handler, { [name]: value }));
      t.is(error.code, INVALID, name);
      t.regex(error.message, new RegExp(`"(options\\.)?${name}"`));
    }
  });

  test(`${adapter}: the arena under another name`, async (t) => {
    // The helper reads `arena`, so what it gives is that of its own mount alone.
    const { arenas, port } = await serveOn(t, adapter, ({ arena }) => Buffer.from(typeof arena), {
      property: 'memory',
    });
    const client = await Client.connect(port);
    const { status, body } = await client.get('/x');
    const isNest = adapter.startsWith('nest'); // whose decorator says that there is none
    t.is(isNest ? status : body.toString(), isNest ? 500 : 'undefined');
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().requests, 1);
  });
}

test('Fastify: registered twice, also below, under another name, or by another copy', async (t) => {
  const folder = copyOfPackage(t);
  const copies = [ofFastify, require(`${folder}/lib/fastify.js`)];
  for (const second of copies) {
    for (const options of [{}, { property: 'memory' }]) {
      const app = fastify();
      app.register(ofFastify);
      const error = await refusedBy(t, app, async (child) => child.register(second, options));
      t.is(error.code, MOUNTED);
      t.regex(error.message, /"app\.arenas"/);
    }
  }
});

test('Fastify: names that it or another plugin has taken', async (t) => {
  for (const property of ['url', 'raw', 'toString', 'body', 'user']) {
    const app = fastify();
    app.decorateRequest('user', null);
    const error = await refusedBy(t, app, ofFastify, { property });
    t.true(error instanceof TypeError, property);
    t.is(error.code, INVALID);
    t.regex(error.message, new RegExp(`"${property}".*"options\\.property"`));
  }
  const app = fastify();
  app.decorate('arenas', {});
  const error = await refusedBy(t, app, ofFastify);
  t.is(error.code, INVALID);
  t.regex(error.message, /"arenas"/);
});

test('Koa and Hono: names that they or another middleware have taken', async (t) => {
  for (const property of ['body', 'state', 'toString', 'session']) {
    const session = (ctx, next) => {
      ctx.session = {};
      return next();
    };
    const error = await koaError(t, new Koa(), session, ofKoa.requestArena({ property }));
    t.is(error.code, INVALID);
    t.regex(error.message, new RegExp(`"${property}".*"options\\.property"`));
  }
  const user = (c, next) => {
    c.set('user', null);
    return next();
  };
  const error = await honoError(new Hono(), user, ofHono.requestArena({ property: 'user' }));
  t.is(error.code, INVALID);
});

test('node:http: wrap() throws where the property is taken, and for what is no function', (t) => {
  const arenas = ofHttp.requestArena({ property: 'url' });
  const { req, res } = new Exchange();
  req.url = '/';
  const listener = arenas.wrap(() => t.fail());
  t.is(t.throws(() => listener(req, res)).code, INVALID);
  for (const handler of [undefined, null, {}, 'handler']) {
    t.throws(() => arenas.wrap(handler), { instanceOf: TypeError, code: INVALID });
  }
});

test('node:http: wrap() passes on `this`, what else there is, the result and what is thrown', (t) => {
  const arenas = ofHttp.requestArena();
  const first = new Exchange();
  const owner = {};
  const listener = arenas.wrap(function handler(...args) {
    t.is(this, owner);
    t.deepEqual(args, [first.req, first.res, 'more']);
    return args[0].arena.alloc(5).length;
  });
  t.is(listener.call(owner, first.req, first.res, 'more'), 5);
  const thrown = new Error('thrown');
  const { req, res } = new Exchange();
  const throwing = arenas.wrap(() => {
    throw thrown;
  });
  t.is(
    t.throws(() => throwing(req, res)),
    thrown,
  );
});

test("mounted twice, under two names, and in two frameworks: the first one's arena serves all", async (t) => {
  const outer = ofHttp.requestArena({ property: 'outer' });
  const first = ofKoa.requestArena();
  const second = ofKoa.requestArena({ property: 'memory' });
  const third = ofKoa.requestArena();
  const app = new Koa();
  app.use(first).use(second).use(third);
  app.use((ctx) => {
    const { arena, memory, req } = ctx;
    t.true(arena === memory && arena === req.outer);
    ctx.body = arena.from('ok');
  });
  const server = http.createServer(outer.wrap(app.callback())).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const client = await Client.connect(server.address().port);
  t.is((await client.get('/')).body.toString(), 'ok');
  await until(() => outer.stats().inFlight === 0);
  t.is(outer.stats().finished, 1);
  for (const one of [first, second, third]) t.is(one.stats().requests, 0);
  assertSettled(t, outer);
  await client.destroy();
});

test('Hono, mounted twice: one arena, which ends once, with and without a server', async (t) => {
  const [first, second] = [ofHono.requestArena(), ofHono.requestArena({ property: 'memory' })];
  const app = new Hono();
  app.use(first, first, second);
  app.get('/', (c) => c.body(c.get('memory') === c.get('arena') ? c.get('arena').from('one') : ''));
  t.is(await (await app.request('/')).text(), 'one');
  t.deepEqual([first.stats().finished, first.stats().inFlight], [1, 0]);
  t.is(second.stats().requests, 0);
});

// What is to be called and is not, and the other way round: a plugin, a module, a middleware, a decorator.

const CALLED = /^The plugin of ralloc\/fastify was called\. Give it to register\(\) instead/;
const UNCALLED =
  /^requestArena\(\) makes a middleware, and was used as one\. Call it once: app\.use\(requestArena\(\)\)$/;

test('Fastify: register() of what the plugin returns', (t) => {
  const app = fastify();
  for (const options of [[], [{}], [{ maxBytesPerRequest: 8192 }], [undefined]]) {
    t.throws(() => app.register(ofFastify(...options)), {
      instanceOf: TypeError,
      code: INVALID,
      message: CALLED,
    });
  }
});

test('Fastify: called within a plugin of your own, with options and without', async (t) => {
  for (const options of [[], [undefined], [{ property: 'memory' }]]) {
    const app = fastify();
    const own = async (instance) => ofFastify(instance, ...options);
    own[Symbol.for('skip-override')] = true;
    app.register(own);
    const property = options[0]?.property ?? 'arena';
    app.get('/', async (request) => request[property].from('hello'));
    t.is((await app.inject('/')).body, 'hello');
    await app.close();
  }
});

for (const [name, make] of [
  ['Express 5', express5],
  ['Express 4', express4],
]) {
  test(`${name}: app.use() of Fastify's plugin is an error of the request, which is answered`, async (t) => {
    const app = make();
    app.use(ofFastify);
    app.use((error, _req, res, _next) => res.status(500).end(`${error.code}: ${error.message}`));
    const server = http.createServer(app).listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const client = await Client.connect(server.address().port);
    const { status, body } = await client.get('/');
    t.is(status, 500);
    t.regex(body.toString(), /^ERR_RALLOC_FRAMEWORK: ralloc\/fastify needs Fastify 5\. Received/);
    await client.destroy();
  });
}

test("Fastify: Express's middleware registered, called or not, is told of Fastify's own", async (t) => {
  for (const wrong of [ofExpress.requestArena(), ofExpress.requestArena]) {
    const app = fastify();
    const error = await t.throwsAsync(async () => {
      app.register((instance, options, done) => {
        try {
          wrong(instance, options, done);
        } catch (thrown) {
          done(thrown);
        }
      });
      await app.ready();
    });
    t.is(error.code, INVALID);
    t.regex(error.message, /In Fastify register ralloc\/fastify$/);
  }
});

test('Koa and Hono: requestArena mounted without a call', async (t) => {
  const { req, res } = new Exchange();
  t.throws(() => ofKoa.requestArena({ req, res }, () => {}), { code: INVALID, message: UNCALLED });
  const koa = new Koa();
  koa.silent = true;
  koa.use(ofKoa.requestArena);
  const server = http.createServer(koa.callback()).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const failed = once(koa, 'error');
  const client = await Client.connect(server.address().port);
  await client.get('/');
  t.regex((await failed)[0].message, UNCALLED);
  await client.destroy();

  const hono = new Hono();
  let found;
  hono.onError((error, c) => {
    found = error;
    return c.text('', 500);
  });
  hono.use(ofHono.requestArena);
  await hono.request('/');
  t.is(found.code, INVALID);
  t.regex(found.message, UNCALLED);
});

/** An application with one method, whose parameter `decorate` decorates. */
async function nestOf(Adapter, imports, decorate) {
  class Greeter {
    greet(arena) {
      return String(arena);
    }
  }
  const { prototype } = Greeter;
  Controller()(Greeter);
  Get('greet/:id')(prototype, 'greet', Object.getOwnPropertyDescriptor(prototype, 'greet'));
  decorate(prototype, 'greet', 0);
  class Root {}
  Module({ imports, controllers: [Greeter] })(Root);
  const options = { logger: false, abortOnError: false };
  const app = await NestFactory.create(Root, new Adapter(), options);
  const errors = [];
  app.useGlobalFilters({
    catch(error, host) {
      errors.push(error);
      const response = host.switchToHttp().getResponse();
      (response.raw ?? response).writeHead(500).end();
    },
  });
  await app.init();
  return { app, errors };
}

test('Nest: the module imported without a call', async (t) => {
  for (const Adapter of [ExpressAdapter, FastifyAdapter]) {
    const error = await t.throwsAsync(nestOf(Adapter, [nestArena], Arena()), {
      instanceOf: TypeError,
      code: INVALID,
    });
    t.regex(error.message, /^requestArena\(\) makes a module.*imports: \[requestArena\(\)\]$/);
  }
});

/** What one request of a decorator's name fails with. */
async function errorOf(t, Adapter, property, options) {
  const { app, errors } = await nestOf(Adapter, [nestArena(options)], Arena(property));
  await app.listen(0, '127.0.0.1');
  t.teardown(() => app.close());
  const client = await Client.connect(app.getHttpServer().address().port);
  await client.get('/greet/1');
  await client.destroy();
  t.is(errors.length, 1);
  t.is(errors[0].code, 'ERR_RALLOC_UNSUPPORTED');
  return errors[0].message;
}

for (const Adapter of [ExpressAdapter, FastifyAdapter]) {
  test(`${Adapter.name}: a name of the decorator that is misspelt, or of something else`, async (t) => {
    t.is(
      await errorOf(t, Adapter, 'arean'),
      `The request has no "arean". It is "arena" by the option "property" of requestArena(): @Arena('arena')`,
    );
    t.is(
      await errorOf(t, Adapter, undefined, { property: 'memory' }),
      `The request has no "arena". It is "memory" by the option "property" of requestArena(): @Arena('memory')`,
    );
    t.regex(await errorOf(t, Adapter, 'url'), /^The request has no "url"\. It is "arena"/);
  });
}

test('Nest: the decorator without a call, and where it has no meaning', (t) => {
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

test("Nest: Express's middleware among the imports is refused", async (t) => {
  const error = await t.throwsAsync(nestOf(ExpressAdapter, [ofExpress.requestArena()], Arena()));
  t.is(error.code, INVALID);
});
