'use strict';
// tier: run-time, differs

// HTTP/2 through its compatibility API, in clear: a stream is a request, and a session has many at once.

const test = require('ava');
const { once } = require('node:events');
const http2 = require('node:http2');
const { listen, listener, assertSettled } = require('../helpers/server.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');
const { requestArena } = require('../../lib/index.js');

const idOf = (req) => Number(req.url.slice(1));

async function serve(t, handler, before = []) {
  const arenas = requestArena();
  const server = http2.createServer(listener('node:http', [...before, arenas], handler));
  const port = await listen(server);
  const sessions = [];
  const connect = async () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    sessions.push(session);
    await once(session, 'connect');
    return session;
  };
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { arenas, connect, over: () => until(() => arenas.stats().inFlight === 0) };
}

function open(session, path) {
  const stream = session.request({ ':path': path });
  stream.on('error', () => {});
  return stream;
}

async function get(session, path) {
  const parts = [];
  for await (const part of open(session, path)) parts.push(part);
  return Buffer.concat(parts);
}

test('many streams at once, each with the bytes of its own', async (t) => {
  const ledger = new Ledger();
  const { arenas, connect, over } = await serve(t, (req, res) => {
    const id = idOf(req);
    res.write(ledger.stamp(id, req.arena.allocUnsafe(100_000)));
    res.end(ledger.stamp(id, req.arena.allocUnsafe(20_000 + id)));
  });
  const session = await connect();
  for (let round = 0; round < 4; round++) {
    const ids = Array.from({ length: 25 }, (_, i) => round * 25 + i);
    const bodies = await Promise.all(ids.map((id) => get(session, `/${id}`)));
    for (const [i, body] of bodies.entries()) {
      t.is(body.length, 120_000 + ids[i]);
      sameAnswer(t, ids[i], body);
    }
  }
  await over();
  t.deepEqual(ledger.alive(), []);
  t.is(arenas.stats().finished, 100);
  assertSettled(t, arenas);
});

test('streams that are reset, and sessions that are destroyed', async (t) => {
  const ledger = new Ledger();
  const begun = [];
  const { arenas, connect, over } = await serve(t, (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(id < 10 ? 500_000 : 30_000));
    begun.push(id);
    if (id % 3 === 1 || id >= 10) res.end(buffer);
    else if (id % 3 === 2) res.write(buffer);
  });
  for (let id = 0; id < 9; id++) {
    const session = await connect();
    const stream = open(session, `/${id}`);
    await until(() => begun.includes(id));
    if (id < 4) stream.close(http2.constants.NGHTTP2_CANCEL);
    else session.destroy();
    await over();
  }
  const session = await connect();
  for (let id = 10; id < 30; id++) sameAnswer(t, id, await get(session, `/${id}`));
  await over();
  ledger.assertOwn(t);
  const { requests, finished, aborted } = arenas.stats();
  t.is(requests, 29);
  t.is(finished + aborted, 29);
  t.true(aborted >= 6, `${aborted} were not finished`);
  assertSettled(t, arenas);
});

// Node finishes the writable side of a stream that is reset, and of a HEAD at its beginning.
const resets = {
  'is cancelled': (stream) => stream.close(http2.constants.NGHTTP2_CANCEL),
  'is closed without an error': (stream) => stream.close(http2.constants.NGHTTP2_NO_ERROR),
  'is destroyed': (stream) => stream.destroy(),
  'ends with its session': (stream) => stream.session.destroy(),
};
for (const method of ['GET', 'HEAD', 'POST']) {
  for (const [how, reset] of Object.entries(resets)) {
    test(`a ${method} that ${how} before its answer leaves the handler its bytes`, async (t) => {
      let buffer;
      const { arenas, connect, over } = await serve(t, (req, res) => {
        buffer = req.arena.alloc(1000).fill(7);
        if (method === 'POST') res.write(req.arena.alloc(10));
      });
      const session = await connect();
      const stream = session.request({ ':method': method, ':path': '/1' });
      stream.on('error', () => {});
      await until(() => buffer !== undefined);
      reset(stream);
      await over();
      t.is(buffer.length, 1000);
      t.true(buffer.every((byte) => byte === 7));
      const { finished, aborted } = arenas.stats();
      t.deepEqual({ finished, aborted }, { finished: 0, aborted: 1 });
    });
  }
}

test('a stream that is closed when the middleware runs', async (t) => {
  let late = null;
  const wait = async (_req, res, next) => {
    await once(res.stream, 'close');
    next();
  };
  const handler = (req, res) => {
    late = req.arena.from('late');
    res.end(late);
  };
  const { arenas, connect, over } = await serve(t, handler, [wait]);
  const session = await connect();
  const stream = open(session, '/1');
  setImmediate(() => stream.close(http2.constants.NGHTTP2_CANCEL));
  await until(() => late !== null);
  await over();
  t.is(late.toString(), 'late');
  const { requests, aborted, lateBuffers } = arenas.stats();
  t.deepEqual([requests, aborted, lateBuffers], [1, 1, 1]);
  assertSettled(t, arenas);
});

test('HEAD and 204', async (t) => {
  const { arenas, connect, over } = await serve(t, (req, res) => {
    if (req.url === '/204') res.statusCode = 204;
    res.end(req.method === 'HEAD' || req.url === '/204' ? undefined : req.arena.alloc(10));
    req.arena.alloc(1000);
  });
  const session = await connect();
  for (const [path, method] of [
    ['/204', 'GET'],
    ['/200', 'HEAD'],
  ]) {
    const stream = session.request({ ':path': path, ':method': method });
    stream.resume();
    await once(stream, 'close');
  }
  await over();
  t.is(arenas.stats().finished, 2);
  assertSettled(t, arenas);
});
