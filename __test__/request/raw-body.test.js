'use strict';
// tier: run-time, differs

// rawBody(): the body is in the arena, what is compressed is inflated under the limit, and who sends too much is answered.

process.env.NO_DEPRECATION = 'http-errors'; // of a status that is none
const test = require('ava');
const { AsyncLocalStorage } = require('node:async_hooks');
const http = require('node:http');
const path = require('node:path');
const zlib = require('node:zlib');
const { inspect } = require('node:util');
const connect = require('connect');
const express5 = require('express');
const express4 = require('express4');
const { rawBody, requestArena } = require('ralloc/express');
const { sameBytes } = require('../helpers/bytes.js');
const { Budget, stats } = require('../..');
const { observing } = require('../../lib/base/observer.js');
const { inProduction } = require('../helpers/in-production.js');
const { Client } = require('../helpers/client.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { pair } = require('../helpers/raw-pairs.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const PATIENT = { drainMs: 600_000 }; // where the bound is in bytes: a busy machine can take the five seconds of the default
const OCTET_STREAM = 'application/octet-stream';
const OCTETS = { 'Content-Type': OCTET_STREAM };

/** Serves `handlers` behind requestArena(): { port, arenas, errors }, of which `errors` are those that were passed on. */
async function serve(
  t,
  handlers,
  { make = express5, arenas = requestArena(), mounted = true } = {},
) {
  const errors = [];
  const app = make();
  app.set?.('env', 'test'); // no stacks on stderr
  app.locals = { arenas };
  if (mounted) app.use(arenas);
  for (const handler of handlers) app.use(handler);
  app.use((error, _req, res, next) => {
    errors.push({ error, res, wasAnswered: res.headersSent });
    if (!res.headersSent) next(error);
  });
  return { port: await serveOnly(t, app), arenas, errors };
}

async function post(port, body, headers = {}) {
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, ...headers }, body });
  const answer = await client.response();
  await client.destroy();
  return answer;
}

const settled = (arenas) => until(() => arenas.stats().inFlight === 0);
const length = (req, res) => res.end(String(req.body.length));

for (const [name, make] of Object.entries({
  'Express 5': express5,
  'Express 4': express4,
  connect,
})) {
  test(`${name}: the body is a Buffer of the arena, and dead after the response`, async (t) => {
    const bodies = [];
    const handler = async (req, res) => {
      bodies.push(req.body);
      t.true(req.arena.owns(req.body));
      t.is(await req.arena.body(), req.body, 'which has it too');
      res.end(req.body);
    };
    const { port, arenas } = await serve(t, [rawBody({ limit: '1mb' }), handler], { make });
    const sent = Buffer.alloc(300_000, 'some bytes');
    sameBytes(t, (await post(port, sent)).body, sent);
    const gzip = { 'Content-Encoding': 'gzip' };
    sameBytes(t, (await post(port, zlib.gzipSync(sent), gzip)).body, sent);
    await settled(arenas);
    t.deepEqual(
      bodies.map(({ length }) => length),
      [0, 0],
    );
    t.is(arenas.stats().memory.leased, 0);
  });

  test(`${name}: a body that was read is left to nobody else`, async (t) => {
    const parsers = [
      rawBody({ type: '*/*' }),
      rawBody({ type: '*/*' }),
      express4.raw({ type: '*/*' }),
    ];
    const { port, errors } = await serve(t, [...parsers, length], { make });
    t.is((await post(port, Buffer.alloc(100))).body.toString(), '100');
    t.deepEqual(errors, []);
  });
}

const owns = (req, res) => res.end(String(req.arena.owns(req.body)));

const budget = new Budget({ name: 'bodies', maxBytes: MiB });
/** Why a small body is in the arena: [the options of the mount, what runs before rawBody()]. */
const IN_THE_ARENA = {
  wipe: [{ wipe: true }],
  budget: [{ budget }],
  'a budget of its own': [{ budget: () => budget }],
  'a route with wipe': [
    {},
    (req, res, next) => req.app.locals.arenas.route({ wipe: true })(req, res, next),
  ],
  'a checkpoint': [
    {},
    (req, _res, next) => {
      req.arena.checkpoint();
      next();
    },
  ],
};

for (const [why, [options, before = (_req, _res, next) => next()]] of Object.entries(
  IN_THE_ARENA,
)) {
  test.serial(`a small body is in the arena with ${why}`, async (t) => {
    const arenas = await inProduction(() => requestArena(options));
    const { port } = await serve(t, [before, rawBody(), owns], { arenas });
    t.is((await post(port, Buffer.alloc(100))).body.toString(), 'true');
  });
}

test.serial(
  'a small body is in the arena with ralloc/test or in debug mode, and otherwise on the heap',
  async (t) => {
    const arenas = await inProduction(requestArena);
    const { port } = await serve(t, [rawBody(), owns], { arenas });
    const ask = async () => (await post(port, Buffer.alloc(100))).body.toString();
    t.is(await ask(), 'false');
    t.is(arenas.stats().inFlight + arenas.stats().finished, 0, 'no arena has begun');
    observing.isTesting = true;
    t.is(await ask(), 'true');
    observing.isTesting = false;
    t.is(await ask(), 'false');
  },
);

test.serial(
  'a small body is in the arena in a scope, and where its length is not announced',
  async (t) => {
    const arenas = await inProduction(requestArena);
    const seen = [];
    const handler = (req, res) =>
      req.arena.scope(async (scope) => {
        seen.push(scope.owns(await scope.body()));
        res.end();
      });
    const { port } = await serve(t, [handler], { arenas });
    await post(port, Buffer.alloc(100));
    const client = await Client.connect(port);
    client.send('/', { method: 'POST', headers: { ...OCTETS, 'Transfer-Encoding': 'chunked' } });
    client.write('1\r\na\r\n0\r\n\r\n');
    await client.response();
    await client.destroy();
    t.deepEqual(seen, [true, true]);
  },
);

test.serial(
  'a small body that comes in pieces is on the heap, and ends with errors as one in the arena',
  async (t) => {
    const outcomes = [];
    for (const make of [requestArena, () => inProduction(requestArena)]) {
      const arenas = await make();
      const told = [];
      const handler = async (req, res) => {
        if (req.url === '/over') setImmediate(() => res.end());
        try {
          const body = await req.arena.body({ limit: req.url === '/limit' ? 10 : MiB });
          told.push(String(body));
          res.end();
        } catch ({ code, message }) {
          told.push([code, message]);
          res.end();
        }
      };
      const { port } = await serve(t, [handler], { arenas });
      for (const [url, isCut] of [
        ['/', false],
        ['/', true],
        ['/over', false],
        ['/limit', false],
      ]) {
        const client = await Client.connect(port);
        const headers = { ...OCTETS, 'Content-Length': 20 };
        client.send(url, { method: 'POST', headers });
        client.write('0123456789');
        const { length } = told;
        if (url === '/over') await client.response();
        else
          await until(
            () =>
              (arenas.stats().requests > 0 && arenas.stats().inFlight > 0) || told.length > length,
          );
        if (isCut) await client.reset();
        else if (url === '/') client.write('0123456789');
        await until(() => told.length > length);
        await client.destroy();
      }
      await settled(arenas);
      outcomes.push(told);
    }
    t.deepEqual(outcomes[1], outcomes[0]);
    t.is(outcomes[1][0], '01234567890123456789');
  },
);

test("the chunks of Node's parser are released behind the copy", async (t) => {
  const { port } = await serve(t, [rawBody({ limit: '4mb' }), length]);
  await post(port, Buffer.alloc(10)); // Node 20 can release from the second turn on
  const { released } = stats().bodies;
  t.is((await post(port, Buffer.alloc(MiB))).body.toString(), String(MiB));
  t.true(stats().bodies.released - released > MiB / 2);
});

const bombs = {
  gzip: () => zlib.gzipSync(Buffer.alloc(4 * MiB)),
  br: () =>
    zlib.brotliCompressSync(Buffer.alloc(4 * MiB), {
      params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
    }),
};
for (const [encoding, make] of Object.entries(bombs)) {
  test(`${encoding}: 4 MiB in a few bytes end at the limit`, async (t) => {
    const { port, arenas, errors } = await serve(t, [rawBody({ limit: 200_000 }), length]);
    const bomb = make();
    t.true(bomb.length < 100_000);
    const { status } = await post(port, bomb, { 'Content-Encoding': encoding });
    t.is(status, 413);
    const [{ error }] = errors;
    t.true(error.received <= 200_000 + 64 * KiB, `${error.received} bytes were inflated`);
    await settled(arenas);
    t.true(arenas.stats().memory.peak <= 2 * MiB);
  });
}

/** Sends on until the connection ends: what came before. */
async function sendOn(client) {
  const part = Buffer.alloc(64 * KiB);
  let sent = 0;
  while (!client.socket.destroyed && sent < 200 * MiB) {
    client.write(part);
    sent += part.length;
    await new Promise(setImmediate);
  }
  return sent;
}

test('a client that goes on sending is answered, and then cut off', async (t) => {
  const raw = rawBody({ ...PATIENT, drainBytes: 4 * MiB });
  const { port, arenas, errors } = await serve(t, [raw, length]);
  const client = await Client.connect(port);
  const headers = { ...OCTETS, 'Content-Length': 200 * MiB };
  client.send('/', { method: 'POST', headers });
  const sending = sendOn(client);
  const { status, headers: given, body } = await client.response();
  t.is(status, 413);
  t.is(given.connection, 'close');
  t.is(body.toString(), 'Payload Too Large');
  t.deepEqual(errors, [], 'handlers are told when it is over');
  t.true((await sending) < 200 * MiB);
  await until(() => errors.length === 1);
  t.like(errors[0], { wasAnswered: true, error: { type: 'entity.too.large' } });
  await settled(arenas);
});

test('one that stops when it has the answer keeps its connection until it ends it', async (t) => {
  const raw = rawBody({ ...PATIENT, drainBytes: 64 * KiB });
  const { port, arenas, errors } = await serve(t, [raw, length]);
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, 'Content-Length': 200_000 } });
  client.write(Buffer.alloc(50_000));
  t.is((await client.response()).status, 413);
  await client.destroy();
  await until(() => errors.length === 1);
  await settled(arenas);
});

test('a client that stops sending is answered after half of drainMs', async (t) => {
  const { port, arenas, errors } = await serve(t, [rawBody({ drainMs: 100 }), length]);
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, 'Content-Length': 200_000 } });
  client.write('x');
  t.is((await client.response()).status, 413);
  t.is((await client.rest()).length, 0, 'and the connection ends');
  await until(() => errors.length === 1);
  await settled(arenas);
});

test('an answer that somebody has begun goes on', async (t) => {
  const begin = (_req, res, next) => {
    res.write('begun');
    next();
  };
  const { port, errors } = await serve(t, [begin, rawBody({ ...PATIENT, drainBytes: 200_000 })]);
  const client = await Client.connect(port);
  client.send('/', { method: 'POST', headers: { ...OCTETS, 'Content-Length': 160_000 } });
  client.write(Buffer.alloc(150_000));
  const answered = client.response();
  client.write(Buffer.alloc(10_000));
  await until(() => errors.length === 1);
  t.true(errors[0].wasAnswered);
  t.false(errors[0].res.writableEnded);
  errors[0].res.end(' and ended');
  t.is((await answered).body.toString(), 'begun and ended');
});

const FIXED = { value: undefined, writable: false };

for (const [name, close, status] of [
  ['takes no properties any more', Object.preventExtensions, 200],
  ['keeps the body that it had', (req) => Object.defineProperty(req, 'body', FIXED), 500],
]) {
  test(`a request that ${name} while its body arrives`, async (t) => {
    const parse = rawBody();
    const { port, errors } = await serve(t, [
      (req, res, next) => {
        parse(req, res, next);
        close(req);
      },
      (req, res) => res.end(req.body),
    ]);
    const answer = await post(port, Buffer.from('its bytes'));
    t.is(answer.status, status);
    if (status === 200) t.is(`${answer.body}`, 'its bytes');
    else t.true(errors[0].error instanceof TypeError);
  });
}

test('the rest of a body that is not compressed as it says is read', async (t) => {
  const { port, errors } = await serve(t, [rawBody({ ...PATIENT, limit: MiB }), length]);
  const { status, headers } = await post(port, Buffer.alloc(3 * MiB), {
    'Content-Encoding': 'gzip',
  });
  t.is(status, 400);
  t.is(headers.connection, 'keep-alive');
  t.is(errors[0].error.code, 'Z_DATA_ERROR');
});

test("the arena's own limit is an error of its own", async (t) => {
  const arenas = requestArena({ maxBytesPerRequest: 64 * KiB });
  const { port, errors } = await serve(t, [rawBody({ limit: '1mb' }), length], { arenas });
  t.is((await post(port, Buffer.alloc(100_000))).status, 413);
  t.like(errors[0].error, { code: 'ERR_RALLOC_LIMIT', option: 'maxBytesPerRequest' });
});

test('next() is called in the context of the request', async (t) => {
  const storage = new AsyncLocalStorage();
  let id = 0;
  const seen = [];
  const handlers = [
    (_req, _res, next) => storage.run(++id, next),
    rawBody(),
    (req, res) => {
      seen.push(storage.getStore());
      length(req, res);
    },
  ];
  const { port } = await serve(t, handlers);
  await post(port, Buffer.alloc(50_000));
  await post(port, zlib.gzipSync(Buffer.alloc(50_000)), { 'Content-Encoding': 'gzip' });
  t.deepEqual(seen, [1, 2]);
});

/** A timer of a copy may load a file after the test. */
const atExit = { teardown: (end) => process.once('exit', end) };

test('a request without an arena of this copy of ralloc is an error', async (t) => {
  const copy = require(path.join(copyOfPackage(atExit), 'lib', 'express.js'));
  const other = copy.requestArena();
  const cases = [
    [{ mounted: false }, 'The request has no "arena". Mount requestArena() before rawBody()'],
    [{ arenas: requestArena({ skip: () => true }) }, 'with no option "skip" for its requests'],
    [{ arenas: requestArena({ property: 'memory' }) }, 'The request has no "arena".'],
    [{ arenas: other }, 'of another copy of ralloc'],
  ];
  for (const [setting, message] of cases) {
    const { port, errors } = await serve(t, [rawBody(), length], setting);
    t.is((await post(port, Buffer.alloc(10))).status, 500);
    t.is(errors[0].error.code, 'ERR_RALLOC_UNSUPPORTED');
    t.true(errors[0].error.message.includes(message), errors[0].error.message);
  }
  const arenas = requestArena({ property: 'memory' });
  const { port } = await serve(t, [rawBody({ property: 'memory' }), length], { arenas });
  t.is((await post(port, Buffer.alloc(10))).body.toString(), '10');
});

test('a call without next() is an error', (t) => {
  const { message } = t.throws(() => rawBody()({}, new http.ServerResponse({})), {
    code: 'ERR_RALLOC_INVALID_ARGUMENT',
  });
  t.regex(message, /"next"/);
});

// rawBody() in the place of express.raw(): the same requests to both, and the same answers, bodies and errors.

const body = (size) => Buffer.alloc(size, 'some bytes');
const typed = (type, more) => ({ headers: type === null ? {} : { 'Content-Type': type }, ...more });
const encoded = (encoding, bytes, more) => ({
  headers: { 'Content-Type': OCTET_STREAM, 'Content-Encoding': encoding },
  body: bytes,
  ...more,
});

const CONTENT_TYPES = [
  OCTET_STREAM,
  'APPLICATION/Octet-Stream; charset=utf-8',
  'application/octet-stream;',
  'application/json',
  'application/vnd.api+json; charset=nonsense',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'image/png',
  'text/plain;charset="utf-16"',
  'text/x+json+xml',
  'application/json, text/html',
  'nonsense',
  'application/',
  '*/*',
  'a b/c',
  null,
];

const TYPES = {
  'the default': undefined,
  'all types': '*/*',
  'a wildcard': 'application/*',
  'a short name': 'json',
  'a suffix': '+json',
  'a suffix of one type': 'application/*+json',
  'a list': ['text/plain', 'image/*', 'urlencoded', 'multipart'],
  'an empty list': [],
  'a function': (req) => req.headers['content-type']?.length > 20,
};

for (const [name, type] of Object.entries(TYPES)) {
  test(`type: ${name}`, async (t) => {
    const ask = await pair(t, { type }, { isShared: true });
    for (const given of CONTENT_TYPES) {
      const [raw, ours] = await ask(String(given), typed(given, { body: body(10) }));
      t.deepEqual(ours, raw, String(given));
      t.is(raw.status, 200);
    }
  });
}

const deflated = zlib.deflateSync(body(2000));
const gzipped = zlib.gzipSync(body(2000));
const long = zlib.gzipSync(body(300_000));
const ENCODINGS = {
  gzip: encoded('gzip', gzipped),
  'gzip in capitals': encoded('GZip', gzipped),
  'gzip in chunks': encoded('gzip', undefined, {
    chunks: [gzipped.subarray(0, 9), gzipped.subarray(9)],
  }),
  deflate: encoded('deflate', deflated),
  'deflate without its header': encoded('deflate', zlib.deflateRawSync(body(2000))),
  br: encoded('br', zlib.brotliCompressSync(body(2000))),
  zstd: encoded('zstd', zlib.zstdCompressSync?.(body(2000)) ?? body(10)),
  identity: encoded('identity', body(500)),
  'an empty encoding': encoded('', body(500)),
  'x-gzip': encoded('x-gzip', gzipped),
  'a list of encodings': encoded('gzip, br', gzipped),
  'the name of a method': encoded('toString', gzipped),
  'gzip of nothing': encoded('gzip', zlib.gzipSync('')),
  'gzip without a byte': encoded('gzip', Buffer.alloc(0)),
  'gzip cut short': encoded('gzip', gzipped.subarray(0, -10)),
  'gzip with a wrong checksum': encoded('gzip', Buffer.concat([gzipped.subarray(0, -8), body(8)])),
  'gzip that is none': encoded('gzip', body(200)),
  'gzip with bytes behind it': encoded('gzip', Buffer.concat([gzipped, Buffer.alloc(9)])),
  'gzip in two members': encoded('gzip', Buffer.concat([gzipped, gzipped])),
  'br that is none': encoded('br', body(200)),
  'gzip of much more': encoded('gzip', long),
  'gzip of another type': {
    ...encoded('gzip', gzipped),
    headers: { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' },
  },
};

const INFLATING = {
  'by default': {},
  'with a limit': { limit: 1000 },
  'not at all': { inflate: false },
};

for (const [name, options] of Object.entries(INFLATING)) {
  test(`inflate: ${name}`, async (t) => {
    const ask = await pair(t, options);
    for (const [id, request] of Object.entries(ENCODINGS)) {
      const [raw, ours] = await ask(id, request);
      t.deepEqual(ours, raw, id);
    }
  });
}

const BODIES = {
  'no body': typed(OCTET_STREAM),
  'an empty body': typed(OCTET_STREAM, { body: body(0) }),
  'a byte': typed(OCTET_STREAM, { body: body(1) }),
  '10 bytes': typed(OCTET_STREAM, { body: body(10) }),
  '11 bytes': typed(OCTET_STREAM, { body: body(11) }),
  '1536 bytes': typed(OCTET_STREAM, { body: body(1536) }),
  '1537 bytes': typed(OCTET_STREAM, { body: body(1537) }),
  '100 KiB': typed(OCTET_STREAM, { body: body(102_400) }),
  'a byte more': typed(OCTET_STREAM, { body: body(102_401) }),
  'no chunk': typed(OCTET_STREAM, { chunks: [] }),
  'a chunk': typed(OCTET_STREAM, { chunks: [body(10)] }),
  'a longer chunk': typed(OCTET_STREAM, { chunks: [body(11)] }),
  'a chunk of 1537 bytes': typed(OCTET_STREAM, { chunks: [body(1537)] }),
  'of another type': typed('text/plain', { body: body(2000) }),
  'GET without a body': typed(OCTET_STREAM, { method: 'GET' }),
  'GET with a body': typed(OCTET_STREAM, { method: 'GET', body: body(20) }),
  PUT: typed(OCTET_STREAM, { method: 'PUT', body: body(20) }),
  'PATCH in chunks': typed(OCTET_STREAM, { method: 'PATCH', chunks: [body(5), body(2)] }),
  'DELETE with a body': typed(OCTET_STREAM, { method: 'DELETE', body: body(20) }),
  'HEAD with a body': typed(OCTET_STREAM, { method: 'HEAD', body: body(20) }),
  OPTIONS: typed(OCTET_STREAM, { method: 'OPTIONS', body: body(20) }),
  'Expect: 100-continue': typed(OCTET_STREAM, {
    body: body(10),
    expect: true,
    headers: { 'Content-Type': OCTET_STREAM, 'Content-Length': 10 },
  }),
  'the same, too large': typed(OCTET_STREAM, {
    body: body(2000),
    expect: true,
    headers: { 'Content-Type': OCTET_STREAM, 'Content-Length': 2000 },
  }),
};

const AT_LIMITS = ['10 bytes', '11 bytes', '1536 bytes', '1537 bytes', '100 KiB', 'a byte more'];

for (const limit of [undefined, 0, 10, '10', '1.5kb', '1.5 KB', '1mb', '10b']) {
  test(`limit: ${inspect(limit)}`, async (t) => {
    const ask = await pair(t, { limit });
    for (const id of typeof limit === 'string' ? AT_LIMITS : Object.keys(BODIES)) {
      const [raw, ours] = await ask(id, BODIES[id]);
      t.deepEqual(ours, raw, id);
    }
  });
}

const refusing = (thrown) => () => {
  throw thrown();
};
const VERIFIERS = {
  'that passes': () => {},
  'with an error': refusing(() => new Error('no')),
  'with an error of a type': refusing(() => Object.assign(new Error('no'), { type: 'sign' })),
  'with a status of its own': refusing(() => Object.assign(new Error('no'), { status: 401 })),
  'with a status that is none': refusing(() => Object.assign(new Error('no'), { status: 42 })),
  'with a TypeError': refusing(() => new TypeError('no')),
  'with a string': refusing(() => 'no'),
  'with an object': refusing(() => ({ type: 'mine' })),
  'of what it is given': (req, res, buffer, encoding) => {
    throw new Error([req.url, res.headersSent, Buffer.isBuffer(buffer), buffer, encoding].join());
  },
};

for (const [name, verify] of Object.entries(VERIFIERS)) {
  test(`verify: a function ${name}`, async (t) => {
    const ask = await pair(t, { verify });
    for (const id of ['10 bytes', 'an empty body', 'of another type', 'a byte more']) {
      const [raw, ours] = await ask(id, BODIES[id]);
      t.deepEqual(ours, raw, id);
    }
  });
}

const later = (_req, _res, next) => setImmediate(next);
const first = (change) => (req, _res, next) => {
  change(req);
  next();
};
const withLength = (length) =>
  first(({ headers }) => Object.assign(headers, { 'content-length': length }));
const BEFORE = {
  'JSON was parsed': [express5.json({ type: '*/*' })],
  'text was parsed': [express5.text({ type: '*/*' })],
  'another raw parser': [express5.raw()],
  'a body is there': [first((req) => Object.assign(req, { body: 'mine' }))],
  'an encoding was set': [first((req) => req.setEncoding('utf8'))],
  'a later turn': [later],
  'the length was made longer': [withLength('12')],
  'the length was made no number': [withLength('x')],
  'the length was made longer than the limit': [withLength('1234567')],
  'a first chunk was put back': [first((req) => req.unshift(Buffer.from('more ')))],
};

for (const [name, before] of Object.entries(BEFORE)) {
  test(`before: ${name}`, async (t) => {
    const ask = await pair(t, {}, { before });
    const texts = { number: '1234567890', JSON: '{"a":"b"}', nothing: '' };
    for (const [id, text] of Object.entries(texts)) {
      const [raw, ours] = await ask(id, typed(OCTET_STREAM, { body: Buffer.from(text) }));
      t.deepEqual(ours, raw, id);
    }
    const zipped = typed(OCTET_STREAM, { body: zlib.gzipSync('1234567890') });
    zipped.headers = { ...zipped.headers, 'Content-Encoding': 'gzip' };
    const [raw, ours] = await ask('gzip', zipped);
    t.deepEqual(ours, raw, 'gzip');
  });
}

test("Express's own answer to each kind of error", async (t) => {
  const verify = refusing(() => new Error('no'));
  const ask = await pair(t, { limit: 10, verify }, { plain: true });
  const kinds = ['a byte', '11 bytes', 'a longer chunk', '100 KiB', 'the same, too large'];
  const all = { ...BODIES, ...ENCODINGS };
  for (const id of [...kinds, 'x-gzip', 'gzip that is none', 'gzip of much more']) {
    const [raw, ours] = await ask(id, all[id]);
    t.deepEqual(ours, raw, id);
    t.true(raw.status >= 400);
  }
});

test('uploads that are cut off', async (t) => {
  const ask = await pair(t, { limit: 100 });
  const length = { 'Content-Type': OCTET_STREAM, 'Content-Length': 50 };
  const cuts = {
    'before the first byte': { headers: length, body: Buffer.alloc(0), cut: true },
    'within the body': { headers: length, body: body(10), cut: true },
    'between chunks': typed(OCTET_STREAM, { chunks: [body(10)], cut: true }),
    'before a chunk': typed(OCTET_STREAM, { chunks: [], cut: true }),
  };
  for (const [id, request] of Object.entries(cuts)) {
    const [raw, ours] = await ask(id, request);
    t.deepEqual(ours, raw, id);
    t.is(raw.outcome.type, 'request.aborted');
  }
});

// What rawBody() does in another way than express.raw(), on purpose: docs/guide/frameworks/express.md has the list.

const TEN = Buffer.from('some bytes');

test('a body of which a part was read is not read on', async (t) => {
  const before = [(req, _res, next) => req.once('readable', () => next(req.read(4) && undefined))];
  const ask = await pair(t, {}, { before });
  const [raw, ours] = await ask('read', { headers: OCTETS, body: TEN });
  t.deepEqual([raw.status, ours.status], [400, 500]);
  t.is(raw.outcome.type, 'request.size.invalid');
  t.is(ours.outcome.type, 'stream.not.readable');
});

test('a request that was paused is read, where express.raw() waits', async (t) => {
  const before = [(req, _res, next) => setImmediate(next, void req.pause())];
  const ask = await pair(t, {}, { before, sides: ['rawBody'] });
  const [ours] = await ask('paused', { headers: OCTETS, body: TEN });
  t.deepEqual([ours.status, ours.outcome.body], [200, `Buffer ${TEN.toString('hex')}`]);
});

test('a compressed upload that is cut off is an error, where express.raw() waits', async (t) => {
  const ask = await pair(t, {}, { sides: ['rawBody'] });
  const headers = { ...OCTETS, 'Content-Encoding': 'gzip', 'Content-Length': 5000 };
  const [ours] = await ask('cut', {
    headers,
    body: zlib.gzipSync(Buffer.alloc(5000)).subarray(0, 15),
    cut: true,
  });
  t.like(ours.outcome, { type: 'request.aborted', code: 'ECONNABORTED', expected: null });
});

test('options are checked', (t) => {
  const wrong = [
    { type: '' },
    { type: 'jsno' },
    { type: ['json', 5] },
    { type: null },
    { limit: '10 apples' },
    { limit: -1 },
    { limit: Number.POSITIVE_INFINITY },
    { limit: null },
    { inflate: 'yes' },
    { verify: false },
    { defaultCharset: 'utf-8' },
    { drainMs: -1 },
    { property: '' },
    5,
  ];
  for (const options of wrong) {
    t.throws(() => rawBody(options), { code: 'ERR_RALLOC_INVALID_ARGUMENT' }, inspect(options));
  }
  const known = t.throws(() => rawBody({ type: 'jsno' }));
  t.regex(known.message, /"image\/\*" or "\+json", or one of bin, csv/);
});
