'use strict';
// tier: run-time

// Buffers that are used past their time, and arenas, checkpoints, scopes and slabs past theirs: what each error says.

const test = require('ava');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { Hono } = require('hono');
const { Arena, Slab, backend, requestArena, slab: shared } = require('../..');
const { Exchange } = require('../helpers/exchange.js');
const { fresh } = require('../helpers/fresh.js');

// Those that replace process.emitWarning() are serial: it is one for all.

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

const slabOf = (options) => new Slab({ sizes: [64], count: 2, ...options });
const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const FOREIGN = 'ERR_RALLOC_FOREIGN_BUFFER';
const SPENT =
  'The checkpoint is no longer valid: the arena was rewound to it or past it, or was reset';

/** Each mistake, with the code and the text of its error. */
const mistakes = {
  'a scope returns a Buffer of its own': [
    () => new Arena().scope((inner) => inner.alloc(10)),
    'ERR_RALLOC_ESCAPED',
    'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena',
  ],
  'the arena of a scope is used after it'() {
    let kept;
    new Arena().scope((inner) => {
      kept = inner;
    });
    return [() => kept.alloc(1), 'ERR_RALLOC_CLOSED', 'The scope of this arena is closed'];
  },
  'an arena is used after close()'() {
    const arena = new Arena();
    arena.close();
    return [() => arena.alloc(1), 'ERR_RALLOC_CLOSED', 'The arena is closed'];
  },
  'a checkpoint is used twice'() {
    const arena = new Arena();
    const twice = arena.checkpoint();
    arena.rewind(twice);
    return [() => arena.rewind(twice), 'ERR_RALLOC_STALE_CHECKPOINT', SPENT];
  },
  'a checkpoint is used in another arena': [
    () => new Arena().rewind(new Arena().checkpoint()),
    'ERR_RALLOC_STALE_CHECKPOINT',
    'The checkpoint belongs to another arena',
  ],
  'the arena of a request is closed by hand': [
    () => new Exchange().begin(requestArena()).close(),
    'ERR_RALLOC_UNSUPPORTED',
    "A request's arena is closed by its response. reset() releases its memory before that",
  ],
  'hold() is given what is no promise': [
    () => new Arena().hold(function callback() {}),
    INVALID,
    'The "promise" argument must be an instance of Promise. Received function callback',
  ],
  'a Buffer of a slab is freed twice'() {
    const slab = slabOf();
    const buffer = slab.alloc(10);
    slab.free(buffer);
    const message =
      'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed';
    return [() => slab.free(buffer), 'ERR_RALLOC_DOUBLE_FREE', message];
  },
  'a Buffer that was sent is freed'() {
    const slab = slabOf();
    const buffer = slab.alloc(10);
    slab.send(buffer);
    const message = 'The Buffer was sent. The thread that receives it frees it';
    return [() => slab.free(buffer), 'ERR_RALLOC_DOUBLE_FREE', message];
  },
  'a view is freed, and not the Buffer'() {
    const slab = slabOf();
    const message = 'The Buffer is a view of a slab Buffer. Free the Buffer that alloc() returned';
    return [() => slab.free(slab.alloc(10).subarray(2)), FOREIGN, message];
  },
  "an arena's Buffer is freed": [
    () => slabOf().free(new Arena().alloc(10)),
    FOREIGN,
    'The Buffer does not belong to a slab',
  ],
  "another slab's Buffer is freed": [
    () => slabOf().free(slabOf().alloc(10)),
    FOREIGN,
    'The Buffer belongs to another slab',
  ],
  'what is no Buffer is freed': [
    () => slabOf().free('buffer'),
    INVALID,
    `The "buffer" argument must be an instance of Buffer. Received type string ('buffer')`,
  ],
  'Buffers of a slab are never freed'() {
    const slab = slabOf();
    for (let i = 0; i < 2; i++) slab.alloc(1);
    const message =
      'No slot is free for 10 bytes: 128 of 128 bytes are in use in the pools that fit. Raise "count", or free Buffers first';
    return [() => slab.alloc(10), 'ERR_RALLOC_EXHAUSTED', message];
  },
  'a size is larger than every slot': [
    () => slabOf().alloc(65),
    INVALID,
    'The value of "size" is out of range. It must be an integer >= 0 and <= 64. Received 65',
  ],
  'a slab is closed while a Buffer is in use'() {
    const slab = slabOf();
    slab.alloc(10);
    const message =
      '1 Buffer of the slab is in use. Free all Buffers first, or close({ force: true })';
    return [() => slab.close(), 'ERR_RALLOC_IN_USE', message];
  },
  'a slab is used after close()'() {
    const slab = slabOf();
    slab.close();
    return [() => slab.alloc(1), 'ERR_RALLOC_CLOSED', 'The slab is closed'];
  },
  'the default slab is closed': [
    () => shared.close(),
    'ERR_RALLOC_UNSUPPORTED',
    'The default slab cannot be closed. To close one, create a slab of your own',
  ],
  'use() returns its Buffer': [
    () => slabOf().use(10, (buffer) => buffer.subarray(1)),
    'ERR_RALLOC_ESCAPED',
    'The function returned the Buffer of use(), which is freed now. Return a copy: Buffer.from(buffer)',
  ],
  'a token is received twice'() {
    const slab = slabOf();
    const token = slab.send(slab.alloc(10));
    slab.free(slab.receive(token));
    const message =
      'The token was received or revoked before, its sender died too long ago, or it is of another slab. A token is received once, by one thread, and revoked by its sender alone';
    return [() => slab.receive(token), 'ERR_RALLOC_STALE_TOKEN', message];
  },
  'a slab that grows is shared': [
    () => slabOf({ maxCount: 8 }).handle(),
    'ERR_RALLOC_UNSUPPORTED',
    'The slab cannot be shared: it can grow. Create it without maxCount',
  ],
  ...(backend === 'js' && {
    'a slab is shared on the fallback': [
      () => slabOf().handle(),
      'ERR_RALLOC_UNSUPPORTED',
      'The slab cannot be shared: the JavaScript backend has memory of one thread only',
    ],
  }),
};

for (const [what, mistake] of Object.entries(mistakes)) {
  test(what, (t) => {
    const [act, code, message] = typeof mistake === 'function' ? mistake() : mistake;
    t.throws(act, { code, message });
  });
}

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
