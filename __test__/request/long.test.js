'use strict';
// tier: run-time

// Requests that have their arenas for a minute, or for `warnAfterMs`, are told of, each once, and by which they are. No minute is
// waited for.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');
const { until } = require('../helpers/until.js');

const MINUTE = 60_000;

/** A middleware of a fresh ralloc in time of its own: the requests that are begun in it, and what it warned of. */
function middleware(options) {
  const clock = new Clock();
  const warned = [];
  const { requestArena } = clock.use(() =>
    fresh('express.js', {
      'memory/malloc-trim.js': { watch() {}, stats() {} }, // whose timer is another one
      'base/warnings.js': { warnOnce: (code, detail) => warned.push({ code, ...detail }) },
    }),
  );
  const arenas = requestArena(options);
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
  const tickers = (period = 1000) => {
    clock.pass(0);
    return clock.timers.filter(({ every }) => every === period).length;
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

test('the minute begins with the first allocation, and not again with those after it', (t) => {
  const { clock, begin, told } = middleware();
  const waiting = begin('/waiting', 0);
  clock.pass(2 * MINUTE);
  waiting.arena.alloc(8);
  clock.pass(MINUTE - 1);
  t.deepEqual(told(), []);
  waiting.arena.alloc(1024 * 1024); // in another span
  clock.pass(1001);
  t.deepEqual(told(), [warning('GET /waiting', 1024 * 1024 + 8)]);
  begin('/next', 8);
  clock.pass(MINUTE + 1000);
  t.deepEqual(told(), [warning('GET /next', 8)]);
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

test('a request that is alone is told of, whoever was alone before it', (t) => {
  const { clock, begin, told } = middleware();
  begin('/over', 10).end();
  begin('/long', 10);
  clock.pass(MINUTE + 1000);
  t.deepEqual(told(), [warning('GET /long', 16)]);
});

test('of several each that is left is told of, once', (t) => {
  const { clock, begin, told } = middleware();
  const first = begin('/first', 10);
  begin('/second', 10);
  begin('/third', 10);
  clock.pass(MINUTE - 1000);
  first.end();
  clock.pass(2000);
  t.deepEqual(told(), [warning('GET /second', 16), warning('GET /third', 16)]);
  clock.pass(3 * MINUTE);
  t.deepEqual(told(), []);
});

test('ten requests of a middleware are told of, and all are counted', (t) => {
  const { arenas, clock, begin, told } = middleware();
  for (let i = 0; i < 25; i++) begin(`/${i}`, 8);
  clock.pass(MINUTE + 1000);
  t.deepEqual(
    told(),
    Array.from({ length: 10 }, (_, i) => warning(`GET /${i}`, 8)),
  );
  t.is(arenas.stats().longRequests, 25);
});

test('warnAfterMs says when, and how often the clock is read', (t) => {
  for (const [warnAfterMs, every] of [
    [1, 10],
    [40, 40],
    [1500, 1000],
    [120_000, 1000],
  ]) {
    const { clock, begin, tickers, told } = middleware({ warnAfterMs });
    begin('/long', 8);
    t.is(tickers(every), 1);
    clock.pass(warnAfterMs - 1);
    t.deepEqual(told(), []);
    clock.pass(2 * every + 1);
    t.deepEqual(told(), [{ ...warning('GET /long', 8), seconds: warnAfterMs / 1000 }]);
  }
});

test('the warning names the method and the path, in real time', async (t) => {
  const arenas = require('../../lib/index.js').requestArena({ warnAfterMs: 20 });
  const exchange = new Exchange();
  Object.assign(exchange.req, { method: 'POST', url: '/slow?token=secret' });
  exchange.begin(arenas).alloc(100);
  const warned = [];
  process.on('warning', (warning) => warned.push(warning));
  await until(() => warned.length > 0);
  t.is(warned[0].code, 'RALLOC_LEASED_LONG');
  t.regex(warned[0].message, /^POST \/slow has had its arena for 0\.02 s, .* 104 B /);
  t.is(arenas.stats().longRequests, 1);
  await exchange.finish();
});

test('warnAfterMs: 0 warns never', (t) => {
  const { arenas, clock, begin, told } = middleware({ warnAfterMs: 0 });
  begin('/long', 8);
  clock.pass(10 * MINUTE);
  t.deepEqual(told(), []);
  t.is(arenas.stats().longRequests, 0);
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
