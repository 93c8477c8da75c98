'use strict';
// tier: run-time, differs

// When a request counts as over, and as finished: in every order of events, on responses without a server.

const test = require('ava');
const { EventEmitter } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const { Socket } = require('node:net');
const { Clock } = require('../helpers/clock.js');
const { Exchange, closeCarrier } = require('../helpers/exchange.js');
const { untilCollected } = require('../helpers/until.js');
const { requestArena } = require('../../lib/index.js');

const counts = (arenas) => {
  const { inFlight, finished, aborted } = arenas.stats();
  return { inFlight, finished, aborted };
};

test('a response that closes finished is finished, any other is aborted', async (t) => {
  const arenas = requestArena();
  const finished = new Exchange();
  const buffer = finished.begin(arenas).alloc(10);
  await finished.finish();
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 1, aborted: 0 });
  t.is(buffer.length, 0);

  const ended = new Exchange();
  const other = ended.begin(arenas).alloc(10);
  ended.res.writableEnded = true; // and not sent
  await ended.close();
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 1, aborted: 1 });
  t.is(other.length, 10, 'what may be in flight stays');
});

test('the release waits for the other listeners of close', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  const buffer = exchange.begin(arenas).alloc(10);
  let seen;
  exchange.res.on('close', () => {
    seen = buffer.length;
  });
  exchange.res.writableFinished = true;
  exchange.res.emit('close');
  t.is(seen, 10);
  t.is(buffer.length, 10, 'and for the end of their turn');
  await turn();
  t.is(buffer.length, 0);
});

/** Every order of the numbers below `count`. */
function orders(count) {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => order.toSpliced(at, 0, count - 1)),
  );
}

test('of the requests on a socket any may end, and its close ends those that are left', async (t) => {
  const all = orders(4);
  t.is(all.length, 24);
  for (const order of all) {
    for (let ending = 0; ending <= 4; ending++) {
      const arenas = requestArena();
      const socket = new EventEmitter();
      const exchanges = [0, 1, 2, 3].map(() => new Exchange(socket));
      for (const exchange of exchanges) exchange.begin(arenas);
      for (const i of order.slice(0, ending)) await exchanges[i].finish();
      await closeCarrier(socket);
      const expected = { inFlight: 0, finished: ending, aborted: 4 - ending };
      t.deepEqual(counts(arenas), expected, `${order}, ${ending} end`);
    }
  }
});

test('a response that closes twice, and with its socket, is over once', async (t) => {
  const arenas = requestArena();
  const socket = new EventEmitter();
  const exchanges = [0, 1, 2].map(() => new Exchange(socket));
  for (const exchange of exchanges) exchange.begin(arenas);
  const [, twice] = exchanges;
  await twice.finish();
  await twice.finish();
  t.deepEqual(counts(arenas), { inFlight: 2, finished: 1, aborted: 0 });
  await closeCarrier(socket);
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 1, aborted: 2 });
  await exchanges[0].close();
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 1, aborted: 2 });
});

test('a response that closes just after its socket decides for itself', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  exchange.begin(arenas);
  exchange.carrier.emit('close');
  process.nextTick(() => exchange.finish());
  await turn();
  await turn();
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 1, aborted: 0 });
});

test('a request that is over is not kept by its socket', async (t) => {
  const arenas = requestArena();
  const socket = new EventEmitter();
  const other = new Exchange(socket);
  other.begin(arenas);
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  await (async () => {
    for (let i = 0; i < 3; i++) {
      const exchange = new Exchange(socket);
      registry.register(exchange.begin(arenas));
      await exchange.finish();
    }
  })();
  await untilCollected(() => gone === 3);
  t.is(socket.listenerCount('close'), 1, 'one listener for all');
  t.is(arenas.stats().inFlight, 1);
  await other.close();
});

test('an HTTP/2 request ends with its stream, not with the socket of the session', async (t) => {
  const arenas = requestArena();
  const stream = new EventEmitter();
  const exchange = new Exchange(stream, 2);
  exchange.req.socket = new EventEmitter();
  exchange.begin(arenas);
  await closeCarrier(exchange.req.socket);
  t.is(arenas.stats().inFlight, 1);
  await closeCarrier(stream);
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 0, aborted: 1 });
});

const over = {
  closed: ({ res }) => {
    res.closed = true;
  },
  destroyed: ({ res }) => {
    res.destroyed = true;
  },
  'on a destroyed socket': ({ carrier }) => {
    carrier.destroyed = true;
  },
};

for (const [what, bring] of Object.entries(over)) {
  test(`a response that is ${what} before the middleware runs was aborted`, (t) => {
    const arenas = requestArena();
    const exchange = new Exchange();
    bring(exchange);
    const arena = exchange.begin(arenas);
    t.deepEqual(counts(arenas), { inFlight: 0, finished: 0, aborted: 1 });
    t.false(arena.stats().live);
    t.is(exchange.res.listenerCount('close'), 0);
  });
}

test('a request without a socket ends with its response', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  exchange.req.socket = undefined;
  exchange.begin(arenas);
  await exchange.finish();
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 1, aborted: 0 });
});

const ENOTCONN = -107;

/** A request on a socket whose handle answers so when it is asked for its peer, some time ago. Gives its counts, and what its Buffer shows. */
async function whenAsked({ encrypted = true, handle, passed, then = () => {} }) {
  const clock = new Clock();
  const arenas = requestArena();
  const socket = Object.assign(new Socket(), { encrypted, _handle: handle });
  let buffer;
  clock.use(() => {
    buffer = new Exchange(socket).begin(arenas).allocUnsafe(10);
  });
  await turn();
  clock.pass(passed);
  await turn();
  then(clock, socket);
  return { ...counts(arenas), length: buffer.length };
}

const open = { inFlight: 1, finished: 0, aborted: 0, length: 10 };
const gone = { getpeername: () => ENOTCONN };

test('over TLS a response whose peer has gone is aborted after five seconds at most', async (t) => {
  t.deepEqual(await whenAsked({ handle: gone, passed: 4999 }), open);
  t.deepEqual(await whenAsked({ handle: gone, passed: 5000 }), {
    ...open,
    inFlight: 0,
    aborted: 1,
  });
});

test('a peer that is there, one that cannot be asked for, and one without TLS are waited for', async (t) => {
  const there = { getpeername: () => 0 };
  t.deepEqual(await whenAsked({ handle: there, passed: 50_000 }), open);
  t.deepEqual(await whenAsked({ handle: {}, passed: 50_000 }), open);
  t.deepEqual(await whenAsked({ handle: gone, passed: 50_000, encrypted: false }), open);
});

test('nobody asks for the peer of a connection that has closed', async (t) => {
  let asked = 0;
  const handle = { getpeername: () => asked++ * 0 };
  const then = (clock, socket) => {
    t.is(asked, 1);
    clock.use(() => socket.emit('close'));
    clock.pass(50_000);
    t.is(asked, 1);
  };
  await whenAsked({ handle, passed: 5000, then });
});
