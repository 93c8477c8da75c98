'use strict';

// A request that has its arena for a minute is told of, once, and by which it is. The minute is not waited for.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');

const MINUTE = 60_000;

/** A middleware of a fresh ralloc in time of its own: the requests that are begun in it, and what it warned of. */
function middleware() {
  const clock = new Clock();
  const warned = [];
  const { requestArena } = clock.use(() =>
    fresh('express.js', {
      'base/warnings.js': { warnOnce: (code, detail) => warned.push({ code, ...detail }) },
    }),
  );
  const arenas = requestArena();
  const begin = (url, bytes) => {
    const exchange = new Exchange();
    Object.assign(exchange.req, { url });
    const arena = clock.use(() => exchange.begin(arenas));
    if (bytes > 0) arena.alloc(bytes);
    const end = () => {
      exchange.res.writableFinished = true;
      clock.use(() => arenas.end(exchange.req));
    };
    return { arena, end };
  };
  const tickers = () => {
    clock.pass(0);
    return clock.timers.filter(({ every }) => every === 1000).length;
  };
  return { clock, arenas, begin, tickers, told: () => warned.splice(0) };
}

const warning = (request, bytes) => ({ code: 'RALLOC_LEASED_LONG', request, bytes, seconds: 60 });

test('after a minute, and not before, a request is told of by its method and path', (t) => {
  const { clock, begin, told } = middleware();
  begin('/events?token=secret', 100);
  clock.pass(MINUTE - 1);
  t.deepEqual(told(), []);
  clock.pass(1001);
  t.deepEqual(told(), [warning('GET /events', 104)]);
});

test('requests that began at any time of a second are told of within a second', (t) => {
  for (const ms of [1, 500, 999]) {
    const { clock, begin, told } = middleware();
    begin('/first', 0);
    clock.pass(ms);
    begin('/second', 8);
    clock.pass(MINUTE - 1);
    t.deepEqual(told(), [], `${ms} ms`);
    clock.pass(1001);
    t.deepEqual(told(), [warning('GET /second', 8)], `${ms} ms`);
  }
});

test('who is over, has reset its arena, or has nothing in it is not told of', (t) => {
  const { clock, begin, told } = middleware();
  const [first, middle, last] = ['/first', '/middle', '/last'].map((url) => begin(url, 10));
  const stream = begin('/stream', 10);
  begin('/idle', 0);
  middle.end();
  last.end();
  first.end();
  stream.arena.reset();
  stream.arena.alloc(10);
  clock.pass(3 * MINUTE);
  t.deepEqual(told(), []);
  begin('/long', 10);
  clock.pass(MINUTE + 1000);
  t.deepEqual(told(), [warning('GET /long', 16)], 'those before it are behind');
});

test('of several the oldest that is left is told of', (t) => {
  const { clock, begin, told } = middleware();
  const first = begin('/first', 10);
  begin('/second', 10);
  begin('/third', 10);
  clock.pass(MINUTE - 1000);
  first.end();
  clock.pass(2000);
  t.deepEqual(told(), [warning('GET /second', 16)]);
});

test('the timer is there while requests are in flight', async (t) => {
  const { clock, arenas, begin, tickers } = middleware();
  t.is(tickers(), 0, 'none without requests');
  begin('/quick', 0).end();
  begin('/again', 0).end();
  t.is(tickers(), 1);
  clock.pass(1000);
  t.is(tickers(), 0, 'it ends with them');
  begin('/more', 0).end();
  t.is(tickers(), 1);
  await clock.use(() => arenas.close());
  t.is(tickers(), 0, 'close() ends it');
});
