'use strict';
// tier: run-time, differs

// When a request counts as over, and as finished: in every order of events, on responses without a server.

const test = require('ava');
const { EventEmitter, once } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const net = require('node:net');
const { Socket } = require('node:net');
const http = require('node:http');
const http2 = require('node:http2');
const stream = require('node:stream');
const { Client } = require('../helpers/client.js');
const { Clock } = require('../helpers/clock.js');
const { Exchange, closeCarrier } = require('../helpers/exchange.js');
const { Http2Client } = require('../helpers/http2-client.js');
const { untilCollected, until } = require('../helpers/until.js');
const { requestArena, Arena } = require('../../lib/index.js');
const { assertSettled, serveOnly } = require('../helpers/server.js');

const counts = (arenas) => {
  const { inFlight, finished, aborted } = arenas.stats();
  return { inFlight, finished, aborted };
};

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

/** Three requests on a socket, until they are over and collected. */
async function untilThreeAreGone(arenas, socket, during = () => {}) {
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  await (async () => {
    for (let i = 0; i < 3; i++) {
      const exchange = new Exchange(socket);
      registry.register(exchange.begin(arenas));
      during(exchange);
      await exchange.finish();
    }
  })();
  await untilCollected(() => gone === 3);
}

test('a request that is over is not kept by its socket', async (t) => {
  const arenas = requestArena();
  const socket = new EventEmitter();
  const other = new Exchange(socket);
  other.begin(arenas);
  await untilThreeAreGone(arenas, socket);
  t.is(socket.listenerCount('close'), 1, 'one listener for all');
  t.is(arenas.stats().inFlight, 1);
  await other.close();
});

test('a request that is over is not kept by who still has the listeners of its response, as arrays that V8 made old', async (t) => {
  const arenas = requestArena();
  const socket = new EventEmitter();
  const kept = [];
  await untilThreeAreGone(arenas, socket, ({ res }) => kept.push(res.listeners('close')));
  t.is(kept.flat().length, 3);
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 3, aborted: 0 });
});

test("a request ends with its response where a Proxy that calls its methods stands in the place of Node's", async (t) => {
  const arenas = requestArena();
  const get = (target, name) => {
    const value = target[name];
    return typeof value === 'function' ? value.bind(target) : value;
  };
  const port = await serveOnly(t, (req, res) => {
    const own = new Proxy(res, { get });
    arenas(req, own, () => own.end(req.arena.from('the answer')));
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); // the socket, which would end it too, stays
  t.teardown(() => agent.destroy());
  for (let n = 1; n <= 3; n++) {
    const [res] = await once(http.get({ port, agent }), 'response');
    t.is(Buffer.concat(await res.toArray()).toString(), 'the answer');
    await until(() => arenas.stats().finished === n);
  }
  t.is(arenas.stats().inFlight, 0);
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

test('a response that is closed, destroyed, or on a destroyed socket before the middleware runs was aborted', (t) => {
  for (const [what, bring] of Object.entries(over)) {
    const arenas = requestArena();
    const exchange = new Exchange();
    bring(exchange);
    const arena = exchange.begin(arenas);
    t.deepEqual(counts(arenas), { inFlight: 0, finished: 0, aborted: 1 }, what);
    t.false(arena.stats().live);
    t.is(exchange.res.listenerCount('close'), 0);
  }
});

for (const [name, make, Own] of [
  ['HTTP/1', http.createServer, Client],
  ['HTTP/2', http2.createServer, Http2Client],
]) {
  test(`${name}: a client that goes away before the middleware runs leaves the handler its Buffers`, async (t) => {
    const arenas = requestArena();
    let begun = false;
    let late;
    const server = make(async (req, res) => {
      begun = true;
      await new Promise((closed) => (res.stream ?? res).once('close', closed));
      arenas(req, res, () => {
        late = req.arena.from('late');
        res.end(late);
      });
    });
    const client = await Own.connect(await serveOnly(t, server));
    client.send('/');
    await until(() => begun);
    await client.reset();
    await until(() => late !== undefined);
    t.is(late.toString(), 'late');
    t.like(arenas.stats(), { requests: 1, inFlight: 0, aborted: 1, lateBuffers: 1 });
    assertSettled(t, arenas);
  });
}

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

// Responses that no socket carries: a test's injection, a function in a cloud, a stream in memory. They may never emit
// `close`, and what was written to them may be read later.

/** The two halves of a connection in memory, each giving its chunks to the other by reference. */
function pair() {
  if (stream.duplexPair !== undefined) return stream.duplexPair();
  const halves = [];
  for (const other of [1, 0]) {
    halves.push(
      new stream.Duplex({
        read() {},
        write(chunk, _encoding, done) {
          halves[other].push(chunk);
          done();
        },
      }),
    );
  }
  return halves;
}

/** The body of a response as it came, headers and all. */
function bodyOf(parts) {
  const bytes = Buffer.concat(parts);
  return bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
}

const isAll = (bytes, byte, length) =>
  bytes.length === length && bytes.every((one) => one === byte);

test('a body that waits in memory for its reader arrives as it was written', async (t) => {
  const arenas = requestArena();
  const server = http.createServer((req, res) =>
    arenas(req, res, () => res.end(req.arena.alloc(10_000).fill(req.url.slice(1)))),
  );
  const clients = ['a', 'b', 'c'].map((letter) => {
    const [theirs, ours] = pair();
    server.emit('connection', theirs);
    ours.write(`GET /${letter} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    return { letter, ours };
  });
  await until(() => arenas.stats().finished === 3);
  for (const { letter, ours } of clients) {
    const parts = [];
    ours.on('data', (part) => parts.push(part));
    await until(() => parts.reduce((sum, { length }) => sum + length, 0) > 10_000);
    t.true(isAll(bodyOf(parts), letter.charCodeAt(0), 10_000));
  }
  assertSettled(t, arenas);
});

/** A response over a stream that keeps the chunks it was given. */
function overWritable() {
  const chunks = [];
  const req = new http.IncomingMessage(new net.Socket());
  Object.assign(req, { method: 'GET', url: '/' });
  const res = new http.ServerResponse(req);
  res.setHeader('Content-Length', 10_000);
  res.assignSocket(
    new stream.Writable({
      write(chunk, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    }),
  );
  return { req, res, chunks };
}

test('a response over a stream is over at its finish, and what the stream has keeps its bytes', async (t) => {
  const arenas = requestArena();
  const kept = [];
  for (let i = 0; i < 50; i++) {
    const { req, res, chunks } = overWritable();
    arenas(req, res, () => res.end(req.arena.alloc(10_000).fill(i + 1)));
    await until(() => arenas.stats().inFlight === 0);
    kept.push(chunks);
  }
  for (const [i, chunks] of kept.entries()) t.true(isAll(bodyOf(chunks), i + 1, 10_000));
  const { finished, aborted } = arenas.stats();
  t.deepEqual([finished, aborted], [50, 0]);
  t.true(arenas.stats().memory.quarantined > 0);
  kept.length = 0;
  assertSettled(t, arenas);
});

test('memory that a stream no longer has is used again', async (t) => {
  const arenas = requestArena();
  const one = async () => {
    const { req, res, chunks } = overWritable();
    arenas(req, res, () => res.end(req.arena.alloc(10_000)));
    await until(() => arenas.stats().inFlight === 0);
    return chunks;
  };
  const waits = async () => {
    const chunks = await one();
    return arenas.stats().memory.quarantined > 0 && chunks.length > 0;
  };
  t.true(await waits(), 'while the stream has it');
  await untilCollected(() => arenas.stats().memory.quarantined === 0);
  assertSettled(t, arenas);
});

test('a response that closes before its finish was aborted, without a socket too', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange(new EventEmitter());
  const buffer = exchange.begin(arenas).alloc(10);
  await exchange.close();
  const { finished, aborted } = arenas.stats();
  t.deepEqual([finished, aborted], [0, 1]);
  exchange.res.emit('finish');
  await exchange.close();
  t.is(arenas.stats().finished, 0, 'and is over once');
  t.is(buffer.length, 10);
});

test('on a socket `finish` is not the end: the kernel has the bytes at `close`', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  exchange.begin(arenas).alloc(10);
  t.is(exchange.res.listenerCount('finish'), 0);
  exchange.res.socket = null; // pipelined behind another
  const behind = new Exchange(exchange.carrier);
  behind.res.socket = null;
  const buffer = behind.begin(arenas).alloc(10);
  await behind.finish();
  t.is(buffer.length, 0, 'detached');
  await exchange.finish();
  t.is(arenas.stats().finished, 2);
});

test('end(req) ends a request whose response tells nothing', (t) => {
  const arenas = requestArena({ property: 'memory' });
  const silent = () => {
    const exchange = new Exchange();
    exchange.req.socket = undefined;
    exchange.begin(arenas);
    exchange.req.memory.alloc(0);
    exchange.res.writableFinished = true;
    return exchange;
  };
  const { req } = silent();
  const buffer = req.memory.alloc(10).fill(7);
  t.is(arenas.stats().inFlight, 1);
  t.true(arenas.end(req));
  t.is(arenas.stats().finished, 1);
  t.true(isAll(buffer, 7, 10), 'what the transport may have stays');
  t.is(req.memory.alloc(10).length, 10);
  t.is(arenas.stats().lateBuffers, 1);
  t.false(arenas.end(req), 'twice is as once');

  const other = silent();
  const dead = other.req.memory.alloc(10);
  other.req.memory.reset(); // the transport has copied it
  t.true(arenas.end(other.req));
  t.is(dead.length, 0);
  t.is(arenas.stats().finished, 2);
  assertSettled(t, arenas);
});

test('end(req) and the events of the response, in any order, end a request once', async (t) => {
  const arenas = requestArena();
  const socket = new net.Socket();
  const exchanges = [0, 1, 2, 3].map(() => new Exchange(socket));
  const buffers = exchanges.map((exchange) => exchange.begin(arenas).alloc(10));
  const [first, second, , fourth] = exchanges;
  fourth.res.writableFinished = true;
  t.true(arenas.end(fourth.req));
  second.res.emit('close');
  t.true(arenas.end(second.req), 'between the close and its release');
  t.true(arenas.end(first.req));
  await first.finish();
  t.deepEqual(counts(arenas), { inFlight: 1, finished: 3, aborted: 0 });
  await closeCarrier(socket);
  t.deepEqual(counts(arenas), { inFlight: 0, finished: 3, aborted: 1 });
  const lengths = buffers.map(({ length }) => length);
  t.deepEqual(lengths, [10, 10, 10, 0], 'the kernel has what was sent, and nothing else is sure');
  assertSettled(t, arenas);
});

test('end() of what is no request of a middleware does nothing, or is an error', (t) => {
  const arenas = requestArena();
  t.false(arenas.end({}));
  t.false(arenas.end({ arena: 'of somebody else' }));
  const arena = new Arena();
  t.false(arenas.end({ arena }));
  t.true(arena.stats().live);
  arena.close();
  for (const wrong of [undefined, null, 1, 'req']) {
    t.throws(() => arenas.end(wrong), {
      instanceOf: TypeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
    });
  }
});

test('close() resolves where a response took no listener', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  exchange.res.on = () => {
    throw new RangeError('Maximum call stack size exceeded');
  };
  t.throws(() => exchange.begin(arenas), { message: /call stack/ });
  await arenas.close();
  t.is(arenas.stats().inFlight, 0);
});

test('a request whose response takes no listener has not begun', (t) => {
  const arenas = requestArena();
  const socket = new Socket();
  const begin = (res) => {
    const { req } = Object.assign(new Exchange(socket), { res });
    arenas(req, res, () => req.arena.allocUnsafe(10));
    return req;
  };
  const { res } = new Exchange();
  res.on = () => {
    throw new RangeError('Maximum call stack size exceeded');
  };
  t.throws(() => begin(res), { message: /call stack/ });
  t.true(arenas.end(begin(new Exchange().res)));
  const { inFlight, aborted, memory } = arenas.stats();
  t.deepEqual({ inFlight, aborted, leased: memory.leased }, { inFlight: 0, aborted: 0, leased: 0 });
});
