'use strict';
// tier: run-time

// What is to be called and is not, and the other way round: a plugin, a module, a middleware, a decorator.

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
const { Hono } = require('hono');
const Koa = require('koa');
const ofExpress = require('ralloc/express');
const ofFastify = require('ralloc/fastify');
const ofHono = require('ralloc/hono');
const ofKoa = require('ralloc/koa');
const { Arena, requestArena: ofNest } = require('ralloc/nest');
const { Client } = require('../helpers/client.js');
const { Exchange } = require('../helpers/exchange.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
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
    const error = await t.throwsAsync(nestOf(Adapter, [ofNest], Arena()), {
      instanceOf: TypeError,
      code: INVALID,
    });
    t.regex(error.message, /^requestArena\(\) makes a module.*imports: \[requestArena\(\)\]$/);
  }
});

/** What one request of a decorator's name fails with. */
async function errorOf(t, Adapter, property, options) {
  const { app, errors } = await nestOf(Adapter, [ofNest(options)], Arena(property));
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
