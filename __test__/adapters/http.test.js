'use strict';
// tier: run-time, differs by Node

// wrap() with another event of a server, and upgrades. The servers of Node and their other events: endings.test.js.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const websocket = require('@fastify/websocket');
const expressWs = require('express-ws');
const express4 = require('express4');
const fastify = require('fastify');
const { requestArena } = require('ralloc/http');
const { WebSocket } = require('ws');
const { Client } = require('../helpers/client.js');
const { assertSettled, serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

test('a listener of checkContinue has the arena too', async (t) => {
  const arenas = requestArena();
  let kept;
  const server = http.createServer();
  const listener = arenas.wrap((req, res) => {
    res.writeContinue();
    kept = req.arena.from(`you asked for ${req.url}`);
    res.end(kept);
  });
  server.on('checkContinue', listener);
  const client = await Client.connect(await serveOnly(t, server));
  client.send('/', { method: 'POST', headers: { Expect: '100-continue', 'Content-Length': 4 } });
  t.true(await client.continued());
  client.endBody('body');
  t.is((await client.response()).body.toString(), 'you asked for /');
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().finished, 1);
  t.is(kept.length, 0);
  assertSettled(t, arenas);
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
    const app = express4();
    const server = http.createServer(app);
    expressWs(app, server);
    const arenas = require('ralloc/express').requestArena();
    app.use(arenas);
    app.ws('/', (socket, { arena }) => echo(socket, arena));
    return { arenas, port: await serveOnly(t, server) };
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
