'use strict';
// tier: run-time

// A body that a framework's parser has asked for has no line of the application above it: reports name the parser and the route.

const express = require('express');
const fastify = require('fastify');
const test = require('ava').serial;
const { rawBody, requestArena } = require('../../lib/express.js');
const plugin = require('../../lib/fastify.js');
const { post, serve } = require('../helpers/ask.js');
const { lineAbove, lineOf, watched } = require('../helpers/debug.js');
const { until } = require('../helpers/until.js');

async function ofFastify(t, keep) {
  const app = fastify();
  app.register(plugin, { body: true });
  app.register(async (routes) => {
    const handler = async (request) => {
      keep(request.body);
      return 'kept';
    };
    routes.post('/items/:id', handler);
    routes.setNotFoundHandler(handler);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  return { url, arenas: app.arenas };
}

async function ofExpress(t, keep) {
  const arenas = requestArena();
  const app = express().use(arenas);
  const handler = (req, res) => {
    keep(req.body);
    res.end('kept');
  };
  app.use('/shop', express.Router().post('/items/:id', rawBody(), handler));
  app.use(rawBody(), handler);
  return { url: await serve(t, app), arenas };
}

const FASTIFY = 'the option "body" of ralloc/fastify';
const EXPRESS = 'rawBody() of ralloc/express';

for (const [title, serving, path, place] of [
  ['Fastify', ofFastify, '/items/7?key=secret', `${FASTIFY}, for the route POST /items/:id`],
  ['Fastify, without a route', ofFastify, '/nothing?key=secret', `${FASTIFY}, for POST /nothing`],
  ['Express', ofExpress, '/shop/items/7', `${EXPRESS}, for the route POST /shop/items/:id`],
  ['Express, without a route', ofExpress, '/nothing?key=secret', `${EXPRESS}, for POST /nothing`],
]) {
  test(`${title}: a report of a body that was kept names the route that has it read`, async (t) => {
    const reports = watched(t);
    let body;
    const { url, arenas } = await serving(t, (given) => {
      body = given;
    });
    await post(`${url}${path}`, Buffer.alloc(20, 'x'));
    await until(() => arenas.stats().inFlight === 0);
    body.toString();
    const used = lineAbove();
    t.is(reports.length, 1);
    const [{ message, used: told }] = reports;
    t.is(lineOf(told), used);
    t.true(message.includes(`\n  allocated at\n    by ${place}\n  used at\n`), message);
    t.notRegex(message, /node_modules|secret/);
  });
}
