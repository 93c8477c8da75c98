'use strict';
// tier: run-time, differs by Node

// Adapters that are given another framework, mounted twice, also by two copies of ralloc, or without a call, or want a name that is taken, of requests that take no
// property: a typed error or one arena, and nothing in flight afterwards. Those of Nest: nest.test.js.

require('reflect-metadata');
const test = require('ava');
const { once } = require('node:events');
const express5 = require('express');
const express4 = require('express4');
const { createAdaptorServer } = require('@hono/node-server');
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
const { adapters, serveOn } = require('../helpers/adapters.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { Exchange } = require('../helpers/exchange.js');
const { answerOf, assertSettled } = require('../helpers/server.js');
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
  const failed = once(app, 'error');
  t.is((await answerOf(t, app.callback())).status, 500);
  return (await failed)[0];
}

/** The same of a Hono application: on a server, or of app.request(). */
async function honoError(t, app, middlewares, isServed = false) {
  let found;
  app.onError((error, c) => {
    found = error;
    return c.text('', 500);
  });
  for (const one of middlewares) app.use('*', one);
  if (isServed) t.is((await answerOf(t, createAdaptorServer({ fetch: app.fetch }))).status, 500);
  else await app.request('/');
  return found;
}

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
  const hono = await honoError(t, new Hono3(), [ofHono.requestArena()]);
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
  test(`${adapter}: bad options are refused before anything is mounted, and the arena has another name`, async (t) => {
    const wrong = { maxBytes: 'many', property: '', maxByte: 5 };
    for (const [name, value] of Object.entries(wrong)) {
      const error = await t.throwsAsync(serveOn(t, adapter, () => {}, { [name]: value }));
      t.is(error.code, INVALID, name);
      t.regex(error.message, new RegExp(`"(options\\.)?${name}"`));
    }
    // The helper reads `arena`, so what it gives is that of its own mount alone.
    const { arenas, connect } = await serveOn(
      t,
      adapter,
      ({ arena }) => Buffer.from(typeof arena),
      {
        property: 'memory',
      },
    );
    const client = await connect();
    const { status, body } = await client.get('/x');
    const isNest = adapter.startsWith('nest'); // whose decorator says that there is none
    t.is(isNest ? status : body.toString(), isNest ? 500 : 'undefined');
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().requests, 1);
  });
}

/** Another copy of ralloc. */
let remove;
const folder = copyOfPackage({
  teardown(end) {
    remove = end;
  },
});
test.after.always(() => remove());

test('Fastify: registered twice, also below, under another name, or by another copy', async (t) => {
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
  const error = await honoError(t, new Hono(), [user, ofHono.requestArena({ property: 'user' })]);
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

for (const context of [false, true]) {
  test(`node:http: wrap() passes on \`this\`, what else there is, the result and what is thrown (context: ${context})`, (t) => {
    const arenas = ofHttp.requestArena({ context });
    const first = new Exchange();
    const owner = {};
    const listener = arenas.wrap(function handler(...args) {
      t.is(this, owner);
      t.deepEqual(args, [first.req, first.res, 'more']);
      if (context) t.is(arenas.current(), args[0].arena);
      return args[0].arena.alloc(5).length;
    });
    t.is(listener.call(owner, first.req, first.res, 'more'), 5);
    if (context) t.is(arenas.current(), undefined);
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
}

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
  t.is((await answerOf(t, outer.wrap(app.callback()))).body.toString(), 'ok');
  await until(() => outer.stats().inFlight === 0);
  t.is(outer.stats().finished, 1);
  for (const one of [first, second, third]) t.is(one.stats().requests, 0);
  assertSettled(t, outer);
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

/** Framework → a listener or a server with two mounts, which answers whether both names have the same arena. */
const twice = {
  express([first, second], names) {
    return express5().use(first, second, (req, res) =>
      res.end(String(req[names[0]] === req[names[1]])),
    );
  },
  http: ([first, second], names) =>
    first.wrap(second.wrap((req, res) => res.end(String(req[names[0]] === req[names[1]])))),
  koa([first, second], names) {
    const app = new Koa();
    app.use(first).use(second);
    app.use((ctx) => {
      ctx.body = Buffer.from(String(ctx[names[0]] === ctx[names[1]]));
    });
    return app.callback();
  },
  hono([first, second], names) {
    const app = new Hono();
    app.use(first, second);
    app.get('/', (c) => c.text(String(c.get(names[0]) === c.get(names[1]))));
    return createAdaptorServer({ fetch: app.fetch });
  },
};

for (const [name, serve] of Object.entries(twice)) {
  for (const names of [
    ['arena', 'arena'],
    ['arena', 'memory'],
  ]) {
    test(`${name}: two copies of ralloc, as "${names[0]}" and "${names[1]}", give one arena`, async (t) => {
      const doors = [require(`ralloc/${name}`), require(`${folder}/lib/${name}.js`)];
      t.not(...doors);
      const [first, second] = doors.map((door, i) => door.requestArena({ property: names[i] }));
      t.is((await answerOf(t, serve([first, second], names))).body.toString(), 'true');
      await until(() => first.stats().inFlight === 0);
      t.deepEqual([first.stats().requests, second.stats().requests], [1, 0]);
      assertSettled(t, first);
    });
  }
}

// Requests that take no property, and names that are taken.

const FROZEN =
  /^The request takes no property "arena": it is frozen, sealed or not extensible\. Mount/;

// Node's own server ends over a request that takes no property, so these have none behind them.
for (const close of ['freeze', 'seal', 'preventExtensions']) {
  test(`a request after Object.${close}()`, (t) => {
    const arenas = ofHttp.requestArena();
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
  const [first, second, other] = [{}, {}, { property: 'other' }].map((options) =>
    ofHttp.requestArena(options),
  );
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
  const arenas = ofKoa.requestArena();
  const freeze = (ctx, next) => next(Object.preventExtensions(ctx));
  const error = await koaError(t, new Koa(), freeze, arenas);
  t.is(error.code, INVALID);
  t.regex(error.message, FROZEN);
  assertSettled(t, arenas);

  const app = fastify();
  app.addHook('onRequest', async (request) => {
    Object.freeze(request);
  });
  app.register(ofFastify);
  app.get('/', async () => t.fail());
  const { code, message } = (await app.inject('/')).json();
  t.is(code, INVALID);
  t.regex(message, FROZEN);
  assertSettled(t, app.arenas);
});

test('names of the objects that no arena may take', async (t) => {
  const names = ['__proto__', 'constructor', 'toString'];
  for (const property of names) {
    const exchange = new Exchange();
    t.throws(() => exchange.begin(ofHttp.requestArena({ property })), { code: INVALID }, property);
    const app = fastify();
    const refused = t.throwsAsync(async () => app.register(ofFastify, { property }).ready());
    t.is((await refused).code, INVALID, property);
  }
  for (const property of names) {
    const arenas = ofHono.requestArena({ property });
    const app = new Hono();
    app.use(arenas);
    app.get('/', (c) => c.body(c.get(property).from('a variable of its own')));
    t.is(await (await app.request('/')).text(), 'a variable of its own');
  }
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
    const { status, body } = await answerOf(t, app);
    t.is(status, 500);
    t.regex(body.toString(), /^ERR_RALLOC_FRAMEWORK: ralloc\/fastify needs Fastify 5\. Received/);
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
  t.regex((await koaError(t, new Koa(), ofKoa.requestArena)).message, UNCALLED);
  const hono = await honoError(t, new Hono(), [ofHono.requestArena]);
  t.is(hono.code, INVALID);
  t.regex(hono.message, UNCALLED);
});
