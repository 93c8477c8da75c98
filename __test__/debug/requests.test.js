'use strict';
// tier: run-time, differs

const { randomFillSync } = require('node:crypto');
const http = require('node:http');
const test = require('ava').serial;
const express = require('express');
const fastify = require('fastify');
const { rawBody, requestArena: expressArenas } = require('../../lib/express.js');
const plugin = require('../../lib/fastify.js');
const { requestArena } = require('../../lib/http.js');
const { verify } = require('../../lib/index.js');
const { get, post, serve } = require('../helpers/ask.js');
const { kinds, lineAbove, lineOf, watched } = require('../helpers/debug.js');
const { turns, until } = require('../helpers/until.js');

/** A server of `handler` with the middleware; `over()` once all of its requests are. */
async function serving(t, handler, options) {
  const arenas = requestArena(options);
  const url = await serve(t, http.createServer(arenas.wrap(handler)));
  return { url, over: () => until(() => arenas.stats().inFlight === 0) };
}

test('a dead Buffer that is sent is told with the call and the response', async (t) => {
  const reports = watched(t);
  let kept;
  let error;
  const { url, over } = await serving(t, (req, res) => {
    kept ??= req.arena.from('page');
    try {
      if (req.url === '/written') res.write(kept);
      res.end(kept);
    } catch (thrown) {
      error = thrown;
      res.end();
    }
  });
  await get(`${url}/first?key=secret`);
  await over();
  for (const path of ['written', 'ended?key=secret']) {
    await get(`${url}/${path}`);
    t.is(error.code, 'ERR_RALLOC_DEAD_BUFFER');
    t.is(error.cause.message, reports.at(-1).message);
  }
  t.deepEqual(
    reports.map(({ kind, use }) => [kind, use]),
    [
      ['use-after-reset', 'res.write() of the response to GET /written'],
      ['use-after-reset', 'res.end() of the response to GET /ended'],
    ],
  );
  for (const { message } of reports) t.notRegex(message, /secret|lib\/request/);
});

test('bytes past a Buffer are told also where V8 has the memory, after a 503', async (t) => {
  const reports = watched(t);
  const { url, over } = await serving(t, (req, res) => {
    const { buffer, byteOffset } = req.arena.alloc(16);
    randomFillSync(new Uint8Array(buffer, byteOffset, 24));
    res.statusCode = 503;
    res.end();
  });
  await get(url);
  await over();
  t.deepEqual(kinds(reports), ['overrun']);
});

test('a Buffer that stays in a Map is told before anybody uses it, and one that goes is not', async (t) => {
  const reports = watched(t);
  const kept = new Map();
  let last; // as Node has it
  const agent = new http.Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const { url, over } = await serving(t, (req, res) => {
    req.own = req.arena.alloc(8);
    last = req;
    if (req.url === '/keep') kept.set('last', req.arena.alloc(16));
    res.end();
  });
  const ask = (path) =>
    new Promise((resolve, reject) => {
      const request = http.get(url + path, { agent }, (response) => {
        response.resume().once('end', resolve);
      });
      request.once('error', reject);
    });
  await ask('/keep');
  for (let i = 0; i < 3; i++) await ask('/other');
  await over();
  await turns(1);
  t.is(verify(), 1);
  t.deepEqual(
    reports.map(({ kind, size, request }) => [kind, size, request]),
    [['kept', 16, 'GET /keep']],
  );
  t.is(kept.get('last').length, 0);
  t.is(last.own.length, 0);
});

test('requests beyond the memory of the middleware are answered all the same', async (t) => {
  const reports = watched(t);
  const { url, over } = await serving(t, (req, res) => res.end(req.arena.alloc(200_000, 'a')), {
    maxBytes: 256 * 1024,
  });
  const answers = await Promise.all(Array.from({ length: 8 }, () => get(url)));
  t.true(answers.every((text) => text === 'a'.repeat(200_000)));
  await over();
  t.deepEqual(reports, []);
});

// A body that a framework's parser has asked for has no line of the application above it: reports name the parser and the route.

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
  const arenas = expressArenas();
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
