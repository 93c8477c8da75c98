'use strict';
// tier: run-time, differs

// req.arena.body(): the body of a request in one Buffer of its arena, and all that Node does with a request as it would be without. Where nothing
// more comes, or nobody may have it any more, it settles, and no body lacks a part. Limits: body-limits.test.js.

const test = require('ava');
const { on, once } = require('node:events');
const http = require('node:http');
const { IncomingMessage } = http;
const { Readable } = require('node:stream');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { settled } = require('../helpers/adopted.js');
const { serveOn } = require('../helpers/adapters.js');
const { serve } = require('../helpers/server.js');
const { fractions } = require('../helpers/fractions.js');
const { stamped } = require('../helpers/sources.js');
const { sendChunked, SIZE, ask, bytesOf, releasedBy } = require('../helpers/uploads.js');
const { turns, until, untilCollected } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');
const { requestArena, stats } = require('../..');
const { keepsParserFunctions, nodeMajor, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { inProduction } = require('../helpers/in-production.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const POST = { method: 'POST' };

// The first, for parsers are pooled, and those of later tests are known.
test.serial('what came before the middleware saw the connection is copied', async (t) => {
  let first; // the connection whose bodies come before the middleware
  const { port } = await serve(
    t,
    'node:http',
    async (req, res) => res.end(String((await req.arena.body()).length)),
    {
      before: [
        (req, _res, next) => {
          first ??= req.socket;
          if (req.socket !== first) next();
          else until(() => req.readableLength > 0).then(() => next());
        },
      ],
    },
  );
  const client = await Client.connect(port);
  const small = Buffer.alloc(5000, 1);
  const { foreign } = stats().bodies.left;
  client.send('/', { ...POST, body: small });
  t.is((await client.response()).body.toString(), '5000');
  t.is(stats().bodies.left.foreign - foreign, 5000);
  const next = keepsParserFunctions ? await Client.connect(port) : client;
  const released = await releasedBy(async () => {
    next.send('/', { ...POST, body: small });
    t.is((await next.response()).body.toString(), '5000');
  });
  t.is(released, 5000, 'the next request of the connection is known, or of another one');
});

test('a request without a body has an empty one', async (t) => {
  const { port } = await serve(t, 'node:http', async (req, res) => {
    const body = await req.arena.body();
    res.end(`${body.length} ${req.complete}`);
  });
  const client = await Client.connect(port);
  t.is((await client.get('/')).body.toString(), '0 true');
  client.send('/', { ...POST, body: Buffer.alloc(0) });
  t.is((await client.response()).body.toString(), '0 true');
});

test('chunked bodies in pieces of any size, with trailers', async (t) => {
  const next = fractions(3);
  const seen = [];
  const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
    for (const name of ['end', 'close']) req.on(name, () => seen.push(name));
    const body = await req.arena.body({ limit: 8 * MiB });
    seen.push(req.complete, req.readableEnded, req.trailers.x);
    res.end(body);
  });
  const client = await Client.connect(port);
  for (const total of [1, 5000, 300_000, 3 * MiB]) {
    const body = stamped(total);
    const parts = [];
    for (let at = 0; at < total; at += parts.at(-1).length) {
      parts.push(body.subarray(at, at + 1 + Math.floor(next() ** 2 * 200_000)));
    }
    sendChunked(client, '/', parts, 'X: trailer\r\n');
    sameBytes(t, (await client.response()).body, body);
    await settled(t, arenas);
    const events = seen.splice(0);
    t.deepEqual(
      events.filter((name) => name === 'end' || name === 'close'),
      ['end', 'close'],
    );
    t.deepEqual(
      events.filter((name) => name !== 'end' && name !== 'close'),
      [true, true, 'trailer'],
    );
  }
});

test('a body that is read late, after awaits, comes whole', async (t) => {
  const { port } = await serve(t, 'express 5', async (req, res) => {
    await until(() => req.readableLength > 0);
    for (let i = 0; i < 3; i++) await new Promise(setImmediate);
    res.end(await req.arena.body());
  });
  const client = await Client.connect(port);
  const body = stamped(900_000);
  client.send('/', { ...POST, body });
  sameBytes(t, (await client.response()).body, body);
});

test('bodies of requests that were not Node`s own come by their stream', async (t) => {
  const { Hono } = require('hono');
  const arenas = require('ralloc/hono').requestArena();
  const app = new Hono();
  app.use(arenas);
  app.post('/', async (c) => c.body(new Uint8Array(await c.get('arena').body({ limit: 10 }))));
  app.post('/chunks', async (c) => {
    const chunks = await c.get('arena').chunks({ limit: 10 });
    return c.body(new Uint8Array(Buffer.concat(chunks)));
  });
  app.post('/read', async (c) => {
    await c.req.raw.arrayBuffer();
    return c.body(await c.get('arena').body());
  });
  app.onError((error, c) => error.getResponse?.() ?? c.text(error.code, 500));
  const ask = (path, body) => app.request(path, { ...POST, body });
  t.is(await (await ask('/', 'hello')).text(), 'hello');
  t.is(await (await ask('/')).text(), '');
  t.is((await ask('/', 'hello, world')).status, 413);
  t.is(await (await ask('/chunks', 'hello')).text(), 'hello');
  t.is(await (await ask('/chunks')).text(), '');
  t.is((await ask('/chunks', 'hello, world')).status, 413);
  t.is(await (await ask('/read', 'hello')).text(), 'ERR_RALLOC_INVALID_ARGUMENT');
});

test('a mock request gives its body too', async (t) => {
  const inject = require('light-my-request');
  const arenas = requestArena();
  const listener = (req, res) => arenas(req, res, async () => res.end(await req.arena.body()));
  const { payload } = await inject(listener, { ...POST, url: '/', payload: 'hello' });
  t.is(payload, 'hello');
});

// Which chunks of bodies are known to be ralloc's alone, by the connection and by Node's own methods.

let id = 1;

test.serial('who reads a body himself finds nothing of it kept', async (t) => {
  const refs = [];
  const { port } = await serve(t, 'node:http', async (req, res) => {
    await until(() => req.readableLength > 0);
    for await (const chunk of req) refs.push(new WeakRef(chunk));
    const alive = () => refs.filter((ref) => ref.deref() !== undefined);
    await untilCollected(() => alive().length <= 1); // the last is still a variable of this function
    res.end(String(req.complete));
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, body: bytesOf(1) });
  t.is((await client.response()).body.toString(), 'true');
  t.true(refs.length > 1);
});

test.serial('a patch of Node`s prototypes is seen, and its removal', async (t) => {
  const kept = [];
  for (const [holder, name] of [
    [Readable.prototype, 'push'],
    [require('node:events').prototype, 'emit'],
    [IncomingMessage.prototype, '_read'],
  ]) {
    const own = ++id;
    const original = holder[name];
    holder[name] = function (...args) {
      for (const one of args) if (Buffer.isBuffer(one)) kept.push(one);
      return Reflect.apply(original, this, args);
    };
    const released = await releasedBy(async () => {
      t.is(await ask(t, own, (req) => req.arena.body()), `${SIZE} true`, name);
    });
    holder[name] = original;
    t.is(released, 0, name);
  }
  t.true(kept.every((chunk) => chunk.length > 0));
  t.is(await releasedBy(() => ask(t, 1, (req) => req.arena.body())), SIZE);
});

test.serial(
  'https bodies are released, those of HTTP/2 and of other streams are not',
  async (t) => {
    for (const [name, expected] of [
      ['https', SIZE],
      ['http2', 0],
    ]) {
      const { connect } = await serveOn(t, name, ({ arena }) => arena.body());
      const client = await connect();
      const released = await releasedBy(async () => {
        client.send('/', { ...POST, body: bytesOf(3) });
        sameBytes(t, (await client.response()).body, bytesOf(3));
      });
      t.is(released, expected, name);
    }
  },
);

testWhere(
  nodeMajor < 24,
  'process.binding(), as Node 20 and 22 have it',
  'a parser in the place of Node`s: its chunks are copied',
  async (t) => {
    const { result, stderr } = await run('request/js-parser.js', {
      execArgv: ['--no-deprecation'],
    });
    t.like(result, { isMine: true, length: 10_000, copied: 30_000, released: 0 }, stderr);
    t.is(result.left.foreign, 30_000);
  },
);

// Bodies of which nothing more comes.

const PART = Buffer.alloc(10_000, 'a');

/** A server whose handler's body is in `outcome`: its length, or the code of the error. */
async function serving(t, act, options) {
  const seen = { outcome: undefined, begun: false };
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      const body = req.arena.body();
      seen.begun = true;
      act(req, res);
      seen.outcome = await body.then(
        ({ length }) => length,
        ({ code }) => code,
      );
      if (!res.writableEnded) res.end();
    },
    options,
  );
  return { port, arenas, seen };
}

for (const [name, end] of Object.entries({
  'goes away': (client) => client.destroy(),
  stalls: () => {},
  'sends the rest': (client) => client.write(PART),
})) {
  test(`the response is over before the body, and the client ${name}: it rejects`, async (t) => {
    const { port, seen, arenas } = await serving(t, (_req, res) => {
      res.statusCode = 408;
      res.end();
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': 2 * PART.length } });
    client.write(PART);
    await until(() => seen.begun);
    await end(client);
    await until(() => seen.outcome !== undefined);
    t.is(seen.outcome, 'ERR_RALLOC_DEAD_BUFFER');
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().lateBuffers, 0);
    t.is(arenas.stats().memory.leased, 0);
  });
}

for (const headers of [{ 'Transfer-Encoding': 'chunked' }, { 'Content-Length': 3 * PART.length }]) {
  test(`somebody takes the listeners of data away: ${Object.keys(headers)}`, async (t) => {
    const { port, seen } = await serving(t, (req) => {
      until(() => req.arena.stats().allocated > 0).then(() => {
        req.removeAllListeners('data');
        seen.isRemoved = true;
      });
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers });
    const isChunked = headers['Content-Length'] === undefined;
    const write = () => {
      if (isChunked) client.write(`${PART.length.toString(16)}\r\n`);
      client.write(PART);
      if (isChunked) client.write('\r\n');
    };
    write();
    await until(() => seen.isRemoved);
    write();
    write();
    if (isChunked) client.write('0\r\n\r\n');
    await client.response();
    t.is(seen.outcome, 'ERR_RALLOC_ABORTED');
  });
}

test('Transfer-Encoding wins over Content-Length, where a lenient parser lets both through', async (t) => {
  const server = { insecureHTTPParser: true };
  const handler = async (req, res) => res.end(await req.arena.body());
  const { port } = await serve(t, 'node:http', handler, { server });
  for (const length of [9, 9_999_999]) {
    const client = await Client.connect(port);
    const headers = { 'Content-Length': length, 'Transfer-Encoding': 'chunked' };
    client.send('/', { ...POST, headers });
    client.write('3\r\nabc\r\n0\r\n\r\n');
    t.is((await client.response()).body.toString(), 'abc');
    await client.destroy();
  }
});

test('all arenas are full while a body grows: it goes on in the heap', async (t) => {
  const hogs = [];
  const { port, arenas } = await serve(
    t,
    'node:http',
    async (req, res) => {
      if (req.url === '/hog') {
        hogs.push(res);
        while (arenas.stats().heapRequests === 0) req.arena.alloc(30_000);
        return undefined;
      }
      const body = await req.arena.body();
      const isRight = body.every((byte) => byte === PART[0]);
      return res.end(`${body.length} ${isRight}`);
    },
    { maxBytes: MiB, maxBytesPerRequest: MiB },
  );
  const client = await Client.connect(port);
  client.send('/', { ...POST, headers: { 'Content-Length': 30 * PART.length } });
  for (let i = 0; i < 3; i++) client.write(PART);
  await until(() => arenas.stats().memory.leased > 0);
  const hog = await Client.connect(port);
  hog.send('/hog', POST);
  await until(() => arenas.stats().heapRequests > 0);
  for (let i = 3; i < 30; i++) client.write(PART);
  t.is((await client.response()).body.toString(), `${30 * PART.length} true`);
  for (const res of hogs) res.end();
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().memory.leased, 0);
  t.true(stats().bodies.copied > 0);
});

const forgotten = {
  'the response is over first': [
    (req) => {
      req.arena.body();
    },
    PART.subarray(1),
    /response ended before the body/,
  ],
  'a body parser has read it': [
    async (req) => {
      await once(req.resume(), 'end');
      req.arena.body();
    },
    PART,
    /read before, as body parsers do/,
  ],
};

for (const [title, [begin, sent, why]] of Object.entries(forgotten)) {
  test(`nobody awaits body(), and ${title}: the process goes on, and a later await rejects`, async (t) => {
    const unhandled = [];
    const listener = (error) => unhandled.push(error);
    process.on('unhandledRejection', listener);
    t.teardown(() => process.off('unhandledRejection', listener));
    let arena;
    const { port, arenas } = await serve(t, 'node:http', async (req, res) => {
      arena = req.arena;
      await begin(req);
      res.end();
    });
    const client = await Client.connect(port);
    client.send('/', { ...POST, headers: { 'Content-Length': PART.length } });
    client.write(sent);
    await client.response();
    await until(() => arenas.stats().inFlight === 0);
    await turns(2);
    t.deepEqual(unhandled, []);
    t.regex((await t.throwsAsync(arena.body())).message, why);
    await client.destroy();
  });
}

test('an answer before the body was read is told of once, and a client that goes away is not', async (t) => {
  const told = warned(t, 'RALLOC_BODY_UNREAD', '/told/');
  const { port, arenas } = await serving(t, (req, res) => {
    if (req.url === '/told/gone') res.destroy();
    else res.end();
  });
  const paths = ['/told/gone', '/told/first?secret', '/told/second'];
  for (const [i, path] of paths.entries()) {
    const client = await Client.connect(port);
    client.send(path, { ...POST, headers: { 'Content-Length': PART.length } });
    client.write(PART.subarray(1));
    await until(() => arenas.stats().requests > i && arenas.stats().inFlight === 0);
    await client.destroy();
  }
  await until(() => told.length > 0);
  await turns(1);
  t.is(told.length, 1);
  t.regex(told[0].message, /^POST \/told\/first was answered while its body was still being read/);
});

// A body of a few KiB that comes whole is copied from what the parser has, without a listener. Whatever comes in another way is read all the same.

const TEXT = 'a body of some bytes';
const READS = ['data', 'readable', 'end', 'error', 'close', 'newListener'];

const listenersOf = (req) => READS.map((name) => req.listenerCount(name));

/** Serves handler(req, res); `ask()` sends the text whole. */
async function servingText(t, handler, options) {
  const { port, arenas } = await serve(t, 'node:http', handler, options);
  const client = await Client.connect(port);
  return {
    arenas,
    client,
    ask() {
      client.send('/', { ...POST, body: Buffer.from(TEXT) });
      return client.response();
    },
  };
}

test('one that comes whole: no listener, and the stream has ended when the promise resolves', async (t) => {
  const { ask } = await servingText(t, async (req, res) => {
    const before = listenersOf(req);
    const promise = req.arena.body();
    t.deepEqual(listenersOf(req), before);
    const body = await promise;
    t.true(req.arena.owns(body));
    t.deepEqual([req.complete, req.readableDidRead, req.readableEnded], [true, true, true]);
    t.deepEqual(req.read(), null);
    res.end(body);
  });
  for (let n = 0; n < 3; n++) t.is((await ask()).body.toString(), TEXT);
});

for (const [name, read] of Object.entries({
  'a listener of data': (req, seen) => req.on('data', (chunk) => seen.push(chunk)),
  'a listener of readable': (req, seen) =>
    req.on('readable', () => {
      for (let chunk = req.read(); chunk !== null; chunk = req.read()) seen.push(chunk);
    }),
})) {
  test(`${name}, added after the call, gets the bytes too, and keeps them`, async (t) => {
    const seen = [];
    const { ask } = await servingText(t, async (req, res) => {
      const promise = req.arena.body();
      read(req, seen);
      res.end(await promise);
    });
    t.is((await ask()).body.toString(), TEXT);
    t.is(Buffer.concat(seen).toString(), TEXT);
  });
}

for (const [name, patch] of Object.entries({
  'the message': (req) => {
    const { emit } = req;
    req.emit = function (...args) {
      return emit.apply(this, args);
    };
  },
  'the parser': ({ socket: { parser } }) => {
    const index = parser.constructor.kOnBody;
    const onBody = parser[index];
    parser[index] = function (...args) {
      return onBody.apply(this, args);
    };
  },
})) {
  test(`somebody patches ${name} after the call: it comes all the same`, async (t) => {
    const { ask } = await servingText(t, async (req, res) => {
      const promise = req.arena.body();
      patch(req);
      res.end(await promise);
    });
    for (let n = 0; n < 3; n++) t.is((await ask()).body.toString(), TEXT);
  });
}

test('a listener of the application reads it: no method of the message is looked up', async (t) => {
  const looks = [];
  const { ask } = await servingText(t, async (req, res) => {
    req.arena.alloc(1); // from here on ralloc sees the bodies of this connection
    const { unshift } = req;
    Object.defineProperty(req, 'unshift', {
      get() {
        looks.push(new Error('looked up').stack);
        return unshift;
      },
    });
    let text = '';
    for await (const chunk of on(req, 'data', { close: ['end'] })) text += chunk;
    res.end(text);
  });
  for (let n = 0; n < 3; n++) t.is((await ask()).body.toString(), TEXT);
  t.deepEqual(looks, []);
});

for (const [where, serving] of [
  ['an arena', servingText],
  ['the heap', (...args) => inProduction(() => servingText(...args))],
]) {
  // Serial, since all mounts that are made meanwhile are in production.
  test.serial(
    `one for ${where} whose request is destroyed before its end: ERR_RALLOC_ABORTED`,
    async (t) => {
      const told = [];
      const { client } = await serving(t, (req) => {
        req.arena.body().then(
          () => told.push('read'),
          ({ code }) => told.push(code),
        );
        process.nextTick(() => req.destroy());
      });
      client.send('/', { ...POST, body: Buffer.from(TEXT) });
      await until(() => told.length > 0);
      t.deepEqual(told, ['ERR_RALLOC_ABORTED']);
    },
  );
}

test('arenas.end() while its end is on the way', async (t) => {
  const served = await servingText(t, async (req, res) => {
    req.once('resume', () => served.arenas.end(req));
    res.end(await req.arena.body().catch(({ code }) => code));
  });
  t.is((await served.ask()).body.toString(), 'ERR_RALLOC_DEAD_BUFFER');
  t.is(served.arenas.stats().lateBuffers, 0);
});

test('one for which there is no memory: the error, and the connection serves the next', async (t) => {
  const size = 9000;
  const { client } = await servingText(
    t,
    async (req, res) => {
      try {
        if (req.url === '/full') req.arena.allocUnsafe(4000);
        res.end(`${(await req.arena.body()).length}`);
      } catch ({ code, status }) {
        res.statusCode = status;
        res.end(code);
      }
    },
    { maxBytesPerRequest: 10_000 },
  );
  const ask = async (path) => {
    client.send(path, { ...POST, body: Buffer.alloc(size) });
    return (await client.response()).body.toString();
  };
  t.is(await ask('/full'), 'ERR_RALLOC_LIMIT');
  t.is(await ask('/'), `${size}`);
});
