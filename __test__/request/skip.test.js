'use strict';
// tier: run-time

// Requests that the option `skip` leaves out: nothing is begun for them, and nothing is left on them.

const test = require('ava');
const { Exchange } = require('../helpers/exchange.js');
const { requestArena } = require('../../lib/index.js');

const code = 'ERR_RALLOC_INVALID_ARGUMENT';

/** What a middleware does with a request: what it calls next() with, and what it leaves behind. */
function pass(middleware, url = '/', exchange = new Exchange()) {
  const { req, res, carrier } = exchange;
  req.url = url;
  const calls = [];
  middleware(req, res, (...given) => calls.push(given));
  const listeners = [req, res, carrier].flatMap((emitter) => emitter.eventNames());
  return { exchange, req, calls, listeners };
}

const isHealth = (req) => req.url === '/health';

test('a request that is left out has no property, no listener and no count', (t) => {
  const arenas = requestArena({ skip: isHealth, context: true });
  const before = new Exchange();
  const usual = [before.req, before.res, before.carrier].flatMap((one) => one.eventNames());
  const { req, calls, listeners } = pass(arenas, '/health');
  t.deepEqual(calls, [[]], 'next() without an argument, once');
  t.deepEqual(Object.keys(req), Object.keys(before.req));
  t.deepEqual(Object.getOwnPropertySymbols(req), Object.getOwnPropertySymbols(before.req));
  t.deepEqual(listeners, usual);
  t.is(arenas.stats().requests, 0);
  t.is(arenas.end(req), false);
  const work = pass(arenas, '/work');
  t.is(work.req.arena.alloc(10).length, 10);
  t.is(arenas.stats().requests, 1);
});

test('within a request that is left out current() is undefined', (t) => {
  const arenas = requestArena({ skip: isHealth, context: true });
  const { req, res } = new Exchange();
  req.url = '/health';
  let found = 'nothing called';
  arenas(req, res, () => {
    found = arenas.current();
  });
  t.is(found, undefined);
});

test('skip() is asked once for each request, with the request alone', (t) => {
  const asked = [];
  const arenas = requestArena({
    skip(...given) {
      asked.push([this, ...given]);
      return false;
    },
  });
  const { req } = pass(arenas);
  t.deepEqual(asked, [[undefined, req]]);
});

test('a property that is taken is no error of a request that is left out', (t) => {
  const arenas = requestArena({ skip: isHealth, property: 'url' });
  t.deepEqual(pass(arenas, '/health').calls, [[]]);
  t.is(pass(arenas, '/work').calls[0][0].code, code);
});

test('of two middlewares each leaves out its own', (t) => {
  const [first, second] = [requestArena({ skip: isHealth }), requestArena({ property: 'memory' })];
  const health = pass(first, '/health').exchange;
  pass(second, '/health', health);
  t.deepEqual([health.req.arena, health.req.memory.alloc(10).length], [undefined, 10]);
  const strict = requestArena({ property: 'other', skip: () => true });
  const { req } = pass(strict, '/work', pass(first, '/work').exchange);
  t.deepEqual([req.arena.alloc(10).length, 'other' in req], [10, false]);
});

test('what skip() throws is the cause of the error, and what is no boolean is told', (t) => {
  const cause = new Error('of its own');
  const thrown = pass(
    requestArena({
      skip: () => {
        throw cause;
      },
    }),
  ).calls[0][0];
  t.true(thrown instanceof TypeError);
  t.deepEqual([thrown.code, thrown.cause], [code, cause]);
  for (const [answer, text] of [
    [Promise.resolve(true), 'Received an instance of Promise'],
    [undefined, 'Received undefined'],
    [1, 'Received type number (1)'],
    ['', "Received type string ('')"],
  ]) {
    const { calls, req } = pass(requestArena({ skip: () => answer }));
    const [[error]] = calls;
    t.is(error.message, `The function "options.skip" must return a boolean. ${text}`);
    t.is(error.code, code);
    t.false('arena' in req);
  }
});

test('with wrap() such an error is thrown by the listener', (t) => {
  const arenas = require('../../lib/http.js').requestArena({ skip: () => 'yes' });
  const { req, res } = new Exchange();
  t.throws(() => arenas.wrap(() => t.fail())(req, res), { instanceOf: TypeError, code });
});
