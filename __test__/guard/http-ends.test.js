'use strict';
// tier: run-time, differs

// Messages of HTTP that end otherwise than their chunks were meant to; dead chunks.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const { Arena } = require('../../lib/index.js');
const { Client } = require('../helpers/client.js');
const { SIZE } = require('../helpers/in-flight.js');
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const CHUNK = 512; // of more Node stops to read a connection
const guarded = () => new Arena({ guard: true, chunkSize: 4 * SIZE });

/** Resets the arena, whose memory must be held, and waits until it is not. */
async function assertLetGo(t, arena, act) {
  arena.reset();
  t.true(arena.stats().memory.held > 0);
  await act();
  await until(() => arena.stats().memory.held === 0);
}

/** A port that nobody listens on, nor is given by the kernel as one that was closed a moment ago. */
const CLOSED_PORT = 1;

// On Node 20 and 22 a response that is destroyed while it waits is not closed.
const closesUnsent = Number.parseInt(process.versions.node, 10) >= 24;

const gives = {
  write: (message, buffer) => message.write(buffer),
  end: (message, buffer) => message.end(buffer),
  'write while corked': (message, buffer) => {
    message.cork();
    message.write(buffer);
  },
};

for (const [name, give] of Object.entries(gives)) {
  test.serial(`a request whose connection is refused lets go: ${name}`, async (t) => {
    const arena = guarded();
    const request = http.request({ port: CLOSED_PORT, host: '127.0.0.1', method: 'POST' });
    give(request, arena.allocUnsafe(CHUNK));
    await assertLetGo(t, arena, async () => {
      const [{ code }] = await once(request, 'error');
      t.is(code, 'ECONNREFUSED');
    });
  });

  test.serial(
    `a request that is destroyed while it waits for its socket lets go: ${name}`,
    async (t) => {
      const arena = guarded();
      const agent = new http.Agent({ maxSockets: 1 });
      let isBusy = false;
      const port = await serveOnly(t, () => {
        isBusy = true;
      });
      const first = http.get({ port, agent }).on('error', () => {});
      await until(() => isBusy);
      const request = http.request({ port, agent, method: 'POST' });
      give(request, arena.allocUnsafe(CHUNK));
      await assertLetGo(t, arena, async () => {
        request.on('error', () => {});
        request.destroy();
        first.destroy(); // Node closes the other once there is a socket for it
      });
      agent.destroy();
    },
  );

  for (const [end, act] of Object.entries({
    'is reset by its client': (client) => client.reset(),
    'is destroyed': (_client, res) => res.destroy(),
  })) {
    test.serial(`a response that waits for another lets go when it ${end}: ${name}`, async (t) => {
      const arena = guarded();
      const responses = [];
      const port = await serveOnly(t, (_req, res) => {
        if (responses.push(res) > 1) give(res, arena.allocUnsafe(CHUNK));
      });
      const client = await Client.connect(port);
      for (let i = 0; i < 20; i++) client.send('/');
      await until(() => responses.length === 20);
      await assertLetGo(t, arena, () => {
        if (end === 'is reset by its client') return act(client);
        for (const res of responses.slice(1)) act(client, res);
        return closesUnsent ? undefined : client.reset();
      });
      t.true(responses[0].req.socket.listenerCount('close') < 10, 'one listener for all');
      // Too late for all of these.
      arena.reset();
      for (const res of responses.slice(1)) {
        res.on('error', () => {});
        res.write(arena.allocUnsafe(CHUNK));
      }
      await until(() => arena.stats().guarded.http.operations >= 19);
      arena.reset();
      await until(() => arena.stats().memory.held === 0);
      client.socket.destroy();
    });
  }
}

test.serial('a corked response whose client goes away lets go', async (t) => {
  const arena = guarded();
  let response;
  const port = await serveOnly(t, (_req, res) => {
    response = res;
    res.flushHeaders();
    res.cork();
    res.write(arena.allocUnsafe(CHUNK));
  });
  const client = await Client.connect(port);
  client.send('/');
  await until(() => response !== undefined);
  await assertLetGo(t, arena, () => client.reset());
});

test.serial('a response that is destroyed in the turn of its write lets go', async (t) => {
  const arena = guarded();
  let response;
  const port = await serveOnly(t, (_req, res) => {
    response = res;
    res.write(arena.allocUnsafe(CHUNK));
    res.destroy();
    arena.reset();
  });
  const client = await Client.connect(port);
  client.send('/');
  await until(() => response !== undefined && arena.stats().memory.held === 0);
  t.pass();
});

for (const [name, give] of Object.entries(gives)) {
  test.serial(`a dead chunk throws before anything is sent: ${name}`, async (t) => {
    const arena = guarded();
    const dead = arena.allocUnsafe(CHUNK);
    arena.reset();
    const port = await serveOnly(t, (_req, res) => {
      const { code } = t.throws(() => give(res, dead));
      t.is(code, 'ERR_RALLOC_DEAD_BUFFER');
      t.false(res.headersSent);
      res.statusCode = 500;
      res.end('told');
    });
    const { status, body } = await (await Client.connect(port)).get('/');
    t.deepEqual([status, body.toString()], [500, 'told']);
  });
}

test.serial('a call that throws holds nothing', async (t) => {
  const arena = guarded();
  const port = await serveOnly(t, (_req, res) => {
    t.throws(() => res.write({}), { code: 'ERR_INVALID_ARG_TYPE' });
    res.setHeader('Content-Length', 1);
    res.strictContentLength = true;
    t.throws(() => res.end(arena.allocUnsafe(CHUNK)), { code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' });
    res.destroy();
  });
  const client = await Client.connect(port);
  client.send('/');
  await client.rest().catch(() => {});
  arena.reset();
  await until(() => arena.stats().memory.held === 0);
});
