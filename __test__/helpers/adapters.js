'use strict';

// Every adapter, as a server of its real framework over a real socket, with one handler behind it.
//
// `handler({ arena, req, res })`, of which `req` and `res` are Node's, gives a Buffer or a stream that the framework sends, as its
// users would have it; or it gives `RAW`, and answers by `res` itself. A framework is loaded by the first server of it.
// `admitted`: options of admission(), which stands before the arenas then.

const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { once } = require('node:events');
const { Readable, pipeline } = require('node:stream');
const { certificate } = require('./certificate.js');
const { Client } = require('./client.js');
const { Http2Client } = require('./http2-client.js');
const { patient } = require('./patient.js');

const RAW = Symbol('answers by itself');

/** Sends what a handler gave where the framework leaves that to `res`. */
async function send(res, given) {
  const body = await given;
  if (body === RAW) return;
  if (typeof body?.pipe === 'function') pipeline(body, res, () => {});
  else res.end(body);
}

const failed = (res) => {
  if (res.headersSent) res.destroy();
  else res.writeHead(500).end('thrown');
};

function onExpress(framework, options, handler, admitted) {
  const make = require(framework);
  const arenas = require('ralloc/express').requestArena(options);
  const app = make();
  app.set?.('env', 'test'); // no stacks on stderr
  const admit = admitted && require('ralloc').admission(admitted);
  if (admit) app.use(admit);
  app.use(arenas);
  app.use((req, res, next) => {
    const answer = async () => handler({ arena: req.arena, req, res });
    send(res, answer()).catch(next);
  });
  app.use((_error, _req, res, _next) => failed(res));
  return { arenas, admit, server: http.createServer(app) };
}

function onHttp(options, handler, admitted, createServer = http.createServer) {
  const arenas = require('ralloc/http').requestArena(options);
  const listener = arenas.wrap((req, res) => {
    const answer = async () => handler({ arena: req.arena, req, res });
    send(res, answer()).catch(() => failed(res));
  });
  const admit = admitted && require('ralloc').admission(admitted);
  return { arenas, admit, server: createServer(admit ? admit.wrap(listener) : listener) };
}

let pair; // of all servers of https

function onHttps(options, handler, admitted) {
  pair ??= certificate();
  const connect = (port) => Client.connectSecurely(port, pair.cert);
  const served = onHttp(options, handler, admitted, (listener) =>
    https.createServer(pair, listener),
  );
  return { ...served, connect };
}

function onHttp2(options, handler, admitted) {
  const connect = (port) => Http2Client.connect(port);
  return { ...onHttp(options, handler, admitted, http2.createServer), connect };
}

/** Handlers that read bodies read them of Node's request. */
function leaveBodies(app) {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
}

async function onFastify(options, handler, admitted) {
  const app = require('fastify')({ exposeHeadRoutes: false, http: {} });
  if (admitted) app.register(require('ralloc/fastify').admission, admitted);
  app.register(require('ralloc/fastify'), options);
  leaveBodies(app);
  app.all('/*', async (request, reply) => {
    const { raw: req } = request;
    const body = await handler({ arena: request.arena, req, res: reply.raw });
    if (body === RAW) reply.hijack();
    return body;
  });
  await app.ready();
  const { arenas, admission: admit, server } = app;
  return { arenas, admit, server, app, end: () => app.close() };
}

function onKoa(options, handler, admitted) {
  const Koa = require('koa');
  const arenas = require('ralloc/koa').requestArena(options);
  const app = new Koa();
  app.silent = true;
  const admit = admitted && require('ralloc/koa').admission(admitted);
  if (admit) app.use(admit);
  app.use(arenas);
  app.use(async (ctx) => {
    const body = await handler({ arena: ctx.arena, req: ctx.req, res: ctx.res });
    if (body === RAW) ctx.respond = false;
    else ctx.body = body;
  });
  return { arenas, admit, server: http.createServer(app.callback()) };
}

function onHono(options, handler, admitted) {
  const { Hono } = require('hono');
  const { createAdaptorServer } = require('@hono/node-server');
  const { RESPONSE_ALREADY_SENT } = require('@hono/node-server/utils/response');
  const arenas = require('ralloc/hono').requestArena(options);
  const app = new Hono();
  app.onError((_error, c) => c.text('thrown', 500));
  const admit = admitted && require('ralloc/hono').admission(admitted);
  if (admit) app.use(admit);
  app.use(arenas);
  app.all('*', async (c) => {
    const { incoming: req, outgoing: res } = c.env;
    const body = await handler({ arena: c.get('arena'), req, res });
    if (body === RAW) return RESPONSE_ALREADY_SENT;
    return c.body(typeof body?.pipe === 'function' ? Readable.toWeb(body) : body);
  });
  return { arenas, admit, server: createAdaptorServer({ fetch: app.fetch }), app };
}

async function onNest(platform, options, handler, admitted) {
  require('reflect-metadata');
  const { Controller, All, Module, Req, Res } = require('@nestjs/common');
  const { NestFactory } = require('@nestjs/core');
  const isFastify = platform === 'fastify';
  const Adapter = isFastify
    ? require('@nestjs/platform-fastify').FastifyAdapter
    : require('@nestjs/platform-express').ExpressAdapter;
  const { requestArena, Arena } = require('ralloc/nest');
  const arenas = requestArena(options);
  class Everything {
    async answer(arena, request, response) {
      const req = request.raw ?? request;
      const res = response.raw ?? response;
      let body;
      try {
        body = await handler({ arena, req, res });
      } catch {
        failed(res);
        return;
      }
      if (body === RAW) response.hijack?.();
      else if (response.hijack === undefined) await send(res, body);
      else response.send(body);
    }
  }
  Controller()(Everything);
  const { prototype } = Everything;
  const paths = ['/', isFastify ? '*' : '*path'];
  All(paths)(prototype, 'answer', Object.getOwnPropertyDescriptor(prototype, 'answer'));
  Arena()(prototype, 'answer', 0);
  Req()(prototype, 'answer', 1);
  Res()(prototype, 'answer', 2);
  class Root {}
  Module({ imports: [arenas], controllers: [Everything] })(Root);
  const app = await NestFactory.create(Root, new Adapter(), {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  const instance = app.getHttpAdapter().getInstance();
  if (isFastify) leaveBodies(instance);
  const admit = admitted && require('ralloc').admission(admitted);
  if (admit) app.use(admit);
  await app.init();
  await instance.ready?.();
  return { arenas, admit, server: app.getHttpServer(), app, end: () => app.close() };
}

const adapters = {
  'node:http': (...args) => onHttp(...args),
  connect: (...args) => onExpress('connect', ...args),
  'express 5': (...args) => onExpress('express', ...args),
  'express 4': (...args) => onExpress('express4', ...args),
  fastify: onFastify,
  koa: onKoa,
  hono: onHono,
  'nest on express': (...args) => onNest('express', ...args),
  'nest on fastify': (...args) => onNest('fastify', ...args),
};

/** Servers of Node for which the adapter of node:http is. */
const servers = { https: onHttps, http2: onHttp2 };

/**
 * Serves `handler` on an adapter until the test `t` is over: { port, server, arenas, app, connect }, where connect() gives a
 * client. `settings` are properties of the server.
 */
async function serveOn(t, name, handler, options = {}, settings = {}, admitted = undefined) {
  const served = await (adapters[name] ?? servers[name])(options, handler, admitted);
  const { server, end, connect = (port) => Client.connect(port) } = served;
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  Object.assign(patient(server), settings).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await (end?.() ?? new Promise((resolve) => server.close(resolve)));
  });
  return { ...served, port, connect: () => connect(port) };
}

module.exports = {
  adapters: Object.keys(adapters),
  servers: Object.keys(servers),
  serveOn,
  RAW,
};
