'use strict';
// tier: run-time, differs

// Where the middleware stands: beside properties of the same name, in routers, and in two copies of ralloc, as two dependencies of an application can
// bring. Copies that speak different versions of what copies share (lib/base/protocol.js) do not see each other, and neither is in the other's way.

const test = require('ava');
const { AsyncResource } = require('node:async_hooks');
const diagnostics = require('node:diagnostics_channel');
const fs = require('node:fs');
const path = require('node:path');
const express5 = require('express');
const { run } = require('../helpers/child.js');
const { builtBinary, copyOfPackage } = require('../helpers/copy-of-package.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { Exchange } = require('../helpers/exchange.js');
const { inProduction } = require('../helpers/in-production.js');
const { Client } = require('../helpers/client.js');
const { needsFileLimit } = require('../helpers/needs.js');
const { until } = require('../helpers/until.js');
const ralloc = require('../../lib/index.js');
const protocol = require('../../lib/base/protocol.js');

const { requestArena } = ralloc;
const PROTOCOL = 'lib/base/protocol.js';

const ends = [];
test.after.always(() => {
  for (const end of ends) end();
});

/** Another copy of ralloc in this process, with the same binary. */
function copyWith(files = {}) {
  const binary = builtBinary && { [path.basename(builtBinary)]: fs.readFileSync(builtBinary) };
  return copyOfPackage({ teardown: (end) => ends.push(end) }, { ...files, ...binary });
}

const source = fs.readFileSync(path.join(__dirname, '..', '..', PROTOCOL), 'utf8');
const later = copyWith({ [PROTOCOL]: source.replace(/(Symbol\.for\('[^']+\.)\d+'\)/g, "$199')") });
const copies = {
  same: require(path.join(copyWith(), 'lib', 'index.js')),
  later: require(path.join(later, 'lib', 'index.js')), // of a later version of every protocol
};

/** What is left of a request that ran `handler` on a real server; `use` is called a turn after its response is over. */
async function visited(t, options, handler, use) {
  const done = [];
  const server = await serve(
    t,
    'express 5',
    (req, res) => {
      handler(req, res, server.arenas);
      res.on('close', () => setImmediate(() => done.push(use?.(req, server.arenas))));
    },
    options,
  );
  const client = await Client.connect(server.port);
  await client.get('/');
  await until(() => done.length === 1);
  await client.destroy();
  return { result: done[0], stats: server.arenas.stats() };
}

test('a request that never uses its arena is counted, and nothing listens for its end', async (t) => {
  const counts = [];
  const { stats } = await visited(t, {}, (req, res, arenas) => {
    t.true('arena' in req && req.arena instanceof ralloc.Arena);
    t.false(req.arena.owns(Buffer.alloc(1)));
    counts.push(res.listenerCount('close'), arenas.stats().inFlight);
    req.arena.alloc(1);
    counts.push(res.listenerCount('close') - counts[0], arenas.stats().inFlight);
    res.end();
  });
  t.deepEqual(counts.slice(1), [0, 1, 1]);
  t.deepEqual([stats.requests, stats.finished], [1, 1]);
  const unused = await visited(t, {}, (_req, res) => res.end());
  const { requests, inFlight, finished, aborted } = unused.stats;
  t.deepEqual([requests, inFlight, finished, aborted], [1, 0, 0, 0]);
});

test.serial(
  'the first 4 KiB of a request are Buffers of Node, for which no arena begins',
  async (t) => {
    let kept;
    let large;
    const handler = ({ arena }, res, arenas) => {
      const parts = [Buffer.from('b'), Buffer.from('c')];
      kept = [arena.from('text'), arena.alloc(100), arena.allocUnsafe(1000), arena.concat(parts)];
      t.false(kept.some((buffer) => arena.owns(buffer)));
      t.is(arenas.stats().inFlight, 0);
      t.throws(() => arena.alloc(-1), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
      large = arena.allocUnsafe(3000); // more than 4 KiB together
      t.true(arena.owns(large) && arena.owns(arena.alloc(1)));
      t.is(arenas.stats().inFlight, 1);
      res.end();
    };
    const { stats } = await inProduction(() => visited(t, {}, handler));
    t.deepEqual([stats.finished, stats.memory.leased, large.length], [1, 0, 0]);
    t.deepEqual([kept[0], kept[3]].map(String), ['text', 'bc']);
    t.deepEqual(kept[1], Buffer.alloc(100));
  },
);

test.serial('whoever counts on the end of a small Buffer has it in the arena', async (t) => {
  const uses = {
    wipe: [{ wipe: true }, (arena) => arena.owns(arena.from('a'))],
    budget: [
      { budget: new ralloc.Budget({ maxBytes: 1e6 }) },
      (arena) => arena.owns(arena.alloc(9)),
    ],
    'a scope': [{}, (arena) => arena.scope((scope) => scope.owns(scope.from('a')))],
    'a checkpoint': [{}, (arena) => arena.checkpoint() && arena.owns(arena.from('a'))],
    'a hold': [{}, (arena) => arena.hold() && arena.owns(arena.from('a'))],
  };
  for (const [name, [options, isOwn]] of Object.entries(uses)) {
    const handler = ({ arena }, res) => {
      t.true(isOwn(arena), name);
      res.end();
    };
    await inProduction(() => visited(t, options, handler));
  }
});

test('an arena that is first used after the response is a released one', async (t) => {
  const use = ({ arena }) => {
    arena.reset();
    arena.close();
    const checkpoint = arena.checkpoint();
    arena.rewind(checkpoint);
    arena.hold().release();
    const { live } = arena.stats();
    const buffer = arena.scope((scope) => scope.copyOut(scope.from('abc')));
    return [live, `${buffer}`, arena.owns(arena.alloc(10))];
  };
  const { result, stats } = await visited(t, {}, (_req, res) => res.end(), use);
  t.deepEqual(result, [false, 'abc', false]);
  t.deepEqual([stats.inFlight, stats.finished, stats.lateBuffers], [0, 1, 2]);
  t.is(stats.memory.leased, 0);
  for (const first of ['hold', 'close', 'checkpoint', 'stats', 'reset', 'shrink']) {
    const late = await visited(
      t,
      {},
      (_req, res) => res.end(),
      ({ arena }) => arena[first](),
    );
    t.is(late.stats.memory.leased, 0, first);
  }
  const body = await visited(
    t,
    {},
    (_req, res) => res.end(),
    ({ arena }) => arena.body(),
  );
  await t.throwsAsync(body.result, { message: /over/ });
});

test('with `context`, current() of a request that never used its arena is undefined once the response is over', async (t) => {
  const seen = [];
  const { stats } = await visited(t, { context: true }, (req, res, arenas) => {
    res.on('finish', () => seen.push(arenas.current() === req.arena));
    const resource = new AsyncResource('later');
    res.on('close', () => {
      setImmediate(() => seen.push(resource.runInAsyncScope(() => arenas.current())));
    });
    res.end();
  });
  t.is(seen.at(-1), undefined);
  t.is(stats.inFlight, 0);
});

test.serial(
  'whoever subscribes to the beginning or the end of requests hears of each',
  async (t) => {
    for (const name of ['ralloc:request:start', 'ralloc:request:end']) {
      const heard = [];
      const hear = ({ arena }) => heard.push(arena);
      diagnostics.subscribe(name, hear);
      const { stats } = await visited(t, {}, (_req, res) => res.end());
      diagnostics.unsubscribe(name, hear);
      t.deepEqual([heard.length, stats.finished], [1, 1], name);
    }
  },
);

test('a Proxy of an arena takes the property as anything else does', (t) => {
  const exchange = new Exchange();
  exchange.req.arena = new Proxy(new ralloc.Arena(), {});
  const error = t.throws(() => exchange.begin(requestArena()), {
    code: 'ERR_RALLOC_INVALID_ARGUMENT',
  });
  t.regex(error.message, /^The property "arena" of the request is taken\. Choose another/);
});

test('a property that is taken is an error for next()', async (t) => {
  const errors = [];
  const arenas = requestArena({ property: 'session' });
  const taken = [
    (req, _res, next) => {
      if (req.url === '/taken') req.session = { of: 'another middleware' };
      if (req.url === '/unset') req.session = undefined; // another middleware will set it
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
  const server = await serve(t, 'express 5', handler, { before: taken, arenas: watched });
  const client = await Client.connect(server.port);
  t.is((await client.get('/taken')).status, 500);
  t.is((await client.get('/unset')).status, 500);
  t.is((await client.get('/later')).status, 500);
  t.is((await client.get('/free')).status, 200);
  t.is(errors.length, 3);
  for (const error of errors) {
    t.true(error instanceof TypeError);
    t.is(error.code, 'ERR_RALLOC_INVALID_ARGUMENT');
    t.regex(error.message, /"session".*"options\.property"/);
  }
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().requests, 2, 'the refused one began no request');
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

test('two copies of ralloc in one process share the arena, and one listener a socket', async (t) => {
  const other = copies.same;
  t.not(other.requestArena, requestArena);
  t.is(other.backend, ralloc.backend);
  const [mine, theirs] = [requestArena(), other.requestArena()];
  const listeners = [];
  let refused;
  const handler = (req, res) => {
    t.true(req.arena instanceof ralloc.Arena);
    req.arena.alloc(1);
    listeners.push([req.socket.listenerCount('close'), res.listenerCount('close')]);
    refused = t.throws(() => req.arena.close());
    res.end(req.arena.from('ok'));
  };
  const server = await serve(t, 'node:http', handler, { before: [mine], arenas: theirs });
  const client = await Client.connect(server.port);
  for (let i = 0; i < 20; i++) await client.get('/');
  await until(() => mine.stats().inFlight === 0);
  t.is(new Set(listeners.map(String)).size, 1, 'no listener is left on the socket by a request');
  t.deepEqual([mine.stats().finished, theirs.stats().requests], [20, 0]);
  for (const { RallocError } of [ralloc, other]) t.true(refused instanceof RallocError);
  t.is(refused.code, 'ERR_RALLOC_UNSUPPORTED');
});

test('two copies that serve different applications on one socket', async (t) => {
  const other = copies.same;
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

test('every symbol that copies share is registered, with a version in its name', (t) => {
  const symbols = Object.values(protocol);
  for (const symbol of symbols) t.regex(Symbol.keyFor(symbol), /^ralloc(\.\w+)+\.\d+$/);
  t.is(new Set(symbols).size, symbols.length);
  const others = Object.values(require(path.join(later, PROTOCOL)));
  t.is(others.length, symbols.length);
  t.false(others.some((symbol) => symbols.includes(symbol)));
});

test('copies of different protocols give a request an arena each, and release both', async (t) => {
  const other = copies.later;
  t.is(other.backend, ralloc.backend);
  require('node:stream/web'); // else the first memory loads it: for the other copy, in the midst of a handler
  const mine = ralloc.requestArena();
  const theirs = other.requestArena({ property: 'memory' });
  const buffers = [];
  const waiting = [];
  const handler = (req, res) => {
    t.true(req.arena instanceof ralloc.Arena);
    t.true(req.memory instanceof other.Arena);
    buffers.push(req.arena.from('mine'), req.memory.from('theirs'));
    if (req.url === '/wait') waiting.push(res);
    else res.end(Buffer.concat(buffers.slice(-2)));
  };
  const server = await serve(t, 'express 5', handler, { before: [mine], arenas: theirs });
  const client = await Client.connect(server.port);
  for (let i = 0; i < 5; i++) {
    t.is((await client.get('/')).body.toString(), 'minetheirs');
  }
  for (const arenas of [mine, theirs]) {
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().finished, 5);
  }
  t.true(buffers.every(({ length }) => length === 0));

  // Pipelined behind one that is pending: only the listeners of the socket hear of the end.
  for (let i = 0; i < 3; i++) client.send('/wait');
  await until(() => waiting.length === 3);
  await client.reset();
  for (const arenas of [mine, theirs]) {
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().aborted, 3);
    assertSettled(t, arenas);
  }
});

test("an error of a copy of another protocol is told by its code, and is no instance of this one's", (t) => {
  const other = copies.later;
  const error = t.throws(() => new other.Arena({ maxBytes: 4096 }).alloc(8192));
  t.true(error instanceof other.RallocError);
  t.false(error instanceof ralloc.RallocError);
  t.is(error.code, 'ERR_RALLOC_LIMIT');
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
