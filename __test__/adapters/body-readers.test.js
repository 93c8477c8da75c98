'use strict';
// tier: run-time, differs

// body() beside what frameworks and their parsers read themselves: whoever comes second is told, and nobody waits.

require('reflect-metadata');
const test = require('ava');
const http = require('node:http');
const { once } = require('node:events');
const { serve } = require('@hono/node-server');
const { Controller, Module, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { Hono } = require('hono');
const Koa = require('koa');
const { koaBody } = require('koa-body');
const ofHono = require('ralloc/hono');
const ofKoa = require('ralloc/koa');
const ofNest = require('ralloc/nest');
const { urlOf } = require('../helpers/ask.js');

const JSON_TEXT = '{"a":1}';
const READ = 'ERR_RALLOC_INVALID_ARGUMENT';

async function post(url, type = 'application/json') {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON_TEXT,
    headers: { 'content-type': type },
  });
  return response.text();
}

const outcome = (promise) => promise.then(String, ({ name, code }) => `${name} ${code}`);

function hono() {
  const app = new Hono();
  app.use(ofHono.requestArena());
  const methods = ['json', 'text', 'arrayBuffer', 'blob'];
  for (const method of methods) {
    app.post(`/after/${method}`, async (c) => {
      const body = await c.get('arena').body();
      return c.text(`${body} ${await outcome(c.req[method]())}`);
    });
    app.post(`/before/${method}`, async (c) => {
      await c.req[method]();
      return c.text(await outcome(c.get('arena').body()));
    });
  }
  return { app, methods };
}

test('hono: c.req.json() and its like reject after body(), and body() after them', async (t) => {
  const { app, methods } = hono();
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  t.teardown(() => server.close());
  await once(server, 'listening');
  for (const method of methods) {
    t.is(
      await post(`${urlOf(server)}/after/${method}`),
      `${JSON_TEXT} TypeError undefined`,
      method,
    );
    t.is(await post(`${urlOf(server)}/before/${method}`), `TypeError ${READ}`, method);
  }
  server.closeAllConnections();
});

test('hono: the same with app.request()', async (t) => {
  const { app, methods } = hono();
  const ask = async (path) => (await app.request(path, { method: 'POST', body: JSON_TEXT })).text();
  for (const method of methods) {
    t.is(await ask(`/after/${method}`), `${JSON_TEXT} TypeError undefined`, method);
    t.is(await ask(`/before/${method}`), `TypeError ${READ}`, method);
  }
});

test('koa: body() for what koa-body does not parse, and an error for what it has', async (t) => {
  const app = new Koa();
  app.use(ofKoa.requestArena());
  app.use(koaBody());
  app.use(async (ctx) => {
    ctx.body = await outcome(ctx.arena.body());
  });
  const server = http.createServer(app.callback()).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  t.is(await post(urlOf(server), 'application/octet-stream'), JSON_TEXT);
  t.is(await post(urlOf(server)), `TypeError ${READ}`);
  server.closeAllConnections();
});

for (const [name, adapters] of [
  ['Express', () => []],
  ['Fastify', () => [new FastifyAdapter()]],
]) {
  test(`nest on ${name}: body() for what Nest does not parse, and an error for what it has`, async (t) => {
    class Bodies {
      answer(arena) {
        return outcome(arena.body());
      }
    }
    const { prototype } = Bodies;
    Controller()(Bodies);
    Post()(prototype, 'answer', Object.getOwnPropertyDescriptor(prototype, 'answer'));
    ofNest.Arena()(prototype, 'answer', 0);
    class Root {}
    Module({ imports: [ofNest.requestArena()], controllers: [Bodies] })(Root);
    const app = await NestFactory.create(Root, ...adapters(), { logger: false });
    t.teardown(() => app.close());
    if (name === 'Fastify') {
      const instance = app.getHttpAdapter().getInstance();
      instance.addContentTypeParser('application/octet-stream', (_request, _body, done) =>
        done(null),
      );
    }
    await app.listen(0, '127.0.0.1');
    const url = urlOf(app.getHttpServer());
    t.is(await post(url, 'application/octet-stream'), JSON_TEXT);
    t.is(await post(url), `TypeError ${READ}`);
    app.getHttpServer().closeAllConnections();
  });
}
