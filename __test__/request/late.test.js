'use strict';
// tier: run-time

// Handlers that answer and go on working: their Buffers are dead, their arena still serves, from the heap.

const test = require('ava');
const { once } = require('node:events');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');
const { Exchange } = require('../helpers/exchange.js');
const { requestArena } = require('../../lib/index.js');

const idOf = (req) => Number(req.url.slice(1));
const lateOf = ({ arenas }) => {
  const { lateBuffers, lateBytes } = arenas.stats();
  return [lateBuffers, lateBytes];
};

test('a handler answers and goes on allocating', async (t) => {
  const ledger = new Ledger();
  const works = [];
  const server = await serve(t, 'node:http', async (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(50_000));
    res.end(buffer);
    await once(res, 'close');
    await until(() => buffer.length === 0);
    const zeroed = req.arena.alloc(3000);
    t.true(zeroed.every((byte) => byte === 0));
    works.push(ledger.stamp(id, zeroed), ledger.stamp(id, req.arena.allocUnsafe(2000)));
    t.is(req.arena.from('grüße').toString(), 'grüße');
    t.is(req.arena.concat([Buffer.from('ab'), Buffer.from('cd')]).toString(), 'abcd');
    t.deepEqual([...req.arena.array(Float64Array, 2)], [0, 0]);
    t.is(req.arena.alloc(0).length, 0);
    works.push('done');
  });
  const client = await Client.connect(server.port);
  for (let id = 0; id < 5; id++) {
    sameAnswer(t, id, (await client.get(`/${id}`)).body);
    await until(() => works.length === 3 * (id + 1));
    t.deepEqual(lateOf(server), [5 * (id + 1), 5027 * (id + 1)]);
  }
  ledger.assertOwn(t);
  t.is(server.arenas.stats().finished, 5);
  assertSettled(t, server.arenas);
});

for (const [status, holds] of [
  [503, false],
  [200, true],
]) {
  const how = holds ? `${status}, and a hold` : status;
  test(`an early answer of ${how}: the handler that lost writes to its Buffer as to one of the heap`, async (t) => {
    let written;
    let kept; // what nobody has may be collected, and is in quarantine no more
    const server = await serve(t, 'node:http', async (req, res) => {
      const buffer = req.arena.alloc(100);
      kept = buffer;
      const hold = holds ? req.arena.hold() : null;
      res.writeHead(status).end(); // a timeout of somebody else's
      await until(() => !req.arena.stats().live);
      buffer.writeUInt32BE(7, 0);
      written = [buffer.length, buffer.readUInt32BE(0)];
      hold?.release();
      t.is(buffer.length, holds ? 0 : 100, 'dead with the hold, or collected');
    });
    const client = await Client.connect(server.port);
    t.is((await client.get('/')).status, status);
    await until(() => written !== undefined);
    t.deepEqual(written, [100, 7]);
    const { finished, memory } = server.arenas.stats();
    t.is(finished, 1);
    t.is(memory.quarantined > 0, !holds);
    t.is(kept.length, holds ? 0 : 100);
    assertSettled(t, server.arenas);
  });
}

test('an early answer that is no error and without a hold: the handler that lost throws', async (t) => {
  let thrown;
  const server = await serve(t, 'node:http', async (req, res) => {
    const buffer = req.arena.alloc(100);
    res.end('early');
    await until(() => !req.arena.stats().live);
    thrown = t.throws(() => buffer.writeUInt32BE(7, 0));
  });
  const client = await Client.connect(server.port);
  await client.get('/');
  await until(() => thrown !== undefined);
  t.is(thrown.code, 'ERR_BUFFER_OUT_OF_BOUNDS');
});

test('a handler that goes on after its response is told of once, by method, path and status', async (t) => {
  const warnings = warned(t, 'RALLOC_USED_LATE');
  // Other tests of this file go on after their responses too.
  const mine = /^GET \/(gone|report|other)\b/;
  const told = () => warnings.filter(({ message }) => mine.test(message));
  const server = await serve(t, 'express 5', async (req, res) => {
    req.arena.alloc(10);
    if (req.url === '/gone') {
      res.destroy();
    } else {
      res.statusCode = 503; // as a timeout answers
      res.end();
    }
    await until(() => !req.arena.stats().live);
    req.arena.alloc(10);
    req.arena.alloc(10);
  });
  const late = () => server.arenas.stats().lateBuffers;
  const gone = await Client.connect(server.port);
  gone.send('/gone');
  await until(() => late() === 2);
  const client = await Client.connect(server.port);
  await client.get('/report?token=secret');
  await until(() => late() === 4);
  await client.get('/other');
  await until(() => late() === 6 && told().length > 0);
  t.is(told().length, 1, 'of the client that went away nothing is said');
  const [{ message }] = told();
  t.regex(message, /^GET \/report, answered with 503 \d+ ms ago, allocates after/);
  t.notRegex(message, /secret|dead/);
});

test('after the response the rest of an arena does nothing, and says so', async (t) => {
  let after;
  const server = await serve(t, 'express 5', async (req, res) => {
    const { arena } = req;
    const before = arena.checkpoint();
    arena.allocUnsafe(1000);
    res.end();
    await once(res, 'close');
    await until(() => !arena.stats().live);
    const promise = Promise.resolve(1);
    const hold = arena.hold();
    hold.release();
    hold[Symbol.dispose]();
    after = {
      rewound: arena.rewind(before),
      mark: arena.rewind(arena.checkpoint()),
      reset: arena.reset(),
      reserve: arena.reserve(1000),
      shrink: arena.shrink(),
      close: arena.close(),
      dispose: arena[Symbol.dispose](),
      held: arena.hold(promise) === promise,
      scope: arena.scope((scope) => scope.from('in a scope')).toString(),
      later: (await arena.scope(async (scope) => scope.alloc(10))).length,
      owns: arena.owns(arena.alloc(10)),
      copy: arena.copyOut(arena.from('copy')).toString(),
      stats: arena.stats(),
    };
  });
  const client = await Client.connect(server.port);
  await client.get('/1');
  await until(() => after !== undefined);
  const { held, scope, later, owns, copy, stats, ...nothing } = after;
  t.deepEqual(new Set(Object.values(nothing)), new Set([undefined]));
  t.deepEqual([held, scope, later, owns, copy], [true, 'in a scope', 10, false, 'copy']);
  t.false(stats.live);
  t.is(stats.allocated, 0);
  t.deepEqual(lateOf(server), [4, 34]);
  assertSettled(t, server.arenas);
});

test('arguments are still checked after the response', async (t) => {
  const wrong = { code: 'ERR_RALLOC_INVALID_ARGUMENT' };
  let checked = false;
  const server = await serve(t, 'node:http', async (req, res) => {
    const { arena } = req;
    res.end();
    await once(res, 'close');
    await until(() => !arena.stats().live);
    t.throws(() => arena.alloc(-1), { ...wrong, instanceOf: RangeError });
    t.throws(() => arena.allocUnsafe('1'), { ...wrong, instanceOf: TypeError });
    t.throws(() => arena.from(1), { ...wrong, instanceOf: TypeError });
    t.throws(() => arena.hold(1), { ...wrong, instanceOf: TypeError });
    checked = true;
  });
  const client = await Client.connect(server.port);
  await client.get('/1');
  await until(() => checked);
  t.deepEqual(lateOf(server), [0, 0]);
});

// What a handler may allocate after its response is over, and how it gets room back.

/** A request whose response is over: aborted, or sent to its end. */
async function afterResponse(end) {
  const arenas = requestArena({ maxBytesPerRequest: 256 * 1024 });
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  arena.alloc(200 * 1024);
  await exchange[end]();
  return arena;
}

for (const end of ['close', 'finish']) {
  test(`maxBytesPerRequest holds after a ${end} as before it`, async (t) => {
    const arena = await afterResponse(end);
    for (const size of [256 * 1024 + 1, 300_000_000]) {
      for (const method of ['alloc', 'allocUnsafe']) {
        const error = t.throws(() => arena[method](size), { code: 'ERR_RALLOC_LIMIT' });
        t.is(error.option, 'maxBytesPerRequest');
      }
      t.throws(() => arena.array(Uint8Array, size), { code: 'ERR_RALLOC_LIMIT' });
    }
    t.is(arena.alloc(200 * 1024).length, 200 * 1024, 'what was allocated before is not counted');
    t.is(arena.alloc(56 * 1024).length, 56 * 1024);
    const error = t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' });
    t.deepEqual([error.used, error.limit], [256 * 1024, 256 * 1024]);
  });
}

test('heap Buffers from before the end are not counted after it', async (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 256 * 1024 });
  await arenas.close(); // new requests have the heap alone
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  arena.alloc(200 * 1024);
  t.is(arenas.stats().heapBuffers, 1);
  await exchange.finish();
  t.is(arena.alloc(256 * 1024).length, 256 * 1024);
});

test('a handler that gives memory back in a loop goes on when its client is gone', async (t) => {
  const arena = await afterResponse('close');
  for (let i = 0; i < 5; i++) {
    arena.alloc(200 * 1024);
    arena.reset();
  }
  arena.alloc(100 * 1024);
  for (let i = 0; i < 5; i++) {
    const mark = arena.checkpoint();
    arena.alloc(100 * 1024);
    arena.rewind(mark);
    arena.rewind(mark);
  }
  for (let i = 0; i < 5; i++) arena.scope((scope) => scope.alloc(100 * 1024).length);
  arena.rewind({});
  t.is(arena.alloc(156 * 1024).length, 156 * 1024);
  t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' }, 'what was not given back counts');
});

test('scopes and checkpoints from before the end give back what came after it', async (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 256 * 1024 });
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  const mark = arena.checkpoint();
  let leave;
  let inner;
  const left = arena.scope((scope) => {
    inner = scope;
    return new Promise((resolve) => {
      leave = resolve;
    });
  });
  await exchange.close();
  arena.alloc(100 * 1024);
  inner.alloc(156 * 1024);
  t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' });
  arena.rewind(mark);
  t.is(arena.alloc(100 * 1024).length, 100 * 1024);
  t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' });
  leave();
  await left;
  t.is(arena.alloc(156 * 1024).length, 156 * 1024);
});
