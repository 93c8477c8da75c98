'use strict';
// tier: run-time, differs

// wrap() on the other servers of Node and with their other events, and upgrades.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { buffer } = require('node:stream/consumers');
const websocket = require('@fastify/websocket');
const expressWs = require('express-ws');
const express4 = require('express4');
const fastify = require('fastify');
const { requestArena } = require('ralloc/http');
const { WebSocket } = require('ws');
const { certificate } = require('../helpers/certificate.js');
const { Client } = require('../helpers/client.js');
const { Exchange } = require('../helpers/exchange.js');
const { assertSettled, listen } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const answer = (kept) => (req, res) => {
  kept.push(req.arena.from(`you asked for ${req.url}`));
  res.end(kept.at(-1));
};

async function ended(t, arenas, kept) {
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().finished, kept.length);
  t.true(kept.every(({ length }) => length === 0));
  assertSettled(t, arenas);
}

test('https', async (t) => {
  const arenas = requestArena();
  const kept = [];
  const server = https.createServer(certificate(), arenas.wrap(answer(kept)));
  t.teardown(() => server.close());
  const port = await listen(server);
  const options = { port, host: '127.0.0.1', path: '/x', rejectUnauthorized: false, agent: false };
  const [response] = await once(https.get(options), 'response');
  t.is((await buffer(response)).toString(), 'you asked for /x');
  await ended(t, arenas, kept);
});

test('http2, by its compatibility API', async (t) => {
  const arenas = requestArena();
  const kept = [];
  const server = http2.createServer(arenas.wrap(answer(kept)));
  t.teardown(() => server.close());
  const session = http2.connect(`http://127.0.0.1:${await listen(server)}`);
  for (const path of ['/a', '/b']) {
    const parts = await session.request({ ':path': path }).toArray();
    t.is(Buffer.concat(parts).toString(), `you asked for ${path}`);
  }
  session.close();
  await ended(t, arenas, kept);
});

test('a listener of checkContinue has the arena too', async (t) => {
  const arenas = requestArena();
  const kept = [];
  const server = http.createServer();
  server.on(
    'checkContinue',
    arenas.wrap((req, res) => {
      res.writeContinue();
      answer(kept)(req, res);
    }),
  );
  t.teardown(() => server.close());
  const port = await listen(server);
  const headers = { Expect: '100-continue' };
  const req = http.request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false });
  req.end('body');
  const [response] = await once(req, 'response');
  t.is((await buffer(response)).toString(), 'you asked for /');
  await ended(t, arenas, kept);
});

test('with a context a listener is called as without, and its arena is the current one', (t) => {
  const arenas = requestArena({ context: true });
  const { req, res } = new Exchange();
  const server = {};
  const listener = arenas.wrap(function listen(...args) {
    return { self: this, args, current: arenas.current() };
  });
  const { self, args, current } = listener.call(server, req, res, 'more');
  t.is(self, server);
  t.deepEqual(args, [req, res, 'more']);
  t.is(current, req.arena);
  t.is(arenas.current(), undefined);
  t.true(arenas.end(req));
});

test('a plain upgrade and a CONNECT reach no middleware, and have no arena', async (t) => {
  const arenas = requestArena();
  const server = http.createServer(arenas.wrap(() => t.fail()));
  const seen = [];
  for (const event of ['upgrade', 'connect']) {
    server.on(event, (req, socket) => {
      seen.push([event, req.arena]);
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    });
  }
  t.teardown(() => server.close());
  const port = await listen(server);
  const upgrade = await Client.connect(port);
  upgrade.send('/', { headers: { Connection: 'Upgrade', Upgrade: 'other' } });
  await upgrade.rest();
  const tunnel = await Client.connect(port);
  tunnel.send('example.test:80', { method: 'CONNECT' });
  await tunnel.rest();
  t.deepEqual(seen, [
    ['upgrade', undefined],
    ['connect', undefined],
  ]);
  t.is(arenas.stats().requests, 0);
});

// Upgrades. A plain one is an event that no middleware sees; packages that send it through their framework's routes give it a
// response of their own, which emits nothing: then the arena ends with the socket.

/** Echoes by a scope for each message, so that nothing of it is kept. */
function echo(socket, arena) {
  socket.on('message', (message) =>
    arena.scope(
      (inner) => new Promise((resolve) => socket.send(inner.from(`> ${message}`), resolve)),
    ),
  );
}

const servers = {
  '@fastify/websocket': async (t) => {
    const app = fastify();
    app.register(require('ralloc/fastify'));
    app.register(websocket);
    app.register(async (routes) => {
      routes.get('/', { websocket: true }, (socket, { arena }) => echo(socket, arena));
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    t.teardown(() => app.close());
    return { arenas: app.arenas, port: app.server.address().port };
  },
  'express-ws': async (t) => {
    const { app } = expressWs(express4());
    const arenas = require('ralloc/express').requestArena();
    app.use(arenas);
    app.ws('/', (socket, { arena }) => echo(socket, arena));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    return { arenas, port: server.address().port };
  },
};

for (const [name, start] of Object.entries(servers)) {
  for (const end of ['close', 'terminate']) {
    test(`${name}: the arena ends with the socket, by ${end}()`, async (t) => {
      const { arenas, port } = await start(t);
      const client = new WebSocket(`ws://127.0.0.1:${port}/`);
      await once(client, 'open');
      for (const text of ['one', 'two', 'three']) {
        client.send(text);
        const [message] = await once(client, 'message');
        t.is(message.toString(), `> ${text}`);
      }
      t.is(arenas.stats().inFlight, 1);
      const closed = once(client, 'close');
      client[end]();
      await closed;
      await until(() => arenas.stats().inFlight === 0);
      t.is(arenas.stats().requests, 1);
      assertSettled(t, arenas);
    });
  }
}
