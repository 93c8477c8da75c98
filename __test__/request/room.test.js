'use strict';

// The room of one request, and what its scopes may do, without a server.

const test = require('ava');
const { Exchange } = require('../helpers/exchange.js');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { requestArena } = require('../../lib/index.js');

const KiB = 1024;

function begin(options) {
  const arenas = requestArena(options);
  const exchange = new Exchange();
  return { arenas, exchange, arena: exchange.begin(arenas) };
}

test('no more memory is taken than a request may hand out', (t) => {
  const { arenas, arena } = begin({ maxBytesPerRequest: 20 * KiB });
  arena.alloc(10);
  t.is(arenas.stats().memory.used, 20 * KiB);
  t.throws(() => arena.alloc(20 * KiB), { code: 'ERR_RALLOC_LIMIT' });
  t.is(arenas.stats().memory.used, 20 * KiB);
});

test('the empty window that a reset leaves takes no room', (t) => {
  const { arena } = begin({ maxBytesPerRequest: 256 * KiB });
  for (const size of [10, 256, 10, 200, 256]) {
    t.is(arena.alloc(size * KiB).length, size * KiB);
    arena.reset();
  }
});

test('a scope of a request can be closed', (t) => {
  const { arena } = begin();
  const length = arena.scope((scope) => {
    const buffer = scope.alloc(10);
    scope.close();
    return buffer.length;
  });
  t.is(length, 0);
  t.is(arena.alloc(10).length, 10);
});

test('Buffers of a scope at work stay when its request is aborted', async (t) => {
  const { arenas, exchange, arena } = begin();
  let buffer;
  arena.scope((scope) => {
    buffer = stamp(scope.alloc(1000), 1);
    return new Promise(() => {});
  });
  await exchange.close();
  t.true(isStamped(buffer, 1));
  t.true(arenas.stats().memory.quarantined > 0);
});

test('after the response nothing is held', async (t) => {
  const { exchange, arena } = begin();
  arena.alloc(10);
  await exchange.finish();
  const promise = new Promise(() => {});
  t.is(arena.hold(promise), promise);
  arena.hold();
  t.is(arena.stats().holds, 0);
});

test('they die with the request that is finished', async (t) => {
  const { arenas, exchange, arena } = begin();
  let buffer;
  arena.scope((scope) => {
    buffer = stamp(scope.alloc(1000), 1);
    return new Promise(() => {});
  });
  await exchange.finish();
  t.is(buffer.length, 0);
  t.is(arenas.stats().memory.quarantined, 0);
});
