'use strict';

// What a refusal costs while many requests are in flight: the first allocation of one more request, when the others have all of
// `maxBytes`. It answers an overload, or an attack, so its cost must not grow with the number of requests. stats() is read then too.
//
// Caveats: a request has one chunk of 64 KiB of address space, of which nothing is touched. The error's own stack trace is in the
// figures: "a RallocError alone" is that. With `onOverflow: 'heap'` a request is begun and ended for each refusal, and has its 64 bytes
// of Node's pool.

const { EventEmitter } = require('node:events');
const { requestArena } = require('..');
const { RallocError } = require('../lib/base/errors.js');
const { compare, turn } = require('./harness.js');

const CHUNK = 64 * 1024;
const COUNTS = [100, 1000, 10_000];

class Response extends EventEmitter {
  writableFinished = true;
  closed = false;
  destroyed = false;
}

const begin = (middleware) => {
  const req = { httpVersionMajor: 1, socket: new EventEmitter() };
  const res = new Response();
  middleware(req, res, () => {});
  return { arena: req.arena, res };
};

/** A middleware whose memory `count` requests have, all of it. */
function fullWith(count, onOverflow) {
  const middleware = requestArena({ maxBytes: count * CHUNK, onOverflow });
  const live = Array.from({ length: count }, () => begin(middleware));
  for (const { arena } of live) arena.allocUnsafe(64);
  return { middleware, live };
}

const nameOf = (count) => `${count.toLocaleString('en')} live requests`;

const overCounts = (make) =>
  Object.fromEntries(COUNTS.map((count) => [nameOf(count), make(count)]));

function refusedBy(count) {
  const { middleware, live } = fullWith(count, 'error');
  const { arena } = begin(middleware);
  return (n) => {
    let code;
    for (let i = 0; i < n; i++) {
      try {
        arena.allocUnsafe(64);
        throw new Error('not refused');
      } catch (error) {
        code = error.code;
      }
    }
    if (code !== 'ERR_RALLOC_LIMIT') throw new Error(`refused with ${code}`);
    return live;
  };
}

function heapInstead(count) {
  const { middleware, live } = fullWith(count, 'heap');
  return async (n) => {
    for (let i = 0; i < n; i++) {
      const { arena, res } = begin(middleware);
      arena.allocUnsafe(64);
      res.emit('close');
      if ((i & 31) === 31) await turn();
    }
    return live;
  };
}

function statsOf(count) {
  const { middleware, live } = fullWith(count, 'heap');
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) last = middleware.stats();
    return { last, live };
  };
}

function errorAlone(n) {
  let last;
  for (let i = 0; i < n; i++) last = new RallocError('ERR_RALLOC_LIMIT', 'alone', { used: i });
  return last;
}

module.exports = {
  notMeasured: 'an event loop with sockets; memory that is written to; other arenas and threads',
  scenarios: {
    'a refusal': () => compare({ 'a RallocError alone': errorAlone, ...overCounts(refusedBy) }),
    'the heap instead': () => compare(overCounts(heapInstead)),
    'stats()': () => compare(overCounts(statsOf)),
  },
};
