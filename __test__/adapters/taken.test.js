'use strict';
// tier: run-time, differs

// Requests that take no property, names that are taken, and mounts of two copies of ralloc: an error with a code, or one arena, and
// nothing in flight afterwards.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const express5 = require('express');
const fastify = require('fastify');
const { Hono } = require('hono');
const { createAdaptorServer } = require('@hono/node-server');
const Koa = require('koa');
const { Client } = require('../helpers/client.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { Exchange } = require('../helpers/exchange.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const FROZEN =
  /^The request takes no property "arena": it is frozen, sealed or not extensible\. Mount/;

const doors = {
  ours: (name) => require(`ralloc/${name}`),
  copied: (name, folder) => require(`${folder}/lib/${name}.js`),
};

async function client(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address();
  const connection = await Client.connect(port);
  t.teardown(() => connection.destroy());
  return connection;
}

// Node's own server ends over a request that takes no property, so these have none behind them.
for (const close of ['freeze', 'seal', 'preventExtensions']) {
  test(`a request after Object.${close}()`, (t) => {
    const { requestArena } = doors.ours('http');
    const arenas = requestArena();
    const exchange = new Exchange();
    Object[close](exchange.req);
    const error = t.throws(() => exchange.begin(arenas), { instanceOf: TypeError, code: INVALID });
    t.regex(error.message, FROZEN);
    t.true(error.cause instanceof TypeError);
    const listener = arenas.wrap(() => t.fail());
    t.throws(() => listener(exchange.req, exchange.res), { code: INVALID, message: FROZEN });
    t.is(arenas.stats().inFlight, 0, 'before any response');
    assertSettled(t, arenas);
  });
}

test('a frozen request that has its arena already keeps it', (t) => {
  const { requestArena } = doors.ours('http');
  const [first, second, other] = [
    requestArena(),
    requestArena(),
    requestArena({ property: 'other' }),
  ];
  const exchange = new Exchange();
  const arena = exchange.begin(first);
  Object.freeze(exchange.req);
  t.is(exchange.begin(second), arena);
  const error = t.throws(() => exchange.begin(other), { code: INVALID });
  t.regex(error.message, /"other"/);
  t.deepEqual([first.stats().inFlight, second.stats().requests], [1, 0]);
  t.true(arena.owns(arena.alloc(10)), 'it is not ended by who did not begin it');
  first.end(exchange.req);
});

test('Koa and Fastify: an object of a request that is frozen', async (t) => {
  const koa = new Koa();
  koa.silent = true;
  const ofKoa = doors.ours('koa').requestArena();
  koa.use((ctx, next) => next(Object.preventExtensions(ctx)));
  koa.use(ofKoa);
  const failed = once(koa, 'error');
  const connection = await client(t, http.createServer(koa.callback()));
  t.is((await connection.get('/')).status, 500);
  const [error] = await failed;
  t.is(error.code, INVALID);
  t.regex(error.message, FROZEN);
  assertSettled(t, ofKoa);

  const app = fastify();
  app.addHook('onRequest', async (request) => {
    Object.freeze(request);
  });
  app.register(doors.ours('fastify'));
  app.get('/', async () => t.fail());
  const { code, message } = (await app.inject('/')).json();
  t.is(code, INVALID);
  t.regex(message, FROZEN);
  assertSettled(t, app.arenas);
});

test('names of the objects that no arena may take', async (t) => {
  const names = ['__proto__', 'constructor', 'toString'];
  for (const property of names) {
    const { requestArena } = doors.ours('http');
    const exchange = new Exchange();
    t.throws(() => exchange.begin(requestArena({ property })), { code: INVALID }, property);
    const app = fastify();
    const refused = t.throwsAsync(async () =>
      app.register(doors.ours('fastify'), { property }).ready(),
    );
    t.is((await refused).code, INVALID, property);
  }
  for (const property of names) {
    const arenas = doors.ours('hono').requestArena({ property });
    const app = new Hono();
    app.use(arenas);
    app.get('/', (c) => c.body(c.get(property).from('a variable of its own')));
    t.is(await (await app.request('/')).text(), 'a variable of its own');
  }
});

test('a property that a later plugin of Fastify wants is refused by Fastify', async (t) => {
  const app = fastify();
  app.register(doors.ours('fastify'));
  const refused = async () =>
    app.register(async (child) => child.decorateRequest('arena', null)).ready();
  const error = await t.throwsAsync(refused, { any: true });
  t.is(error.code, 'FST_ERR_DEC_ALREADY_PRESENT');
});

/** Framework → a server with two mounts, which answers whether both names have the same arena. */
const twice = {
  express([first, second], names) {
    const app = express5();
    app.use(first, second, (req, res) => res.end(String(req[names[0]] === req[names[1]])));
    return http.createServer(app);
  },
  http: ([first, second], names) =>
    http.createServer(
      first.wrap(second.wrap((req, res) => res.end(String(req[names[0]] === req[names[1]])))),
    ),
  koa([first, second], names) {
    const app = new Koa();
    app.use(first).use(second);
    app.use((ctx) => {
      ctx.body = Buffer.from(String(ctx[names[0]] === ctx[names[1]]));
    });
    return http.createServer(app.callback());
  },
  hono([first, second], names) {
    const app = new Hono();
    app.use(first, second);
    app.get('/', (c) => c.text(String(c.get(names[0]) === c.get(names[1]))));
    return createAdaptorServer({ fetch: app.fetch });
  },
};

let remove;
const folder = copyOfPackage({
  teardown(end) {
    remove = end;
  },
});
test.after.always(() => remove());

for (const [name, serve] of Object.entries(twice)) {
  for (const names of [
    ['arena', 'arena'],
    ['arena', 'memory'],
  ]) {
    test(`${name}: two copies of ralloc, as "${names[0]}" and "${names[1]}", give one arena`, async (t) => {
      const [first, second] = ['ours', 'copied'].map((door, index) =>
        doors[door](name, folder).requestArena({ property: names[index] }),
      );
      t.not(doors.ours(name), doors.copied(name, folder));
      const connection = await client(t, serve([first, second], names));
      for (let i = 0; i < 3; i++) t.is((await connection.get('/')).body.toString(), 'true');
      await until(() => first.stats().inFlight === 0);
      t.deepEqual([first.stats().finished, second.stats().requests], [3, 0]);
      assertSettled(t, first);
    });
  }
}
