'use strict';

// Every adapter with several routes, as its users would write them, and with no error handler of its own: what a client gets
// for an error is the framework's doing.
//
// `routes`: path → `{ given, handler }`. `given` are the options of the route, for which undefined is none; `handler(arena)` gives
// the text of the answer, or throws.

require('reflect-metadata');
const http = require('node:http');
const { once } = require('node:events');
const { Controller, HttpCode, Module, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { ExpressAdapter } = require('@nestjs/platform-express');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { createAdaptorServer } = require('@hono/node-server');
const connect = require('connect');
const express5 = require('express');
const express4 = require('express4');
const fastify = require('fastify');
const { Hono } = require('hono');
const Koa = require('koa');
const { patient } = require('./patient.js');

function onExpress(make, options, routes) {
  const arenas = require('ralloc/express').requestArena(options);
  const app = make();
  app.set?.('env', 'test'); // no stacks on stderr
  app.use(arenas);
  for (const [path, { given, handler }] of Object.entries(routes)) {
    if (given !== undefined) app.use(path, arenas.route(given));
    app.use(path, (req, res) => res.end(handler(req.arena)));
  }
  return { arenas, server: http.createServer(app) };
}

function onHttp(options, routes) {
  const arenas = require('ralloc/http').requestArena(options);
  const listeners = {};
  for (const [path, { given, handler }] of Object.entries(routes)) {
    const door = given === undefined ? arenas : arenas.route(given);
    listeners[path] = door.wrap((req, res) => res.end(handler(req.arena)));
  }
  const server = http.createServer((req, res) => {
    try {
      listeners[req.url](req, res);
    } catch (error) {
      res.writeHead(error.statusCode ?? 500).end();
    }
  });
  return { arenas, server };
}

/** `isEarly`: the routes are there before the plugin is loaded, as routes of the application itself are. */
async function onFastify(isEarly, options, routes) {
  const app = fastify();
  const add = async (child) => {
    for (const [path, { given, handler }] of Object.entries(routes)) {
      const config = given === undefined ? {} : { ralloc: given };
      child.post(path, { config }, async (request) => handler(request.arena));
    }
  };
  app.register(require('ralloc/fastify'), options);
  if (isEarly) await add(app);
  else app.register(add);
  await app.ready();
  return { arenas: app.arenas, server: app.server, end: () => app.close() };
}

function onKoa(options, routes) {
  const arenas = require('ralloc/koa').requestArena(options);
  const app = new Koa();
  app.silent = true;
  app.use(arenas);
  for (const [path, { given, handler }] of Object.entries(routes)) {
    const route = given === undefined ? (_ctx, next) => next() : arenas.route(given);
    app.use((ctx, next) => {
      if (ctx.path !== path) return next();
      return route(ctx, async () => {
        ctx.body = handler(ctx.arena);
      });
    });
  }
  return { arenas, server: http.createServer(app.callback()) };
}

function honoOf(options, routes) {
  const arenas = require('ralloc/hono').requestArena(options);
  const app = new Hono();
  app.use(arenas);
  for (const [path, { given, handler }] of Object.entries(routes)) {
    if (given !== undefined) app.use(path, arenas.route(given));
    app.post(path, (c) => c.text(handler(c.get('arena'))));
  }
  return { arenas, app };
}

function onHono(options, routes) {
  const { arenas, app } = honoOf(options, routes);
  return { arenas, server: createAdaptorServer({ fetch: app.fetch }) };
}

async function onNest(Adapter, options, routes) {
  const { requestArena, Arena, ArenaRoute } = require('ralloc/nest');
  const arenas = requestArena(options);
  class Routes {}
  const { prototype } = Routes;
  for (const [path, { given, handler }] of Object.entries(routes)) {
    const value = (arena) => handler(arena);
    Object.defineProperty(prototype, path, { value, configurable: true, writable: true });
    const descriptor = Object.getOwnPropertyDescriptor(prototype, path);
    Post(path)(prototype, path, descriptor);
    HttpCode(200)(prototype, path, descriptor);
    Arena()(prototype, path, 0);
    if (given !== undefined) ArenaRoute(given)(prototype, path, descriptor);
  }
  Controller()(Routes);
  class Root {}
  Module({ imports: [arenas], controllers: [Routes] })(Root);
  const app = await NestFactory.create(Root, new Adapter(), { logger: false, abortOnError: false });
  await app.init();
  await app.getHttpAdapter().getInstance().ready?.();
  return { arenas, server: app.getHttpServer(), end: () => app.close() };
}

const adapters = {
  'node:http': onHttp,
  connect: (...given) => onExpress(connect, ...given),
  'express 5': (...given) => onExpress(express5, ...given),
  'express 4': (...given) => onExpress(express4, ...given),
  fastify: (...given) => onFastify(false, ...given),
  'fastify, routes first': (...given) => onFastify(true, ...given),
  koa: onKoa,
  hono: onHono,
  'nest on express': (...given) => onNest(ExpressAdapter, ...given),
  'nest on fastify': (...given) => onNest(FastifyAdapter, ...given),
};

/** Serves `routes` on an adapter until the test `t` is over: `{ arenas, port, ask }`; ask(path) gives `[status, text]`. */
async function serveRoutes(t, name, options, routes) {
  const { arenas, server, end } = await adapters[name](options, routes);
  patient(server).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    await (end?.() ?? new Promise((resolve) => server.close(resolve)));
  });
  const { port } = server.address();
  const ask = async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' });
    return [response.status, await response.text()];
  };
  return { arenas, port, ask };
}

module.exports = { adapters: Object.keys(adapters), serveRoutes, honoOf };
