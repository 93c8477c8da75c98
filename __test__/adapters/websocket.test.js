'use strict';
// tier: run-time, differs

// Upgrades. A plain one is an event that no middleware sees; packages that send it through their framework's routes give it a
// response of their own, which emits nothing: then the arena ends with the socket.

const test = require('ava');
const { once } = require('node:events');
const websocket = require('@fastify/websocket');
const express4 = require('express4');
const expressWs = require('express-ws');
const fastify = require('fastify');
const { WebSocket } = require('ws');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

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
