'use strict';
// tier: run-time

// Adapters that are given another framework, or mounted twice, or want a name that is taken: each is a typed error.

const test = require('ava');
const fastify = require('fastify');
const fastify4 = require('fastify4');
const { Hono } = require('hono');
const { Hono: Hono3 } = require('hono3');
const Koa = require('koa');
const Koa2 = require('koa2');
const http = require('node:http');
const { once } = require('node:events');
const express5 = require('express');
const { adapters, serveOn } = require('../helpers/adapters.js');
const { Client } = require('../helpers/client.js');
const { Exchange } = require('../helpers/exchange.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const ofFastify = require('ralloc/fastify');
const ofHono = require('ralloc/hono');
const ofHttp = require('ralloc/http');
const ofKoa = require('ralloc/koa');
const ofNest = require('ralloc/nest');

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
