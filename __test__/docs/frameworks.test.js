'use strict';

// The pages of docs/frameworks/: each server answers with a frame, sends events, refuses what is too large, and shuts down
// with nothing leased; what its tests print is what the page says.

require('reflect-metadata');
const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const ts = require(require.resolve('@tsd/typescript', { paths: [require.resolve('tsd')] }));
const { NestFactory } = require('@nestjs/core');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { get, isFrame, post, urlOf } = require('../helpers/ask.js');
const { allDocuments, programs, runProgram } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

const root = path.join(__dirname, '..', '..');
const EVENTS = [1, 2, 3].map((id) => `id: ${id}\ndata: a message\n\n`).join('');

/** Page → the names that its server declares. */
const pages = {
  express: ['arenas'],
  fastify: ['app'],
  hono: ['arenas'],
  http: ['arenas'],
  koa: ['arenas'],
};

test('every page is run', (t) => {
  const all = allDocuments().filter((document) => document.startsWith('docs/frameworks/'));
  const run = [...Object.keys(pages), 'nest'].map((name) => `docs/frameworks/${name}.md`);
  t.deepEqual(all.sort(), run.sort());
});

for (const [page, names] of Object.entries(pages)) {
  const [server, inTests] = programs(`docs/frameworks/${page}.md`);

  test(`${page}: the server does what it says`, async (t) => {
    const given = { process: Object.assign(Object.create(process), { once() {}, on() {} }) };
    const result = await runProgram(t, server, { given, names: [...names, 'shutDown'] });
    await until(() => result.servers.length > 0 && result.servers[0].address() !== null);
    const { arenas = result.app.arenas } = result;
    const url = urlOf(result.servers[0]);
    isFrame(t, await post(`${url}/frame`, 'some bytes'), 'some bytes', 8);
    t.is(await get(`${url}/events`), EVENTS);
    t.is((await post(`${url}/frame`, Buffer.alloc(2 << 20))).status, 413);
    await until(() => arenas.stats().inFlight === 0);
    t.deepEqual([arenas.stats().requests, arenas.stats().heapRequests], [3, 0]);
    await result.shutDown();
    t.is(arenas.stats().memory.leased, 0);
  });

  test(`${page}: its tests do what they say`, async (t) => {
    t.is(inTests.heading, 'In tests');
    const { printed } = await runProgram(t, inTests);
    t.deepEqual(printed, inTests.printed);
  });
}

/** The page's TypeScript, as its users compile it, with Nest's factory under the control of the test. */
function compiledNest(create) {
  const text = fs.readFileSync(path.join(root, 'docs', 'frameworks', 'nest.md'), 'utf8');
  const [, source] = /^```ts\n(.*?)^```$/ms.exec(text);
  const { outputText } = ts.transpileModule(
    source.replace('listen(3000)', "listen(0, '127.0.0.1')"),
    {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    },
  );
  const found = {};
  const load = (name) => (name === '@nestjs/core' ? { NestFactory: { create } } : require(name));
  new Function('require', 'exports', outputText)(load, found);
  return found;
}

for (const [platform, Adapter] of [
  ['Express', undefined],
  ['Fastify', FastifyAdapter],
]) {
  test(`nest on ${platform}: the server does what it says`, async (t) => {
    const { ARENAS } = require('ralloc/nest');
    const { start } = compiledNest(async (root, options) => {
      const adapters = Adapter === undefined ? [] : [new Adapter()];
      return NestFactory.create(root, ...adapters, options);
    });
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
    http.globalAgent.destroy();
    app.getHttpServer().closeAllConnections();
    await app.close();
    t.is(arenas.stats().memory.leased, 0);
  });
}
