'use strict';
// tier: run-time

// Buffers that are used past their time, and arenas, checkpoints and scopes past theirs.

const test = require('ava');
const http = require('node:http');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { Hono } = require('hono');
const { Arena, RallocError, backend, requestArena } = require('../..');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');
const { listen } = require('../helpers/server.js');

const at = (code, message) => ({ code, message });

// Those that replace process.emitWarning() are serial: it is one for all.

test('a Buffer that is kept past a reset reads as empty, and a write of a number throws', (t) => {
  const arena = new Arena();
  const kept = arena.from('precious');
  arena.reset();
  t.is(kept.length, 0);
  t.is(kept.toString(), '');
  t.is(kept[0], undefined);
  t.throws(() => kept.writeUInt32LE(1), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
});

test.serial(
  'work that nobody awaited allocates after the response: a warning says which request',
  async (t) => {
    const warned = [];
    const { emitWarning } = process;
    const { requestArena: make } = fresh('express.js');
    const arenas = make();
    const exchange = new Exchange();
    Object.assign(exchange.req, { url: '/report?token=secret' });
    exchange.res.statusCode = 200;
    const arena = exchange.begin(arenas);
    await exchange.finish();
    process.emitWarning = (message, { code }) => warned.push({ code, message });
    try {
      t.is(arena.alloc(10).length, 10);
    } finally {
      process.emitWarning = emitWarning;
    }
    const [{ code, message }] = warned;
    t.is(code, 'RALLOC_USED_LATE');
    t.regex(message, /^GET \/report, answered with 200, allocates after the end of its response/);
    t.regex(message, /Await such work before the response, or hold\(\) it$/);
  },
);

test.serial(
  'Hono without a server: a stream that allocates after its handler is told so, and its Buffers are alive',
  async (t) => {
    const warned = [];
    const { emitWarning } = process;
    const { requestArena: make } = fresh('hono.js');
    const arenas = make();
    const app = new Hono();
    app.use(arenas);
    let early;
    app.get('/stream', (c) => {
      const arena = c.get('arena');
      early = arena.from('early ');
      const chunks = [early, () => arena.from('late')];
      const pull = (controller) => {
        const chunk = chunks.shift();
        if (chunk === undefined) return controller.close();
        controller.enqueue(typeof chunk === 'function' ? chunk() : chunk);
      };
      return c.body(new ReadableStream({ pull }, { highWaterMark: 0 }));
    });
    const response = await app.request('/stream?token=secret');
    process.emitWarning = (message, { code }) => warned.push({ code, message });
    try {
      t.is(await response.text(), 'early late');
    } finally {
      process.emitWarning = emitWarning;
    }
    t.is(early.toString(), 'early ', 'nothing is dead');
    t.deepEqual([arenas.stats().inFlight, arenas.stats().lateBuffers], [0, 1]);
    t.is(warned.length, 1);
    t.is(warned[0].code, 'RALLOC_USED_LATE');
    t.regex(warned[0].message, /^GET \/stream allocates after its end: .*app\.request\(\)/);
    t.notRegex(warned[0].message, /undefined|dead|localhost/);
  },
);

test.serial("with safety: 'gc' nobody is told that Buffers are dead", async (t) => {
  const warned = [];
  const { emitWarning } = process;
  const { requestArena: make } = fresh('express.js');
  const exchange = new Exchange();
  exchange.res.statusCode = 200;
  const arena = exchange.begin(make({ safety: 'gc' }));
  await exchange.finish();
  process.emitWarning = (message) => warned.push(message);
  try {
    arena.alloc(10);
  } finally {
    process.emitWarning = emitWarning;
  }
  t.is(warned.length, 1);
  t.notRegex(warned[0], /dead/);
});

test('a scope returns a Buffer of its own', async (t) => {
  const arena = new Arena();
  const expected = at(
    'ERR_RALLOC_ESCAPED',
    'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena',
  );
  t.throws(() => arena.scope((inner) => inner.alloc(10)), expected);
  await t.throwsAsync(() => arena.scope(async (inner) => inner.alloc(10)), expected);
});

test('the arena of a scope is used after it', (t) => {
  const arena = new Arena();
  let kept;
  arena.scope((inner) => {
    kept = inner;
  });
  t.throws(() => kept.alloc(1), at('ERR_RALLOC_CLOSED', 'The scope of this arena is closed'));
});

test('an arena is used after close()', (t) => {
  const arena = new Arena();
  arena.close();
  t.throws(() => arena.alloc(1), at('ERR_RALLOC_CLOSED', 'The arena is closed'));
});

test('a checkpoint is used twice, after a reset, and in another arena', (t) => {
  const code = 'ERR_RALLOC_STALE_CHECKPOINT';
  const arena = new Arena();
  const spent =
    'The checkpoint is no longer valid: the arena was rewound to it or past it, or was reset';
  const twice = arena.checkpoint();
  arena.rewind(twice);
  t.throws(() => arena.rewind(twice), at(code, spent));
  const reset = arena.checkpoint();
  arena.reset();
  t.throws(() => arena.rewind(reset), at(code, spent));
  const foreign = new Arena().checkpoint();
  t.throws(() => arena.rewind(foreign), at(code, 'The checkpoint belongs to another arena'));
});

test('the arena of a request is closed by hand', (t) => {
  const arena = new Exchange().begin(requestArena());
  t.throws(
    () => arena.close(),
    at(
      'ERR_RALLOC_UNSUPPORTED',
      "A request's arena is closed by its response. reset() releases its memory before that",
    ),
  );
});

test('hold() is given what is no promise', (t) => {
  const message =
    'The "promise" argument must be an instance of Promise. Received function callback';
  t.throws(() => new Arena().hold(function callback() {}), {
    instanceOf: TypeError,
    ...at('ERR_RALLOC_INVALID_ARGUMENT', message),
  });
});

test('a Buffer of an arena is posted to a worker: it gets a copy', async (t) => {
  const arena = new Arena();
  const source = `require('node:worker_threads').parentPort.once('message', (m) => {
    require('node:worker_threads').parentPort.postMessage(Buffer.from(m).toString());
  });`;
  const worker = new Worker(source, { eval: true });
  worker.postMessage(arena.from('precious'));
  arena.reset();
  t.deepEqual(await once(worker, 'message'), ['precious']);
  await worker.terminate();
});

test('an arena itself cannot be posted', (t) => {
  t.is(structuredClone({ arena: {} }).arena.alloc, undefined);
  const clone = structuredClone(new Arena());
  t.is(clone.alloc, undefined, 'what arrives is an empty object');
});

test('in a worker the backend says why it is the fallback', async (t) => {
  const source = `const { backend, backendReason } = require(${JSON.stringify(require.resolve('../..'))});
    require('node:worker_threads').parentPort.postMessage({ backend, backendReason });`;
  const worker = new Worker(source, { eval: true });
  const [told] = await once(worker, 'message');
  t.deepEqual(told, {
    backend: 'js',
    backendReason: 'arenas in worker threads have memory of V8',
  });
  await worker.terminate();
  t.true(['native', 'js'].includes(backend));
});

test('events at shutdown: close() with a deadline says how many requests are left', async (t) => {
  const arenas = requestArena();
  const server = http.createServer((req, res) =>
    arenas(req, res, () => res.write(req.arena.from('data: 1\n\n'))),
  );
  const port = await listen(server);
  const request = http.get({ port, host: '127.0.0.1' });
  request.on('error', () => {});
  const [response] = await once(request, 'response');
  await once(response, 'data');
  response.on('error', () => {});
  t.is(await arenas.close({ timeoutMs: 10 }), 1);
  server.close();
  server.closeAllConnections();
  t.is(await arenas.close({ timeoutMs: 100_000 }), 0);
});

test('two copies of ralloc: errors of either are RallocErrors of both', (t) => {
  const other = fresh('index.js');
  t.not(other.RallocError, RallocError);
  const arena = new other.Arena();
  arena.close();
  const error = t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_CLOSED' });
  t.true(error instanceof RallocError);
  t.true(error instanceof other.RallocError);
});
