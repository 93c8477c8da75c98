'use strict';
// tier: run-time, differs by Node

// Whose memory reaches Node's response: the arena's, or a copy.

const test = require('ava');
const { createAdaptorServer } = require('@hono/node-server');
const { Hono } = require('hono');
const { cors } = require('hono/cors');
const { etag } = require('hono/etag');
const { secureHeaders } = require('hono/secure-headers');
const { requestArena } = require('ralloc/hono');
const { fresh } = require('../helpers/fresh.js');
const { answerOf } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const SIZE = 4096;

/** Asks an application of these middlewares for a Buffer of its arena: { owned, kept, arenas, text }. */
async function ask(t, { middlewares = [], answer = (c, bytes) => c.body(bytes), ...options }) {
  const arenas = requestArena();
  const app = new Hono();
  const seen = { arenas, owned: [], kept: null };
  app.use(arenas);
  for (const one of middlewares) app.use(one);
  app.get('/', (c) => {
    const arena = c.get('arena');
    const { outgoing } = c.env;
    for (const name of ['write', 'end']) {
      const send = outgoing[name];
      outgoing[name] = (chunk, ...rest) => {
        if (chunk?.byteLength > 0) seen.owned.push(Buffer.isBuffer(chunk) && arena.owns(chunk));
        return send.call(outgoing, chunk, ...rest);
      };
    }
    seen.kept = arena.alloc(SIZE, 'x');
    return answer(c, seen.kept);
  });
  const { body } = await answerOf(t, createAdaptorServer({ fetch: app.fetch, ...options }));
  t.is(body.toString(), 'x'.repeat(SIZE));
  await until(() => arenas.stats().finished === 1);
  return seen;
}

const before = (work) => async (c, next) => {
  work(c);
  await next();
};

const after = (work) => async (c, next) => {
  await next();
  work(c);
};

for (const [what, options] of [
  ['c.body()', {}],
  ['new Response()', { answer: (_c, bytes) => new Response(bytes) }],
  ['secureHeaders()', { middlewares: [secureHeaders()] }],
  ['c.header() before the handler', { middlewares: [before((c) => c.header('x-before', '1'))] }],
  [
    'c.res.headers.set() after the handler',
    { middlewares: [after((c) => c.res.headers.set('x-after', '1'))] },
  ],
]) {
  test(`${what}: Node's response is given the arena's memory, which is dead after it`, async (t) => {
    const { owned, kept } = await ask(t, options);
    t.deepEqual(owned, [true]);
    t.is(kept.length, 0);
  });
}

for (const [what, options] of [
  ['c.header() after the handler', { middlewares: [after((c) => c.header('x-after', '1'))] }],
  ['etag()', { middlewares: [etag()] }],
  ['cors(), which touches c.res before the handler,', { middlewares: [cors()] }],
  [
    'a response made of another one',
    {
      middlewares: [
        after((c) => {
          c.res = new Response(c.res.body, c.res);
        }),
      ],
    },
  ],
  [
    "Node's own Response",
    {
      answer: (_c, bytes) => {
        const NodesOwn = Object.getPrototypeOf(Response);
        return new NodesOwn(bytes);
      },
    },
  ],
]) {
  test(`${what} copies, and the arena's memory is dead all the same`, async (t) => {
    const { owned, kept } = await ask(t, options);
    t.true(owned.length > 0 && !owned.includes(true), `${owned}`);
    t.is(kept.length, 0);
  });
}

test('a scope that ends with the handler needs a response that copied before', async (t) => {
  const NodesOwn = Object.getPrototypeOf(Response);
  const scoped = (c, _bytes) =>
    c.get('arena').scope((scope) => new NodesOwn(scope.alloc(SIZE, 'x')));
  const { owned } = await ask(t, { answer: scoped });
  t.false(owned.includes(true));
});

test.serial(
  'without a server, a stream that allocates after its handler is told so, and its Buffers are alive',
  async (t) => {
    const warned = [];
    const { emitWarning } = process;
    t.teardown(() => {
      process.emitWarning = emitWarning;
    });
    const arenas = fresh('hono.js').requestArena();
    const app = new Hono();
    app.use(arenas);
    let early;
    app.get('/stream', (c) => {
      const arena = c.get('arena');
      early = arena.from('early ');
      const chunks = [() => early, () => arena.from('late')];
      const pull = (controller) => {
        if (chunks.length === 0) return controller.close();
        controller.enqueue(chunks.shift()());
      };
      return c.body(new ReadableStream({ pull }, { highWaterMark: 0 }));
    });
    const response = await app.request('/stream?token=secret');
    process.emitWarning = (message, { code }) => warned.push([code, message]);
    t.is(await response.text(), 'early late');
    t.is(early.toString(), 'early ', 'nothing is dead');
    t.like(arenas.stats(), { inFlight: 0, lateBuffers: 1 });
    t.is(warned.length, 1);
    const [[code, message]] = warned;
    t.is(code, 'RALLOC_USED_LATE');
    t.regex(message, /^GET \/stream allocates after its end: .*app\.request\(\)/);
    t.notRegex(message, /undefined|dead|localhost/);
  },
);
