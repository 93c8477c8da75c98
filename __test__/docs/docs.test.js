'use strict';
// tier: tools

// Every `js` block of the documents below is run as it stands. Servers are asked, files read, and
// what a console.log() shows as a comment is what it prints. Uninitialized memory has a pattern
// here, and no client may see it.

const test = require('ava');
const { createHash } = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { WebSocket } = require('ws');
const { Arena, backend, flightRecorder } = require('../..');
const { Profile } = require('../../tools/recorder/profile.js');
const { sameBytes } = require('../helpers/bytes.js');
const { get, isFrame, post, serve, settled, urlOf } = require('../helpers/ask.js');
const { canShare } = require('../helpers/slab-kinds.js');
const { allDocuments, programs, runProgram } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

const lambda = {}; // the exports of a function in a cloud
const heard = new EventEmitter(); // of the signals that a process gets

/**
 * What a program needs that it does not declare, the names that are looked at afterwards, and how.
 * By document and heading; a program that is not here is run all the same, one that is null by
 * package/bundlers.test.js.
 */
const checks = {
  'docs/guide/arenas.md': {
    'Worker threads': {
      names: ['ask'],
      async check(t, { ask }) {
        const { backend, reply } = await ask('a message');
        t.is(backend, 'js');
        t.is(reply.buffer.byteLength, 9, 'of the reply and nothing else');
        t.is(Buffer.from(reply).toString(), 'A MESSAGE');
      },
    },
  },
  'docs/guide/requests.md': {
    Requests: {
      names: ['server', 'arenas'],
      async check(t, { server, arenas }) {
        t.is(await get(`${await serve(t, server)}/path`), 'you asked for /path');
        await settled(t, arenas);
      },
    },
    'AsyncLocalStorage: current()': {
      names: ['app', 'arenas', 'encode'],
      async check(t, { app, arenas, encode }) {
        t.is(await get(await serve(t, app)), 'from deep inside');
        t.is(encode('outside').toString(), 'outside');
        t.is((await post(`${await serve(t, app)}/length`, 'seven b')).bytes.toString(), '7');
        await settled(t, arenas);
      },
    },
  },
  'docs/guide/production.md': {
    'A production server': {
      names: ['server', 'arenas', 'shutDown'],
      given: {
        process: Object.assign(Object.create(process), { env: { PORT: '0' }, once() {}, on() {} }),
      },
      async check(t, { server, arenas, shutDown }) {
        const url = await serve(t, server);
        for (const body of ['some bytes', 'a'.repeat(2 << 20)]) {
          isFrame(t, await post(`${url}/batch`, body), body, 4);
        }
        t.is(await get(`${url}/health`), 'ok');
        const metrics = await get(`${url}/metrics`);
        t.regex(metrics, /^ralloc_arena_requests_total\{arena="request"\} [1-9]/m);
        t.is((await post(`${url}/batch`, Buffer.alloc(5 << 20))).status, 413);
        await settled(t, arenas);
        await shutDown();
        t.is(arenas.stats().memory.used, arenas.stats().memory.limbo);
      },
    },
  },
  'docs/guide/container.md': {},
  'docs/guide/deploying.md': {
    Bundlers: null,
    'Bundling ralloc': null,
    'Serverless and Lambda': {
      given: { exports: lambda },
      async check(t) {
        const encoded = { body: 'aGVsbG8=', isBase64Encoded: true };
        t.deepEqual(await lambda.handler(encoded), { statusCode: 200, body: 'length 5' });
        t.is((await lambda.handler({ body: null })).body, 'length 0');
      },
    },
  },
  'docs/guide/testing.md': {},
  'docs/reference/entry-points.md': {},
  'docs/guide/uploads.md': {
    multer: {
      names: ['app'],
      async check(t, { app }) {
        const body = new FormData();
        body.set('file', new Blob([Buffer.alloc(300_000)]), 'a.bin');
        const url = await serve(t, app);
        const response = await fetch(url, { method: 'POST', body });
        t.is(await response.text(), '300000 bytes');
        body.delete('file');
        body.set('name', 'of no file');
        t.is((await fetch(url, { method: 'POST', body })).status, 400);
      },
    },
    '@fastify/multipart': {
      names: ['app'],
      async check(t, { app }) {
        const body = new FormData();
        body.set('file', new Blob([Buffer.alloc(300_000)]), 'a.bin');
        const url = await app.listen({ port: 0, host: '127.0.0.1' });
        const response = await fetch(url, { method: 'POST', body });
        t.is(await response.text(), '300000 bytes');
        body.set('file', new Blob([Buffer.alloc(5 << 20)]), 'a.bin');
        t.is((await fetch(url, { method: 'POST', body })).status, 413);
        const none = new FormData();
        none.set('name', 'of no file');
        t.is((await fetch(url, { method: 'POST', body: none })).status, 400);
        const two = new FormData();
        for (const size of [10, 20]) two.append('file', new Blob([Buffer.alloc(size)]), 'a.bin');
        const many = await fetch(`${url}/many`, { method: 'POST', body: two });
        t.deepEqual(await many.json(), [10, 20]);
        await app.close();
      },
    },
  },
  'docs/guide/migration.md': {},
  'docs/guide/slab.md': {
    'Freeing automatically': {
      names: ['later'],
      check: async (t, { later }) => t.is(await later, 8),
    },
    'Operations in flight': {
      names: ['log'],
      async check(t, { log }) {
        t.is(await new Promise((resolve) => log('', resolve)), null);
      },
    },
  },
  'docs/guide/shared-slabs.md': {
    'Between worker threads': {
      names: ['shout', 'frames'],
      async check(t, { shout, frames }) {
        if (backend === 'native') t.is(await shout('hello'), 'HELLO');
        t.is(frames.stats().held, 0);
        frames.close();
      },
    },
    'Between processes': {
      names: ['shout'],
      async check(t, { shout }) {
        if (canShare) t.is(await shout('hello'), 'HELLO');
      },
    },
  },
  'docs/guide/placement.md': {},
  'docs/guide/memory-limit.md': {},
  'docs/guide/admission.md': {
    Mounting: {
      names: ['app', 'budget'],
      async check(t, { app, budget }) {
        app.post('/', (req, res) => res.json([req.body, budget.used]));
        const url = await serve(t, http.createServer(app));
        const headers = { 'Content-Type': 'application/json' };
        const answer = await fetch(url, { method: 'POST', headers, body: '[7]' });
        t.deepEqual(await answer.json(), [[7], 6]);
        await until(() => budget.used === 0);
      },
    },
    'Before anything is sent': {
      names: ['app', 'server'],
      async check(t, { app, server }) {
        app.post('/', (_req, res) => res.end());
        const url = await serve(t, server);
        const headers = { Expect: '100-continue', 'Content-Length': 300 << 20 };
        const asked = http.request(url, { method: 'POST', headers });
        const continued = [];
        asked.on('continue', () => continued.push(true));
        asked.flushHeaders();
        const [answer] = await once(asked, 'response');
        t.deepEqual([answer.statusCode, continued], [413, []]);
        asked.destroy();
      },
    },
    'JSON and other text': {
      names: ['app', 'budget'],
      async check(t, { app, budget }) {
        const url = await serve(t, http.createServer(app));
        const headers = { 'Content-Type': 'application/json' };
        const options = { method: 'POST', headers, body: '{"a":1,"b":2}' };
        t.deepEqual(await (await fetch(`${url}/documents`, options)).json(), ['a', 'b']);
        t.is((await fetch(`${url}/upload`, options)).status, 200);
        await until(() => budget.used === 0);
        t.is(budget.stats().peak, 4 * options.body.length);
      },
    },
    'Other frameworks': {
      names: ['budget', 'server'],
      async check(t, { budget, server }) {
        t.is((await post(await serve(t, server), 'back again')).bytes.toString(), 'back again');
        await until(() => budget.used === 0);
      },
    },
    WebSockets: {
      names: ['budget', 'server'],
      async check(t, { budget, server }) {
        const charge = budget.charge(budget.available);
        const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
        await once(socket, 'open');
        socket.send('a message');
        await until(() => budget.stats().waiting === 1);
        charge.release();
        const [answer] = await once(socket, 'message');
        t.is(`${answer}`, '9 bytes');
        await until(() => budget.used === 0);
        socket.terminate();
        server.close();
      },
    },
  },
  'docs/guide/budgets.md': {},
  'docs/guide/metrics.md': {
    'prom-client': {
      names: ['app', 'promClient', 'register'],
      async check(t, { app, promClient, register }) {
        const url = await serve(t, app);
        t.is(await get(url), 'hello');
        const page = await get(`${url}/metrics`);
        t.regex(page, /^ralloc_arena_requests_total\{arena="api"\} [1-9]/m);
        t.regex(page, /^process_resident_memory_bytes /m);
        const own = await register.metrics();
        t.regex(own, /^shop_ralloc_arena_requests_total\{service="checkout",arena="api"\} [1-9]/m);
        promClient.register.clear();
      },
    },
    'Without prom-client': {
      names: ['app'],
      async check(t, { app }) {
        const url = await serve(t, app);
        t.is(await get(url), 'hello');
        t.regex(await get(`${url}/metrics`), /^ralloc_arena_requests_total\{arena="api"\} [1-9]/m);
        const headers = { accept: 'application/openmetrics-text; version=1.0.0' };
        const open = await fetch(`${url}/metrics`, { headers });
        t.regex(open.headers.get('content-type'), /^application\/openmetrics-text/);
        t.true((await open.text()).endsWith('# EOF\n'));
      },
    },
    OpenTelemetry: {
      names: ['server', 'stop'],
      async check(t, { server, stop }) {
        t.regex(await get(urlOf(server)), /^ralloc_process_resident_bytes/m);
        stop();
      },
    },
  },
  'docs/guide/region.md': {},
  'docs/guide/flight-recorder.md': {
    'Flight recorder': {
      names: ['before'],
      check(t, { before }) {
        t.teardown(() => fs.rmSync('recordings', { recursive: true }));
        t.is(before, undefined);
        const { file, close } = flightRecorder();
        t.is(path.dirname(file), path.resolve('recordings'));
        close();
      },
    },
  },
  'docs/guide/bodies.md': {
    'The body of a request': {
      names: ['server', 'arenas'],
      async check(t, { server, arenas }) {
        const url = await serve(t, server);
        const sum = createHash('sha256').update('some bytes').digest('hex');
        t.is((await post(url, 'some bytes')).bytes.toString(), sum);
        t.is((await post(url, Buffer.alloc(5 << 20))).status, 413);
        await settled(t, arenas);
      },
    },
    'In chunks': {
      names: ['digest', 'uploads'],
      async check(t, { digest, uploads }) {
        const body = Buffer.alloc(300_000, 7);
        const sum = createHash('sha256').update(body).digest('hex');
        const url = await serve(t, http.createServer(digest));
        t.is((await post(url, body)).bytes.toString(), sum);
        await settled(t, uploads);
      },
    },
    'Adopting a Buffer': {
      names: ['serveFile', 'files'],
      async check(t, { serveFile, files }) {
        const url = await serve(t, http.createServer(serveFile(__filename)));
        sameBytes(t, (await post(url, '')).bytes, fs.readFileSync(__filename));
        await settled(t, files);
      },
    },
    'Any stream': {
      names: ['checksum', 'arena'],
      async check(t, { checksum, arena }) {
        const own = fs.readFileSync(__filename).reduce((sum, byte) => (sum + byte) % 65536, 0);
        t.is(await checksum(__filename), own);
        t.is(arena.stats().allocated, 0);
      },
    },
    'Releasing a Buffer': {
      names: ['digest'],
      async check(t, { digest }) {
        const own = createHash('sha256').update(fs.readFileSync(__filename)).digest('hex');
        t.is(await digest(__filename), own);
      },
    },
  },
  'docs/explain/when-not-to-use.md': {},
  'docs/explain/safety.md': {},
  'docs/guide/debugging.md': {
    'In tests': { names: ['test'], check: (_t, { test }) => test() },
  },
  'docs/reference/errors.md': {
    'Errors and warnings': { given: { arena: new Arena(), size: 10, buffer: null } },
    Warnings: { given: { log() {} } },
  },
  'docs/guide/profiling.md': {
    'In production': {
      given: { process: Object.assign(Object.create(process), { on: heard.on.bind(heard) }) },
      check(t) {
        const file = path.join(os.tmpdir(), `app-${process.pid}.jsonl`);
        t.teardown(() => fs.rmSync(file, { force: true }));
        heard.emit('SIGUSR2');
        t.true(fs.existsSync(file));
        heard.emit('SIGUSR2');
        t.is(Profile.read(file).recorders.length, 1);
      },
    },
  },
  'docs/reference/platforms.md': {
    'When the binary is missing': {
      given: { process: { on: (_event, listener) => listener({ code: 'RALLOC_JS_BACKEND' }) } },
    },
  },
  'README.md': {
    'Gain the most': {
      names: ['app'],
      async check(t, { app, servers }) {
        const url = urlOf(servers[0]);
        app.post('/login', (req, res) => {
          req.arena.allocUnsafe(10_000).fill('password=hunter2');
          res.end('ok');
        });
        // As curl and other clients send it, with a type and without.
        for (const init of [
          { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'hello' },
          { body: 'hello' },
          { body: Buffer.alloc(1_000_000) },
        ]) {
          for (let n = 0; n < 20; n++) await fetch(`${url}/login`, { method: 'POST' });
          const response = await fetch(url, { method: 'POST', ...init });
          t.is(await response.text(), `${init.body.length} bytes\n`);
        }
        t.is((await post(url, Buffer.alloc(3 << 20))).status, 413);
      },
    },
  },
  'docs/guide/zero-lines.md': {
    Compressors: {
      names: ['zip'],
      async check(t, { zip }) {
        for (const text of ['one', 'two']) t.is(`${gunzipSync(await zip(text))}`, text);
      },
    },
    Files: {
      names: ['app'],
      async check(t, { app }) {
        t.is((await fetch(await serve(t, app))).status, 404);
      },
    },
  },
};
const documents = Object.keys(checks);

test('every document that shows programs has them run', (t) => {
  const elsewhere = {
    'docs/guide/cluster.md': 'docs/cluster.test.js',
  };
  for (const [document, file] of Object.entries(elsewhere)) {
    t.true(fs.readFileSync(path.join(__dirname, '..', file), 'utf8').includes(document), document);
  }
  const shown = allDocuments().filter(
    (document) => !document.startsWith('docs/guide/frameworks/') && programs(document).length > 0,
  );
  const run = [...documents, ...Object.keys(elsewhere)];
  t.deepEqual(
    shown.filter((document) => !run.includes(document)),
    [],
  );
});

for (const document of documents) {
  const shown = programs(document);
  const known = checks[document];
  // Its programs turn debug mode on in this process, and others are not to meet it.
  const run = document.endsWith('debugging.md') ? test.serial : test;

  test(`${document}: every check is of a program that is there`, (t) => {
    const headings = shown.map(({ heading }) => heading);
    t.is(new Set(headings).size, headings.length);
    t.deepEqual(
      Object.keys(known).filter((heading) => !headings.includes(heading)),
      [],
    );
  });

  for (const program of shown) {
    if (known[program.heading] === null) continue;
    run(`${document}: "${program.heading}" does what it says`, async (t) => {
      const { given, names, check } = known[program.heading] ?? {};
      const result = await runProgram(t, program, { given, names });
      t.deepEqual(result.printed, program.printed);
      await check?.(t, result);
    });
  }
}
