'use strict';
// tier: run-time, differs by Node

// Parsers of bodies that ralloc/auto changes as they are loaded: they give the same, and give back the chunks that nobody else has had.

const { begin } = require('../../lib/auto/bodies.js');

begin([]); // before they are loaded

const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const { once } = require('node:events');
const path = require('node:path');
const express = require('express');
const express4 = require('express4');
const fastify = require('fastify');
const { createProxyMiddleware, responseInterceptor } = require('http-proxy-middleware');
const multer = require('multer');
const { Arena, Budget, admission } = require('../..');
const { Inflow } = require('../../lib/admission/inflow.js');
const { kBodies } = require('../../lib/base/protocol.js');
const { Lines } = require('../../lib/flight/lines.js');
const { Captured } = require('../helpers/captured.js');
const { run } = require('../helpers/child.js');
const { Client } = require('../helpers/client.js');
const { folder } = require('../helpers/folder.js');
const { releases } = require('../helpers/given-back.js');
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const { counts } = globalThis[kBodies];
const PIECE = 20_000;

/** Pieces of a body, each of letters of its own. */
const pieces = (count, size = PIECE) =>
  Array.from({ length: count }, (_, n) => Buffer.alloc(size, 97 + n));

/**
 * Sends `parts` one by one, each when the one before has come; between(req, n) is called after each. `{ answer, given }`: what `server` says, and the bytes that went back.
 */
async function send(t, server, parts, { path: where = '/', headers = {}, between } = {}) {
  await releases();
  const port = await serveOnly(t, server);
  const before = counts.bytes;
  const heard = once(server, 'request');
  const request = http.request({ port, path: where, method: 'POST', headers, agent: false });
  const answered = once(request, 'response');
  request.flushHeaders();
  const [req] = await heard;
  for (const [n, part] of parts.entries()) {
    const due = req.socket.bytesRead + part.length;
    request.write(part);
    await until(() => req.socket.bytesRead >= due);
    await between?.(req, n);
  }
  request.end();
  const [response] = await answered;
  const answer = `${Buffer.concat(await response.toArray())}`;
  return { answer, given: counts.bytes - before };
}

const any = { type: () => true, limit: '2mb' };

/** A server that answers with the body that `parser` makes, after `before`. */
function parsed(parser, { framework = express, before = (_req, _res, next) => next() } = {}) {
  const app = framework();
  app.post('/', before, parser, ({ body }, res) => res.end(body.text ?? body));
  app.use((error, _req, res, _next) => res.writeHead(400).end(error.message));
  return http.createServer(app);
}

const parts = pieces(4);
const whole = `${Buffer.concat(parts)}`;

/** Whether a length is announced: then the chunks are copied as they come. */
const LENGTHS = { chunked: {}, announced: { 'content-length': whole.length } };

for (const [name, framework] of Object.entries({ express, express4 })) {
  for (const [how, headers] of Object.entries(LENGTHS)) {
    for (const parser of ['raw', 'text']) {
      test.serial(`${parser}() of ${name}, ${how}: all goes back`, async (t) => {
        const server = parsed(framework[parser](any), { framework });
        const { answer, given } = await send(t, server, parts, { headers });
        t.true(answer === whole);
        t.is(given, whole.length);
      });
    }
  }

  test.serial(`json() of ${name}, whose characters end in another chunk`, async (t) => {
    const text = 'é'.repeat(30_000);
    const json = Buffer.from(JSON.stringify({ text }));
    const cut = [json.subarray(0, 30_000), json.subarray(30_000)];
    const { answer, given } = await send(t, parsed(framework.json(any), { framework }), cut);
    t.true(answer === text);
    t.is(given, json.length);
  });
}

test.serial('what is announced goes back as it comes', async (t) => {
  const given = [];
  const headers = LENGTHS.announced;
  const before = counts.bytes;
  const between = () => given.push(counts.bytes - before);
  await send(t, parsed(express.raw(any)), parts, { headers, between });
  t.deepEqual(given.slice(0, 3), [PIECE, 2 * PIECE, 3 * PIECE]);
});

test.serial('of what is announced and may not come, little is allocated', async (t) => {
  const headers = { 'content-length': 16 * PIECE + 1 };
  const all = pieces(16).concat(Buffer.from('!'));
  const given = [];
  const before = counts.bytes;
  const between = () => given.push(counts.bytes - before);
  const { answer } = await send(t, parsed(express.raw(any)), all, { headers, between });
  t.true(answer === `${Buffer.concat(all)}`);
  t.deepEqual(given.slice(0, 3), [0, PIECE, 2 * PIECE]);
});

test.serial('a long body goes back after a short one of its connection', async (t) => {
  await releases();
  const client = await Client.connect(await serveOnly(t, parsed(express.raw(any))));
  const given = [];
  for (const body of [Buffer.from('short'), Buffer.concat(parts)]) {
    const before = counts.bytes;
    client.send('/', { method: 'POST', body });
    t.true((await client.response()).body.equals(body));
    given.push(counts.bytes - before);
  }
  t.deepEqual(given, [0, whole.length]);
});

test.serial('Latin-1', async (t) => {
  const headers = { 'content-type': 'text/plain; charset=iso-8859-1' };
  const latin = pieces(2).map((part) => part.fill(0xe9));
  const { answer, given } = await send(t, parsed(express.text(any)), latin, { headers });
  t.true(answer === 'é'.repeat(2 * PIECE));
  t.is(given, 2 * PIECE);
});

test.serial('a decoder that keeps its first chunks keeps them', async (t) => {
  const headers = { 'content-type': 'text/plain; charset=utf-16' };
  const text = `\ufeff${'ab'.repeat(PIECE)}`;
  const bytes = Buffer.from(text, 'utf16le');
  const cut = [bytes.subarray(0, 6), bytes.subarray(6)];
  const { answer, given } = await send(t, parsed(express.text(any)), cut, { headers });
  t.true(answer === text.slice(1));
  t.is(given, 0);
});

test.serial('a small body that is announced is left', async (t) => {
  const headers = { 'content-length': 16_384 };
  const { given } = await send(t, parsed(express.raw(any)), pieces(1, 16_384), { headers });
  t.is(given, 0);
  const more = { 'content-length': 16_385 };
  const server = parsed(express.raw(any));
  t.is((await send(t, server, pieces(1, 16_385), { headers: more })).given, 16_385);
});

function spied(stream, name, keep) {
  const original = stream[name];
  stream[name] = function (...args) {
    args.forEach(keep);
    return Reflect.apply(original, this, args);
  };
}

/** How somebody else comes by all chunks. */
const BEFORE = {
  'a listener': (req, keep) => req.on('data', keep),
  'a listener of its end, which reads': (req, keep) => {
    req.on('readable', () => keep(req.read()));
  },
  'a patch of emit()': (req, keep) => spied(req, 'emit', keep),
  'a patch of push()': (req, keep) => spied(req, 'push', keep),
};

for (const [what, tap] of Object.entries(BEFORE)) {
  for (const parser of ['raw', 'text']) {
    test.serial(`${what} sees all, and all is left: ${parser}()`, async (t) => {
      const captured = new Captured();
      const before = (req, _res, next) => {
        tap(req, captured.keep);
        next();
      };
      const { answer, given } = await send(t, parsed(express[parser](any), { before }), parts);
      t.true(answer === whole);
      t.is(given, 0);
      t.true(captured.size >= whole.length);
      t.true(captured.isWhole);
    });
  }
}

/** And how by some: what it does after the first part, and after the second. */
const BETWEEN = {
  'a listener that goes again': [
    (req, keep) => req.on('data', keep),
    (req, keep) => req.removeListener('data', keep),
  ],
  'who pauses the body, and reads what waits': [
    (req) => req.pause(),
    async (req, keep) => {
      await until(() => req.readableLength === PIECE);
      keep(req.read());
      req.resume();
    },
  ],
};

for (const [what, [first, then]] of Object.entries(BETWEEN)) {
  for (const [parser, how] of [
    ['raw', 'chunked'],
    ['raw', 'announced'],
    ['text', 'chunked'],
  ]) {
    test.serial(`${what} has some, which are left: ${parser}(), ${how}`, async (t) => {
      const headers = LENGTHS[how];
      const captured = new Captured();
      const between = (req, n) => [first, then][n]?.(req, captured.keep);
      const { answer, given } = await send(t, parsed(express[parser](any)), parts, {
        between,
        headers,
      });
      t.true(answer === whole);
      t.is(captured.size, PIECE);
      t.true(captured.isWhole);
      t.is(given, 3 * PIECE);
    });
  }
}

test.serial('what has come before the parser began is left', async (t) => {
  const before = async (req, _res, next) => {
    await until(() => req.readableLength >= PIECE);
    next();
  };
  const { answer, given } = await send(t, parsed(express.raw(any), { before }), parts);
  t.true(answer === whole);
  t.true(given > 0 && given <= whole.length - PIECE);
});

test.serial('what somebody has put before it comes first', async (t) => {
  const before = (req, _res, next) => {
    req.unshift(Buffer.from('first'));
    next();
  };
  const port = await serveOnly(t, parsed(express.raw(any), { before }));
  const client = await Client.connect(port);
  // In one piece: the body comes in the turn in which the parser begins.
  client.write(
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlater\r\n0\r\n\r\n`,
  );
  const { body } = await client.response();
  t.is(`${body}`, 'firstlater');
  client.socket.destroy();
});

test.serial('who patches Buffer.concat() keeps what it was given', async (t) => {
  const captured = new Captured();
  const { concat } = Buffer;
  t.teardown(() => Object.assign(Buffer, { concat }));
  Buffer.concat = (list, ...rest) => {
    list.forEach(captured.keep);
    return concat(list, ...rest);
  };
  const { given } = await send(t, parsed(express.raw(any)), parts);
  t.is(given, 0);
  t.true(captured.isWhole);
});

test.serial(
  'beside the flight recorder, which watches the functions of Buffer, all goes back',
  async (t) => {
    const lines = new Lines();
    lines.start();
    t.teardown(() => lines.stop());
    const { answer, given } = await send(t, parsed(express.raw(any)), parts);
    t.true(answer === whole);
    t.is(given, whole.length);
  },
);

const admitting = () => admission({ budget: new Budget({ name: 'bodies', maxBytes: 2 ** 20 }) });

/** A middleware that counts a body, as a memory limit does, and stops it as `stopAt` bytes have come. */
function counting(stopAt) {
  const seen = { bytes: 0, stops: 0 };
  class Counted extends Inflow {
    arrives(bytes) {
      seen.bytes += bytes;
      if (seen.bytes < stopAt || seen.stops > 0) return;
      seen.stops++;
      this.stop();
    }

    ends() {}
  }
  const before = (req, res, next) => {
    seen.inflow = new Counted(req, res, whole.length);
    seen.inflow.watch();
    next();
  };
  return { seen, before };
}

for (const [how, headers] of Object.entries(LENGTHS)) {
  test.serial(`behind admission() all goes back, ${how}`, async (t) => {
    const before = admitting();
    const { answer, given } = await send(t, parsed(express.raw(any), { before }), parts, {
      headers,
    });
    t.true(answer === whole);
    t.is(given, whole.length);
  });

  test.serial(
    `a body that a limit stops and lets go on is whole, and counted once, ${how}`,
    async (t) => {
      const { seen, before } = counting(2 * PIECE);
      const between = async (req, n) => {
        if (n !== 1) return;
        await until(() => seen.stops === 1);
        t.true(req.readableLength === 0, 'what has come waits in the valve');
        seen.inflow.goOn();
      };
      const server = parsed(express.raw(any), { before });
      const { answer, given } = await send(t, server, parts, { headers, between });
      t.true(answer === whole);
      t.is(seen.bytes, whole.length);
      t.is(given, 3 * PIECE, 'all but what waited');
    },
  );
}

test.serial("who replaced a request's push() before a limit keeps what it was given", async (t) => {
  const captured = new Captured();
  const watch = admitting();
  const before = (req, res, next) => {
    const { push } = req;
    req.push = (chunk, ...rest) => {
      if (chunk !== null) captured.keep(chunk);
      return push.call(req, chunk, ...rest);
    };
    watch(req, res, next);
  };
  const { answer, given } = await send(t, parsed(express.raw(any), { before }), parts);
  t.true(answer === whole);
  t.is(given, 0);
  t.true(captured.isWhole);
});

const HEAD = 'content-disposition: form-data; name="f"; filename="f"\r\n\r\n';
const MULTIPART = { headers: { 'content-type': 'multipart/form-data; boundary=b' } };

/** Answers with the files. */
function uploads(storage = multer.memoryStorage()) {
  const app = express();
  app.post('/', multer({ storage }).any(), ({ files }, res) =>
    res.end(Buffer.concat(files.map(({ buffer }) => buffer))),
  );
  return http.createServer(app);
}

/** Two files: of `a` and `b`, and of `b` and `c`; the second part has the end of one and the begin of the other. */
const twoFiles = ([a, b, c]) => [
  Buffer.from(`--b\r\n${HEAD}${a}`),
  Buffer.from(`${b}\r\n--b\r\n${HEAD}${b}`),
  Buffer.from(`${c}\r\n--b--\r\n`),
];
const [a, b, c] = pieces(3);
const TWO = twoFiles([a, b, c]);

test.serial('files of multer, one of which ends where the next begins', async (t) => {
  let between = 0;
  const look = (_req, n) => {
    if (n === 1) between = counts.bytes;
  };
  const before = counts.bytes;
  const { answer, given } = await send(t, uploads(), TWO, { ...MULTIPART, between: look });
  t.true(answer === `${a}${b}${b}${c}`);
  t.is(given, TWO[1].length + TWO[2].length);
  t.is(between, before, 'nothing while the second file was read');
});

test.serial('a field in a chunk: that is left', async (t) => {
  const field = 'content-disposition: form-data; name="g"\r\n\r\nvalue';
  const form = [TWO[0], Buffer.from(`${b}\r\n--b\r\n${field}\r\n--b--\r\n`)];
  const { answer, given } = await send(t, uploads(), form, MULTIPART);
  t.true(answer === `${a}${b}`);
  t.is(given, 0);
});

/** How a storage around multer's own comes by parts of files. */
const STORED = {
  'a listener': (stream, keep) => stream.on('data', keep),
  'a listener that comes later': (stream, keep) => setImmediate(() => stream.on('data', keep)),
  'a patch of emit()': (stream, keep) => spied(stream, 'emit', keep),
  'a patch of push()': (stream, keep) => spied(stream, 'push', keep),
};

/** A storage that collects files into an arena. */
function collecting(t) {
  const arena = new Arena();
  t.teardown(() => arena.close());
  return {
    _handleFile(_req, { stream }, done) {
      arena.collect(stream).then((buffer) => done(null, { buffer }), done);
    },
  };
}

test.serial('files of multer that collect() reads: a chunk goes back as it comes', async (t) => {
  const back = [];
  const before = counts.bytes;
  const between = () => back.push(counts.bytes - before);
  const storage = collecting(t);
  const { answer, given } = await send(t, uploads(storage), TWO, { ...MULTIPART, between });
  t.true(answer === `${a}${b}${b}${c}`);
  t.deepEqual(back.slice(0, 2), [0, TWO[1].length]);
  t.is(given, TWO[1].length + TWO[2].length);
});

test.serial(
  'a file that collect() reads is paused for a while: nothing is read meanwhile',
  async (t) => {
    const storage = collecting(t);
    let paused;
    const pausing = {
      _handleFile(req, file, done) {
        storage._handleFile(req, file, done);
        paused ??= file.stream;
      },
    };
    let [waiting, back] = [0, 0];
    const between = (_req, n) => {
      if (n === 0) {
        paused.pause();
        back = counts.bytes;
      } else if (n === 1) {
        waiting = paused.readableLength;
        back -= counts.bytes;
        paused.resume();
      }
    };
    const few = pieces(3, 1000); // more would pause the body, too
    const { answer } = await send(t, uploads(pausing), twoFiles(few), { ...MULTIPART, between });
    t.is(answer, `${few[0]}${few[1]}${few[1]}${few[2]}`);
    t.is(waiting, 1000);
    t.is(back, 0);
  },
);

const STORAGES = { 'memoryStorage()': () => multer.memoryStorage(), 'collect()': collecting };

for (const [reader, storageOf] of Object.entries(STORAGES)) {
  for (const [what, tap] of Object.entries(STORED)) {
    test.serial(`${what} of a file that ${reader} reads: what it has is left`, async (t) => {
      const stored = storageOf(t);
      const captured = new Captured();
      const storage = {
        _handleFile(req, file, done) {
          tap(file.stream, captured.keep);
          stored._handleFile(req, file, done);
        },
      };
      const { answer, given } = await send(t, uploads(storage), TWO, MULTIPART);
      t.true(answer === `${a}${b}${b}${c}`);
      t.true(captured.size >= 2 * PIECE);
      t.true(captured.isWhole);
      t.is(given, 0);
    });
  }
}

test.serial('Fastify: bodies as Buffers and as text, of several chunks and of one', async (t) => {
  const serve = async () => {
    const app = fastify({ bodyLimit: 2 ** 21 });
    const raw = { parseAs: 'buffer' };
    app.addContentTypeParser('application/octet-stream', raw, (_req, body, done) =>
      done(null, body),
    );
    app.post('/', async ({ body }) => body);
    await app.ready();
    t.teardown(() => app.close());
    return app.server;
  };
  for (const type of ['application/octet-stream', 'text/plain']) {
    for (const some of [parts, pieces(1)]) {
      const headers = { 'content-type': type };
      const { answer, given } = await send(t, await serve(), some, { headers });
      t.true(answer === `${Buffer.concat(some)}`);
      t.is(given, answer.length);
    }
  }
});

test.serial(
  'responseInterceptor(): an answer in its chunks, also where others change one',
  async (t) => {
    const server = http.createServer((req, res) => req.pipe(res)); // in the proxy's own process
    const target = `http://127.0.0.1:${await serveOnly(t, server)}`;
    const proxy = (tap) =>
      http.createServer(
        createProxyMiddleware({
          target,
          selfHandleResponse: true,
          on: {
            proxyRes(response, req, res) {
              tap?.(response);
              responseInterceptor(async (body) => body)(response, req, res);
            },
          },
        }),
      );
    const { answer, given } = await send(t, proxy(), parts);
    t.true(answer === whole);
    t.true(given > 0);
    const changes = (response) =>
      response.on('data', (chunk) => setImmediate(() => chunk.fill('-')));
    const changed = await send(t, proxy(changes), parts);
    t.true(changed.answer === whole);
    t.is(changed.given, 0);
  },
);

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const env = { RALLOC_AUTO: '', RALLOC_TABLE: '' };

for (const where of ['main', 'worker']) {
  test(`an application of ES modules, ${where}`, async (t) => {
    const name = 'auto/posts.mjs';
    const { result, stderr } = await run(name, {
      args: [where],
      execArgv: ['--require', PRELOAD],
      env,
    });
    t.true(result?.isWhole, stderr);
    t.true(result.given > 0);
  });
}

test('what gives bodies back is loaded with the first one, and where that fails bodies stay as they are', async (t) => {
  const { result, stderr } = await run('auto/first-body.js', {
    execArgv: ['--require', PRELOAD],
    env,
  });
  t.like(result, { loaded: [false, false, true], whole: [true, true, true, true] }, stderr);
  t.true(result.given > 0);
});

for (const [where, more] of [
  ['', {}],
  [', under a memory limit with its recorder', { RALLOC_MEMORY_LIMIT: '1g' }],
]) {
  test(`the files of the first connection: their chunks go back too${where}`, async (t) => {
    const { result, stderr } = await run('auto/one-connection.js', {
      execArgv: ['--require', PRELOAD, '--max-old-space-size=500'],
      env: { ...env, ...more },
    });
    t.true(result?.areWhole, stderr);
    for (const bytes of result.given) t.true(bytes > 0, String(result.given));
  });
}

test('the stack of what fails while a file is loaded has no frame of ralloc', (t) => {
  const file = path.join(folder(t), 'fails.js');
  fs.writeFileSync(file, "throw new Error('thrown');\n");
  const { stack } = t.throws(() => require(file));
  t.true(stack.includes('_compile'), stack);
  t.false(stack.includes(path.join('lib', 'auto')), stack);
});

test('what is not known is left, and the report names it', async (t) => {
  const dir = fs.realpathSync(folder(t));
  const own = path.dirname(require.resolve('raw-body'));
  const text = fs.readFileSync(path.join(own, 'index.js'), 'utf8');
  const other = path.join(dir, 'node_modules', 'raw-body');
  fs.mkdirSync(other, { recursive: true });
  fs.writeFileSync(path.join(other, 'package.json'), '{ "version": "9.8.7" }');
  fs.writeFileSync(
    path.join(other, 'index.js'),
    text.replace('var received = 0', 'var received=0'),
  );
  fs.writeFileSync(path.join(dir, 'bundle.js'), text);
  fs.writeFileSync(path.join(dir, 'node_modules', 'fork.js'), text);
  const app =
    "require('raw-body'); require('./bundle.js'); require('fork.js'); console.log('[1]');\n";
  fs.writeFileSync(path.join(dir, 'app.js'), app);
  const { result, stderr } = await run('', {
    path: path.join(dir, 'app.js'),
    execArgv: ['--require', PRELOAD],
    cwd: dir,
    env: { ...env, RALLOC_AUTO: 'report', NODE_PATH: path.dirname(own) },
  });
  t.deepEqual(result, [1], stderr);
  const line = stderr.split('\n').find((one) => one.startsWith('ralloc: auto: bodies: '));
  t.is(
    line,
    `ralloc: auto: bodies: 0 B of 0 bodies given back; left alone: raw-body 9.8.7 (not known), raw-body in bundle.js (bundled), raw-body in ${path.join('node_modules', 'fork.js')} (a copy)`,
  );
});
