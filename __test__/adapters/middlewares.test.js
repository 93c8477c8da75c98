'use strict';
// tier: run-time

// Middlewares and plugins of others with Fastify, Koa and Hono, mounted before ralloc's and after it.

const test = require('ava');
const http = require('node:http');
const { Readable } = require('node:stream');
const compress = require('@fastify/compress');
const multipartPlugin = require('@fastify/multipart');
const { createAdaptorServer } = require('@hono/node-server');
const fastify = require('fastify');
const { Hono } = require('hono');
const { bodyLimit } = require('hono/body-limit');
const { compress: honoCompress } = require('hono/compress');
const Koa = require('koa');
const { koaBody } = require('koa-body');
const koaCompress = require('koa-compress');
const { sameBytes } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { Kept, multipart, unpack, visit } = require('../helpers/between.js');
const { assertSettled, listen } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { sendChunked } = require('../helpers/uploads.js');

const FILE = Buffer.from(Array.from({ length: 90_000 }, (_, i) => i % 251));

/** What a route of helpers/between.js answers: a Buffer, or a stream, which for `/begun` does not end. */
async function answer({ path, arena, kept, readBody, res }) {
  if (path === '/whole') return kept.of(arena, 100_000);
  if (path === '/echo') return kept.add(await readBody());
  async function* parts() {
    yield kept.of(arena, 100_000);
    yield kept.of(arena, 300_000);
    if (path === '/parts') yield kept.of(arena, 1);
    else await new Promise((resolve) => res.once('close', resolve));
  }
  return Readable.from(parts(), { objectMode: false });
}

async function collect(stream, arena) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return arena.concat(parts);
}

const inOrder = (order, ours, other) => (order === 'before' ? [other, ours] : [ours, other]);

const kinds = {
  fastify: {
    others: {
      '@fastify/compress': (app) => app.register(compress, { threshold: 0 }),
      '@fastify/multipart': (app) => app.register(multipartPlugin),
    },
    async serve(t, order, other, kept) {
      const app = fastify({ keepAliveTimeout: 60_000, http: {} });
      const ours = (to) => to.register(require('ralloc/fastify'));
      for (const mount of inOrder(order, ours, other)) mount(app);
      const type = 'application/octet-stream';
      app.addContentTypeParser(type, (_request, body, done) => done(null, body));
      const route = async (request, reply) => {
        const { arena, url: path } = request;
        reply.type('text/plain');
        const readBody = () => collect(request.body, arena);
        return answer({ path, arena, kept, readBody, res: reply.raw });
      };
      app.after(() => {
        app.get('/*', route);
        app.post('/echo', route);
        app.post('/file', async (request) => {
          const { file } = await request.file();
          return kept.add(await collect(file, request.arena));
        });
      });
      await app.listen({ port: 0, host: '127.0.0.1' });
      t.teardown(() => {
        app.server.closeAllConnections();
        return app.close();
      });
      return { port: app.server.address().port, arenas: app.arenas, kept };
    },
  },
  koa: {
    others: {
      'koa-compress': (app) => app.use(koaCompress({ threshold: 0, br: false })),
      'koa-body': (app) => app.use(koaBody({ multipart: true })),
    },
    async serve(t, order, other, kept) {
      const app = new Koa();
      app.silent = true;
      const arenas = require('ralloc/koa').requestArena();
      for (const mount of inOrder(order, (to) => to.use(arenas), other)) mount(app);
      app.use(async (ctx) => {
        const { arena, path } = ctx;
        const readBody = () => collect(ctx.req, arena);
        if (path === '/file') {
          const { filepath } = ctx.request.files.file;
          ctx.body = kept.add(await collect(require('node:fs').createReadStream(filepath), arena));
        } else {
          ctx.body = await answer({ path, arena, kept, readBody, res: ctx.res });
        }
        ctx.type = 'text/plain';
      });
      const server = http.createServer(app.callback());
      t.teardown(() => {
        server.close();
        server.closeAllConnections();
      });
      return { port: await listen(server), arenas, kept };
    },
  },
  hono: {
    others: {
      'hono/compress': (app) => app.use(honoCompress({ threshold: 0 })),
      'hono/body-limit': (app) => app.use(bodyLimit({ maxSize: 300_000 })),
    },
    async serve(t, order, other, kept) {
      const app = new Hono();
      app.onError((error, c) => error.getResponse?.() ?? c.text('', 500));
      const arenas = require('ralloc/hono').requestArena();
      for (const mount of inOrder(order, (to) => to.use(arenas), other)) mount(app);
      app.all('*', async (c) => {
        const { path } = c.req;
        const arena = c.get('arena');
        c.header('content-type', 'text/plain');
        const readBody = async () => arena.from(await c.req.arrayBuffer());
        if (path === '/file') {
          const { file } = await c.req.parseBody();
          return c.body(kept.add(arena.from(await file.arrayBuffer())));
        }
        const body = await answer({ path, arena, kept, readBody, res: c.env.outgoing });
        return c.body(body instanceof Readable ? Readable.toWeb(body) : body);
      });
      const server = createAdaptorServer({
        fetch: app.fetch,
      });
      t.teardown(() => {
        server.close();
        server.closeAllConnections();
      });
      return { port: await listen(server), arenas, kept };
    },
  },
};

const compressors = ['@fastify/compress', 'koa-compress', 'hono/compress'];

for (const [framework, { others, serve }] of Object.entries(kinds)) {
  for (const [name, other] of Object.entries(others)) {
    for (const order of ['before', 'after']) {
      test.serial(`${framework}: ${name}, mounted ${order} ralloc's`, async (t) => {
        const server = await serve(t, order, other, new Kept());
        const encoding = compressors.includes(name) ? 'gzip' : undefined;
        await visit(t, server, { encoding });
      });
    }
  }
}

for (const [framework, name] of [
  ['fastify', '@fastify/multipart'],
  ['koa', 'koa-body'],
  ['hono', 'hono/body-limit'],
]) {
  for (const order of ['before', 'after']) {
    test.serial(
      `${framework}: an upload by ${name}, mounted ${order} ralloc's, in full and cut off`,
      async (t) => {
        const { others, serve } = kinds[framework];
        const { port, arenas, kept } = await serve(t, order, others[name], new Kept());
        const client = await Client.connect(port);
        const { headers, body } = multipart(FILE);
        for (let i = 0; i < 2; i++) {
          const response = await client.get('/file', { method: 'POST', headers, body });
          sameBytes(t, unpack(response), FILE);
        }
        await until(() => arenas.stats().inFlight === 0);
        t.is(kept.alive, 0);
        const length = { ...headers, 'Content-Length': body.length };
        client.send('/file', { method: 'POST', headers: length });
        client.socket.write(body.subarray(0, 50_000));
        const isBegun = order === 'after';
        if (isBegun) await until(() => arenas.stats().requests === 3);
        await client.reset();
        await until(() => arenas.stats().inFlight === 0);
        t.is(arenas.stats().finished, 2);
        assertSettled(t, arenas);
      },
    );
  }
}

for (const order of ['before', 'after']) {
  test.serial(
    `hono: a body over the limit of hono/body-limit, mounted ${order} ralloc's, with its length and without`,
    async (t) => {
      const { others, serve } = kinds.hono;
      const { port, arenas } = await serve(t, order, others['hono/body-limit'], new Kept());
      const large = Buffer.alloc(400_000);
      // All is sent before the answer: who still writes when the connection ends may not see it.
      for (const send of [
        (client) => client.send('/echo', { method: 'POST', body: large }),
        (client) =>
          sendChunked(client, '/echo', [large.subarray(0, 200_000), large.subarray(200_000)]),
      ]) {
        const client = await Client.connect(port);
        send(client);
        t.is((await client.response()).status, 413);
        await client.destroy();
      }
      await until(() => arenas.stats().inFlight === 0);
      t.is(arenas.stats().requests, order === 'before' ? 0 : 2);
      assertSettled(t, arenas);
    },
  );
}
