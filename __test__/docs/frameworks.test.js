'use strict';
// tier: tools

// The pages of docs/guide/frameworks/: each server answers with a frame, refuses what is too large,
// and ends with nothing leased;
// what its tests print is what the page says. WebSockets, upgrades and CONNECT are no exchange of a
// request and a response.

require('reflect-metadata');
const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const path = require('node:path');
const { once } = require('node:events');
const { gzipSync } = require('node:zlib');
const { WebSocket } = require('ws');
const { serve } = require('@hono/node-server');
const { Hono } = require('hono');
const { requestArena } = require('ralloc/hono');
const ts = require(require.resolve('@tsd/typescript', { paths: [require.resolve('tsd')] }));
const { NestFactory } = require('@nestjs/core');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { get, isFrame, post, urlOf } = require('../helpers/ask.js');
const { patient } = require('../helpers/patient.js');
const { allDocuments, programs, runProgram } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

const root = path.join(__dirname, '..', '..');

/** Page → the names that its server declares. */
const pages = {
  express: ['arenas'],
  fastify: ['app'],
  hono: ['arenas'],
  http: ['arenas'],
  koa: ['arenas'],
};

test('every page is run', (t) => {
  const all = allDocuments().filter((document) => document.startsWith('docs/guide/frameworks/'));
  const run = [...Object.keys(pages), 'nest'].map((name) => `docs/guide/frameworks/${name}.md`);
  t.deepEqual(all.sort(), run.sort());
});

for (const [page, names] of Object.entries(pages)) {
  const [server, ...others] = programs(`docs/guide/frameworks/${page}.md`);
  const inTests = others.find(({ heading }) => heading === 'In tests');

  test(`${page}: the server does what it says`, async (t) => {
    const given = { process: Object.assign(Object.create(process), { once() {}, on() {} }) };
    const hasShutDown = server.code.includes('function shutDown');
    const all = hasShutDown ? [...names, 'shutDown'] : names;
    const result = await runProgram(t, server, { given, names: all });
    await until(() => result.servers.length > 0 && result.servers[0].address() !== null);
    const { arenas = result.app.arenas } = result;
    const url = urlOf(result.servers[0]);
    const longest = 'a'.repeat(1 << 20); // its limit, with a copy within maxBytesPerRequest
    for (const body of ['some bytes', longest]) {
      isFrame(t, await post(`${url}/frame`, body), body, 8);
    }
    t.is((await post(`${url}/frame`, Buffer.alloc(2 << 20))).status, 413);
    await until(() => arenas.stats().inFlight === 0);
    t.deepEqual([arenas.stats().requests, arenas.stats().heapRequests], [3, 0]);
    await (hasShutDown ? result.shutDown() : arenas.close());
    t.is(arenas.stats().memory.leased, 0);
  });

  if (inTests === undefined) continue; // not each page has one
  test(`${page}: its tests do what they say`, async (t) => {
    const { printed } = await runProgram(t, inTests);
    t.deepEqual(printed, inTests.printed);
  });
}

test('express: a body is read into the arena, what was compressed too', async (t) => {
  const program = programs('docs/guide/frameworks/express.md')[1];
  t.is(program.heading, 'Bodies');
  const { app } = await runProgram(t, program, { names: ['app'] });
  const server = patient(http.createServer(app)).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const body = Buffer.alloc(200_000, 'some bytes');
  const lengthOf = async (sent, headers) => {
    const response = await fetch(`${urlOf(server)}/length`, {
      method: 'POST',
      body: sent,
      headers,
    });
    return response.text();
  };
  t.is(await lengthOf(body, { 'content-type': 'image/png' }), '200000');
  const headers = { 'content-type': 'application/octet-stream', 'content-encoding': 'gzip' };
  t.is(await lengthOf(gzipSync(body), headers), '200000');
  server.closeAllConnections();
});

test('fastify: a body is read into the arena', async (t) => {
  const program = programs('docs/guide/frameworks/fastify.md')[1];
  t.is(program.heading, 'Bodies');
  const { app } = await runProgram(t, program, { names: ['app'] });
  const headers = { 'content-type': 'image/png' };
  const payload = Buffer.alloc(2_000_000);
  const { body } = await app.inject({ method: 'POST', url: '/length', headers, payload });
  t.is(body, '2000000');
  await app.close();
});

test('hono: a body is read into the arena', async (t) => {
  const program = programs('docs/guide/frameworks/hono.md')[1];
  t.is(program.heading, 'Where bytes are copied');
  const { bodyOf } = await runProgram(t, program, { names: ['bodyOf'] });
  const arenas = requestArena();
  const app = new Hono().use(arenas).post('/', async (c) => {
    const body = await bodyOf(c);
    t.true(c.get('arena').owns(body));
    return c.body(body);
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  t.teardown(() => server.close());
  await once(server, 'listening');
  const body = Buffer.alloc(200_000, 'some bytes');
  const response = await fetch(urlOf(server), { method: 'POST', body });
  t.true(body.equals(Buffer.from(await response.arrayBuffer())));
  await until(() => arenas.stats().inFlight === 0);
  server.closeAllConnections();
});

/**
 * What a `ts` block of Nest's page exports, compiled as its users do, with what it requires by
 * `load`.
 */
function compiled(index, load, change = (source) => source) {
  const text = fs.readFileSync(path.join(root, 'docs', 'guide', 'frameworks', 'nest.md'), 'utf8');
  const [, source] = [...text.matchAll(/^```ts\n(.*?)^```$/gms)][index];
  const { outputText } = ts.transpileModule(
    change(source.replace('listen(3000)', "listen(0, '127.0.0.1')")),
    {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        esModuleInterop: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    },
  );
  const found = {};
  new Function('require', 'exports', outputText)(load, found);
  return found;
}

for (const [platform, adapters] of [
  ['Express', () => []],
  ['Fastify', () => [new FastifyAdapter()]],
]) {
  test(`nest on ${platform}: the server does what it says`, async (t) => {
    const { ARENAS } = require('ralloc/nest');
    const create = (root, options) => NestFactory.create(root, ...adapters(), options);
    const load = (name) => (name === '@nestjs/core' ? { NestFactory: { create } } : require(name));
    const { start } = compiled(0, load);
    const app = await start();
    const url = urlOf(app.getHttpServer());
    const json = (text) =>
      fetch(`${url}/frame`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text }),
      });
    const response = await json('some bytes');
    t.is(response.status, 201);
    const bytes = Buffer.from(await response.arrayBuffer());
    t.deepEqual([bytes.readUInt32BE(0), bytes.subarray(8).toString()], [10, 'some bytes']);
    t.is(await get(`${url}/hello`), 'hello');
    const arenas = app.get(ARENAS);
    await until(() => arenas.stats().inFlight === 0);
    t.deepEqual([arenas.stats().requests, arenas.stats().heapRequests], [2, 0]);
    app.getHttpServer().closeAllConnections();
    await app.close();
    t.is(arenas.stats().memory.leased, 0);
  });

  test(`nest on ${platform}: a server with a stream of events ends at its deadline`, async (t) => {
    const { Controller, Module, Sse } = require('@nestjs/common');
    const { NEVER, startWith } = require('rxjs');
    const { ARENAS, requestArena } = require('ralloc/nest');
    const { Deadline } = compiled(1, require, (source) => source.replace('8000', '200'));
    class Events {
      events() {
        return NEVER.pipe(startWith({ data: 'begun' }));
      }
    }
    const { prototype } = Events;
    Controller()(Events);
    Sse('events')(prototype, 'events', Object.getOwnPropertyDescriptor(prototype, 'events'));
    class Root {}
    Module({ imports: [requestArena()], controllers: [Events], providers: [Deadline] })(Root);
    const app = await NestFactory.create(Root, ...adapters(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const stream = http.get(`${urlOf(app.getHttpServer())}/events`, { agent: false });
    const [response] = await once(stream, 'response');
    response.on('error', () => {});
    let told = '';
    response.on('data', (data) => {
      told += data;
    });
    await until(() => told.includes('begun'));
    await app.close();
    const arenas = app.get(ARENAS);
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().requests, 1);
  });
}

const MESSAGES = 2000;
const shown = (page, wanted) =>
  programs(`docs/guide/frameworks/${page}.md`).find(({ heading }) => heading === wanted);

/** Runs a program: what it declares by these names, and its port. */
async function run(t, page, heading, names) {
  const result = await runProgram(t, shown(page, heading), { names });
  await until(() => result.servers.length > 0 && result.servers[0].address() !== null);
  return { ...result, port: result.servers[0].address().port };
}

for (const [page, name] of [
  ['express', 'arenas'],
  ['fastify', 'app'],
]) {
  test(`${page}: a WebSocket of many messages uses one piece of memory, which ends with the socket`, async (t) => {
    const { port, [name]: given } = await run(t, page, 'WebSockets', [name]);
    const arenas = given.arenas ?? given;
    const client = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(client, 'open');
    let first;
    for (let i = 0; i < MESSAGES; i++) {
      client.send(`message ${i}`);
      const [answer] = await once(client, 'message');
      if (answer.toString() !== `> message ${i}`) t.fail(`${answer}`);
      first ??= arenas.stats().memory.used;
    }
    t.is(arenas.stats().memory.used, first);
    t.is(arenas.stats().inFlight, 1);
    client.terminate();
    await until(() => arenas.stats().inFlight === 0);
    const { requests, heapRequests, memory } = arenas.stats();
    t.deepEqual([requests, heapRequests, memory.leased, memory.held], [1, 0, 0, 0]);
    await given.close();
  });
}

for (const [event, options, status] of [
  ['connect', { method: 'CONNECT', path: 'example.test:80' }, 200],
  ['upgrade', { headers: { Connection: 'Upgrade', Upgrade: 'lengths' } }, 101],
]) {
  test(`http: after ${event} the connection has an arena of its own`, async (t) => {
    const { port } = await run(t, 'http', 'Upgrades and CONNECT', []);
    const request = http.request({ port, host: '127.0.0.1', agent: false, ...options }).end();
    const [response, socket] = await once(request, event);
    t.is(response.statusCode, status);
    for (let i = 0; i < MESSAGES; i++) {
      const part = Buffer.alloc(100 + (i % 50), i);
      socket.write(part);
      const [bytes] = await once(socket, 'data');
      if (bytes.readUInt32BE(0) !== part.length || !bytes.subarray(4).equals(part)) t.fail(`${i}`);
    }
    // A peer that does not read for a while gets everything later, and nothing throws at the
    // arena's limit.
    const sent = 40 * 1024 * 1024; // more than the sockets' buffers take, both ways
    socket.pause();
    socket.write(Buffer.alloc(sent, 7));
    for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate);
    t.true(socket.writableLength > 0, 'the server does not read any more either');
    let received = 0;
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    socket.resume();
    await until(() => received > sent);
    socket.destroy();
    await once(socket, 'close');
  });
}

test('http: a server of http2 ends streams of events at its deadline, and leaves nothing leased', async (t) => {
  const patient = shown('http', 'http2');
  const impatient = { ...patient, code: patient.code.replace('10_000', '50') };
  const given = { process: Object.assign(Object.create(process), { once() {} }) };
  const names = ['arenas', 'sessions', 'shutDown'];
  const { servers, arenas, sessions, shutDown } = await runProgram(t, impatient, { given, names });
  await until(() => servers[0]?.address());
  const session = http2.connect(`http://127.0.0.1:${servers[0].address().port}`);
  session.on('error', () => {});
  for (const path of ['/one', '/another']) {
    const stream = session.request({ ':path': path });
    stream.on('error', () => {});
    const [part] = await once(stream, 'data');
    t.is(part.toString(), `a stream of events for ${path}`);
  }
  t.is(sessions.size, 1);
  await shutDown();
  const { inFlight, memory } = arenas.stats();
  t.deepEqual([inFlight, memory.leased], [0, 0]);
  await until(() => sessions.size === 0);
});
