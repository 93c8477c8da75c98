'use strict';
// tier: run-time

// The likeliest mistakes in mounting the middleware: what each says, and that nothing stays in flight after it.

const test = require('ava');
const express5 = require('express');
const { requestArena } = require('../..');
const { Exchange } = require('../helpers/exchange.js');
const { answerOf } = require('../helpers/server.js');
const { fresh } = require('../helpers/fresh.js');

const code = 'ERR_RALLOC_INVALID_ARGUMENT';

/** The error that next() is called with, by a middleware that then has no request in flight. */
async function refused(t, req, res) {
  const arenas = requestArena();
  const given = [];
  arenas(req, res, (error) => given.push(error));
  t.is(given.length, 1);
  t.true(given[0] instanceof TypeError);
  t.is(given[0].code, code);
  t.is(req?.arena, undefined);
  t.is(arenas.stats().requests, 0);
  await arenas.close();
  return given[0].message;
}

const NO_REQUEST = `The "req" argument must be Node's own request (http.IncomingMessage). Received `;
const NO_RESPONSE = `The "res" argument must be Node's own response (http.ServerResponse). Received `;

/** What frameworks hand to a hook or middleware, as far as it tells them apart. */
class Request {}
const { req: raw, res: rawResponse } = new Exchange();
const frameworks = {
  Fastify: ['use ralloc/fastify', { raw }, { raw: rawResponse }],
  Koa: ['use ralloc/koa', { req: raw, res: rawResponse }, {}],
  hapi: ['pass request.raw.req, request.raw.res', { raw: { req: raw, res: rawResponse } }, {}],
  Hono: ['use ralloc/hono', { env: { incoming: raw, outgoing: rawResponse } }, {}],
  'h3 and Nitro': [
    'pass event.node.req, event.node.res',
    { node: { req: raw, res: rawResponse } },
    {},
  ],
};

for (const [name, [hint, given, second]] of Object.entries(frameworks)) {
  test(`${name}: its own request is refused with what to do`, async (t) => {
    const request = Object.assign(new Request(), given);
    const message = `${NO_REQUEST}an instance of Request. In ${name} ${hint}`;
    t.is(await refused(t, request, second), message);
  });

  test(`${name}: requestArena itself as the hook`, (t) => {
    const message = `${UNCALLED}. In ${name} ${hint}`;
    t.throws(() => requestArena(given, second), { code, message });
    t.throws(() => requestArena(given, second, () => {}), { code, message });
  });
}

test('what is no request', async (t) => {
  const { res } = new Exchange();
  t.is(await refused(t, {}, {}), `${NO_REQUEST}an instance of Object`);
  t.is(await refused(t, undefined, res), `${NO_REQUEST}undefined`);
  t.is(await refused(t, '/path', res), `${NO_REQUEST}type string ('/path')`);
});

test('what is no response', async (t) => {
  const { req } = new Exchange();
  t.is(await refused(t, req, {}), `${NO_RESPONSE}an instance of Object`);
  t.is(await refused(t, req, null), `${NO_RESPONSE}null`);
});

test('the request and the response the other way round', async (t) => {
  const { req, res } = new Exchange();
  t.is(await refused(t, res, req), 'The request comes first, then the response: (req, res, next)');
});

test('without next()', async (t) => {
  const arenas = requestArena();
  const { req, res } = new Exchange();
  const message =
    'The "next" argument must be of type function. Received undefined. ' +
    'For a listener of node:http use requestArena().wrap(handler) of ralloc/http';
  t.throws(() => arenas(req, res), { instanceOf: TypeError, code, message });
  const koa = /In Koa use ralloc\/koa$/;
  t.throws(() => arenas({ req, res }, () => {}), { instanceOf: TypeError, code, message: koa });
  t.is(arenas.stats().requests, 0);
  await arenas.close();
});

const UNCALLED =
  'requestArena() makes a middleware, and was used as one. Call it once: app.use(requestArena())';

test('Express: requestArena mounted without a call', async (t) => {
  const app = express5();
  app.use(requestArena);
  app.use((error, _req, res, _next) => res.json({ code: error.code, message: error.message }));
  const { body } = await answerOf(t, app);
  t.deepEqual(JSON.parse(body), { code, message: UNCALLED });
});

test('node:http: requestArena as the listener', (t) => {
  const { req, res } = new Exchange();
  t.throws(() => requestArena(req, res), { instanceOf: TypeError, code, message: UNCALLED });
});

/** requestArena() of a fresh ralloc, and the warnings that it gave. */
function warning() {
  const warned = [];
  const { emitWarning } = process;
  const { requestArena: make } = fresh('express.js');
  const run = (act) => {
    process.emitWarning = (message, about) => warned.push([about.code, message]);
    try {
      return act();
    } finally {
      process.emitWarning = emitWarning;
    }
  };
  return { make, run, warned };
}

test('mounted twice with other options: the second ones are told to be ignored, once', (t) => {
  const { make, run, warned } = warning();
  const first = make();
  const second = make({ maxBytesPerRequest: 4096, wipe: true, property: 'memory' });
  for (let i = 0; i < 3; i++) {
    const exchange = new Exchange();
    run(() => exchange.begin(first));
    run(() => exchange.begin(second));
    t.is(exchange.req.arena, exchange.req.memory);
  }
  t.deepEqual(warned, [
    [
      'RALLOC_OPTIONS_IGNORED',
      'requestArena() is mounted for requests that already have an arena of another requestArena(): "maxBytesPerRequest", "wipe" of the second are ignored. Mount one of them, with the options that you want',
    ],
  ]);
});

test('mounted twice where nothing is ignored: no warning', (t) => {
  const { make, run, warned } = warning();
  const same = make({ wipe: true });
  const named = make({ name: 'api', property: 'memory', context: true });
  const exchange = new Exchange();
  for (const arenas of [same, same, named]) run(() => exchange.begin(arenas));
  t.is(named.current(), undefined);
  t.deepEqual(warned, []);
});
