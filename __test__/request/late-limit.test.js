'use strict';
// tier: run-time

// What a handler may allocate after its response is over, and how it gets room back.

const test = require('ava');
const { Exchange } = require('../helpers/exchange.js');
const { requestArena } = require('../../lib/index.js');

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

test('a scope ends with the response, also of an arena that has nothing else', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  let buffer;
  const never = new Promise(() => {});
  arena.scope((scope) => {
    buffer = scope.alloc(10);
    return never;
  });
  await exchange.finish();
  t.is(buffer.length, 0);
  t.is(arenas.stats().memory.leased, 0);
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
