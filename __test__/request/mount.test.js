'use strict';
// tier: run-time

// Where the middleware stands: twice, in two copies, beside properties of the same name.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const express5 = require('express');
const { run } = require('../helpers/child.js');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Exchange } = require('../helpers/exchange.js');
const { Client } = require('../helpers/client.js');
const { folder } = require('../helpers/folder.js');
const { needsFileLimit } = require('../helpers/needs.js');
const { until } = require('../helpers/until.js');
const ralloc = require('../../lib/index.js');

const { requestArena, RallocError } = ralloc;
const root = path.join(__dirname, '..', '..');

/** Another copy of ralloc in this process, as two dependencies of an application can bring. */
function secondCopy(t) {
  const dir = folder(t);
  const files = fs.readdirSync(root).filter((name) => name.endsWith('.node'));
  for (const name of ['package.json', 'lib', ...files]) {
    fs.cpSync(path.join(root, name), path.join(dir, name), { recursive: true });
  }
  return require(path.join(dir, 'lib', 'index.js'));
}

for (const kind of kinds) {
  test(`${kind}: mounted twice, the first one's arena serves both`, async (t) => {
    const first = requestArena();
    const second = requestArena({ property: 'memory' });
    const seen = [];
    const handler = (req, res) => {
      seen.push(req.arena === req.memory);
      res.end(req.memory.from('ok'));
    };
    const server = await serve(t, kind, handler, { before: [first, second], arenas: first });
    const client = await Client.connect(server.port);
    for (let i = 0; i < 3; i++) t.is((await client.get('/')).body.toString(), 'ok');
    await until(() => first.stats().inFlight === 0);
    t.deepEqual(seen, [true, true, true]);
    t.is(first.stats().finished, 3);
    t.is(second.stats().requests, 0);
    assertSettled(t, first);
  });
}

test('a Proxy of an arena takes the property as anything else does', (t) => {
  const exchange = new Exchange();
  exchange.req.arena = new Proxy(new ralloc.Arena(), {});
  const error = t.throws(() => exchange.begin(requestArena()), {
    code: 'ERR_RALLOC_INVALID_ARGUMENT',
  });
  t.regex(error.message, /^The property "arena" of the request is taken\. Choose another/);
});

test('two copies of ralloc in one process share the arena, and one listener a socket', async (t) => {
  const other = secondCopy(t);
  t.not(other.requestArena, requestArena);
  t.is(other.backend, ralloc.backend);
  const [mine, theirs] = [requestArena(), other.requestArena()];
  const listeners = [];
  let refused;
  const handler = (req, res) => {
    t.true(req.arena instanceof ralloc.Arena);
    listeners.push([req.socket.listenerCount('close'), res.listenerCount('close')]);
    refused = t.throws(() => req.arena.close());
    res.end(req.arena.from('ok'));
  };
  const server = await serve(t, 'express 5', handler, { before: [mine], arenas: theirs });
  const client = await Client.connect(server.port);
  for (let i = 0; i < 20; i++) await client.get('/');
  await until(() => mine.stats().inFlight === 0);
  t.is(new Set(listeners.map(String)).size, 1, 'no listener is left on the socket by a request');
  t.is(mine.stats().finished, 20);
  t.is(theirs.stats().requests, 0);
  t.true(refused instanceof other.RallocError);
  t.true(refused instanceof RallocError);
  t.is(refused.code, 'ERR_RALLOC_UNSUPPORTED');
});

test('two copies that serve different applications on one socket', async (t) => {
  const other = secondCopy(t);
  const [mine, theirs] = [requestArena(), other.requestArena()];
  const waiting = [];
  const handler = (req, res) => {
    req.arena.alloc(1000);
    waiting.push(res);
  };
  let turn = 0;
  const either = (req, res, next) => (turn++ % 2 ? mine : theirs)(req, res, next);
  const server = await serve(t, 'node:http', handler, { arenas: either });
  const client = await Client.connect(server.port);
  for (let i = 0; i < 6; i++) client.send('/');
  await until(() => waiting.length === 6);
  await client.reset();
  for (const arenas of [mine, theirs]) {
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().aborted, 3);
    assertSettled(t, arenas);
  }
});

for (const kind of kinds.slice(0, 2)) {
  test(`${kind}: a property that is taken is an error for next()`, async (t) => {
    const errors = [];
    const arenas = requestArena({ property: 'session' });
    const taken = [
      (req, _res, next) => {
        if (req.url === '/taken') req.session = { of: 'another middleware' };
        if (req.url === '/later') arenas(req, _res, () => next());
        else next();
      },
      (req, _res, next) => {
        if (req.url === '/later') req.session = { of: 'another middleware' };
        next();
      },
    ];
    const watched = (req, res, next) =>
      arenas(req, res, (error) => {
        if (error) errors.push(error);
        next(error);
      });
    const handler = (req, res) => res.end(req.session.from('ok'));
    const server = await serve(t, kind, handler, { before: taken, arenas: watched });
    const client = await Client.connect(server.port);
    t.is((await client.get('/taken')).status, 500);
    t.is((await client.get('/later')).status, 500);
    t.is((await client.get('/free')).status, 200);
    t.is(errors.length, 2);
    for (const error of errors) {
      t.true(error instanceof TypeError);
      t.is(error.code, 'ERR_RALLOC_INVALID_ARGUMENT');
      t.regex(error.message, /"session".*"options\.property"/);
    }
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().requests, 2, 'the refused one began no request');
  });
}

test('a name that every request has is taken', async (t) => {
  for (const property of ['url', 'socket', 'headers', 'toString']) {
    const server = await serve(t, 'node:http', (_req, res) => res.end('ok'), { property });
    const client = await Client.connect(server.port);
    t.is((await client.get('/')).status, 500, property);
    t.is(server.arenas.stats().requests, 0);
  }
});

test('in a router, behind a path, and nested applications', async (t) => {
  const arenas = requestArena();
  const router = express5.Router();
  router.use(arenas);
  router.get('/in', (req, res) => res.end(req.arena.from('in')));
  const inner = express5();
  inner.use(arenas);
  inner.use((req, res) => res.end(req.arena.from('inner')));
  const handler = (req, res) => res.end(String(req.arena));
  const server = await serve(t, 'express 5', handler, { before: [], arenas: router });
  const nested = await serve(t, 'express 5', inner, { arenas });
  const client = await Client.connect(server.port);
  t.is((await client.get('/in')).body.toString(), 'in');
  const other = await Client.connect(nested.port);
  t.is((await other.get('/x')).body.toString(), 'inner');
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().finished, 2);
});

needsFileLimit(
  'where the process can open no file, a request, its memory and its limit are errors with a code, and the next ones are as ever',
  async (t) => {
    const { code, result, stderr } = await run('request/no-files.js');
    t.deepEqual(
      { code, ...result },
      {
        code: 0,
        first: 'EMFILE',
        guarded: true,
        memory: 'EMFILE',
        later: 8,
        refused: 'ERR_RALLOC_LIMIT',
      },
      stderr,
    );
  },
);

test('a program that has frozen Error has its bodies', async (t) => {
  const { code, result, stderr } = await run('request/frozen-error.js');
  t.deepEqual([code, result], [0, { length: 100_000 }], stderr);
});
