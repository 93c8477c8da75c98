'use strict';

// For middleware.js: a server with an empty handler for each adapter, as a user of its framework
// writes it, with one of three middlewares: `none`, `empty` (which only calls the next), `ralloc`.

const http = require('node:http');

const hello = (_req, res) => res.end('ok');
const passOn = (_req, _res, next) => next();

function onHttp(middleware) {
  const wraps = {
    none: () => hello,
    empty: () => (req, res) => hello(req, res),
    ralloc: () => require('../../../lib/http.js').requestArena().wrap(hello),
  };
  return http.createServer(wraps[middleware]());
}

const ofExpress = {
  empty: () => passOn,
  ralloc: () => require('../../../lib/express.js').requestArena(),
};

const onExpress = (make) => (middleware) => {
  const app = make();
  if (middleware !== 'none') app.use(ofExpress[middleware]());
  if (app.get) app.get('/', hello);
  else app.use('/', hello); // connect
  return http.createServer(app);
};

function emptyHook(app) {
  app.addHook('onRequest', (_request, _reply, done) => done());
}

async function onFastify(middleware) {
  const app = require('fastify')();
  if (middleware === 'empty') emptyHook(app);
  if (middleware === 'ralloc') app.register(require('../../../lib/fastify.js'));
  app.get('/', (_request, reply) => {
    reply.send('ok');
  });
  await app.ready();
  return app.server;
}

function onKoa(middleware) {
  const Koa = require('koa');
  const app = new Koa();
  if (middleware === 'empty') app.use((_ctx, next) => next());
  if (middleware === 'ralloc') app.use(require('../../../lib/koa.js').requestArena());
  app.use((ctx) => {
    ctx.body = 'ok';
  });
  return http.createServer(app.callback());
}

function onHono(middleware) {
  const { createAdaptorServer } = require('@hono/node-server');
  const { Hono } = require('hono');
  const app = new Hono();
  if (middleware === 'empty') app.use((_c, next) => next());
  if (middleware === 'ralloc') app.use(require('../../../lib/hono.js').requestArena());
  app.get('/', (c) => c.body('ok'));
  return createAdaptorServer({ fetch: app.fetch });
}

const onNest = (platform) => async (middleware) => {
  require('reflect-metadata');
  const { Controller, Get, Module } = require('@nestjs/common');
  const { NestFactory } = require('@nestjs/core');
  class Hello {
    hello() {
      return 'ok';
    }
  }
  Controller()(Hello);
  Get('/')(Hello.prototype, 'hello', Object.getOwnPropertyDescriptor(Hello.prototype, 'hello'));
  class Root {}
  const imports = middleware === 'ralloc' ? [require('../../../lib/nest.js').requestArena()] : [];
  Module({ imports, controllers: [Hello] })(Root);
  const Adapter = {
    express: () => require('@nestjs/platform-express').ExpressAdapter,
    fastify: () => require('@nestjs/platform-fastify').FastifyAdapter,
  }[platform]();
  const app = await NestFactory.create(Root, new Adapter(), { logger: false });
  const instance = app.getHttpAdapter().getInstance();
  if (middleware === 'empty') {
    if (platform === 'express') app.use(passOn);
    else emptyHook(instance);
  }
  await app.init();
  await instance.ready?.();
  return app.getHttpServer();
};

/** Name → `async (middleware) => http.Server`, which does not listen yet. */
module.exports = {
  'node:http': onHttp,
  connect: onExpress((...args) => require('connect')(...args)),
  'express 4': onExpress(() => require('express4')()),
  'express 5': onExpress(() => require('express')()),
  fastify: onFastify,
  koa: onKoa,
  hono: onHono,
  'nest on express': onNest('express'),
  'nest on fastify': onNest('fastify'),
};
