'use strict';
// tier: run-time, differs

// Messages of HTTP that keep chunks themselves, when the memory of these is reset.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { Arena } = require('../../lib/index.js');
const { Client } = require('../helpers/client.js');
const { SIZE, isAll } = require('../helpers/in-flight.js');
const { listen, serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

/** Resets the arena, and gives its memory to b's. */
function reuse(arena) {
  arena.reset();
  arena.allocUnsafe(4 * SIZE).fill('b');
}

const make = (arena, size = SIZE) => arena.allocUnsafe(size).fill('a');

// Each gives a message one Buffer and ends it, now or in finish().
const ways = {
  'end()': (message, buffer) => message.end(buffer),
  'end() with a callback': (message, buffer) => message.end(buffer, () => {}),
  'end() of a Uint8Array': (message, { buffer, byteOffset, length }) =>
    message.end(new Uint8Array(buffer, byteOffset, length)),
  'write() and end()': (message, buffer) => {
    message.write(buffer);
    message.end();
  },
  'write() with a callback and end()': (message, buffer) => {
    message.write(buffer, () => message.end());
  },
  'write() with a Content-Length': (message, buffer) => {
    message.setHeader('Content-Length', buffer.length);
    message.write(buffer);
    message.end();
  },
  'write() while corked, and end()': (message, buffer) => {
    message.flushHeaders();
    message.cork();
    message.write(buffer);
    return () => {
      message.uncork();
      message.end();
    };
  },
};

// Without the guard Node makes a Buffer of the dead array in a callback of its own, and throws there.
const ENDS_THE_PROCESS = 'end() of a Uint8Array';

const guards = [
  [true, 'keeps its bytes'],
  [false, 'without the guard sends what came after'],
];

const WHOLE = Buffer.alloc(SIZE, 'a');

/** All that a client is sent, once `res` is over. */
async function sent(client, res) {
  const { socket } = res.req;
  if (!res.writableFinished) await once(res, 'finish');
  socket.end();
  return client.rest();
}

/** A server that answers one request when it is told to, and keeps all bytes that it gets. */
async function rawServer(t) {
  const parts = [];
  const server = net.createServer((socket) => {
    socket.on('data', (part) => parts.push(part));
    server.answer = () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    t.teardown(() => socket.destroy());
  });
  t.teardown(() => server.close());
  const port = await listen(server);
  return { port, answer: () => server.answer(), received: () => Buffer.concat(parts) };
}

for (const [guard, how] of guards) {
  for (const [name, give] of Object.entries(ways)) {
    if (!guard && name === ENDS_THE_PROCESS) continue;
    test.serial(`${name} of a response that waits for another ${how}`, async (t) => {
      const arena = new Arena({ guard, chunkSize: 4 * SIZE });
      const responses = [];
      let finish;
      const port = await serveOnly(t, (_req, res) => {
        if (responses.push(res) === 1) return;
        finish = give(res, make(arena));
        reuse(arena);
        t.is(arena.stats().memory.held > 0, guard);
      });
      const client = await Client.connect(port);
      client.send('/');
      client.send('/');
      await until(() => responses.length === 2);
      responses[0].end('first');
      t.is((await client.response()).body.toString(), 'first');
      if (typeof finish === 'function') finish();
      t.is((await sent(client, responses[1])).includes(WHOLE), guard);
      await until(() => arena.stats().memory.held === 0);
      t.is(arena.stats().guarded.http.operations > 0, guard);
    });

    test.serial(`${name} of a request that waits for a connection ${how}`, async (t) => {
      const arena = new Arena({ guard, chunkSize: 4 * SIZE });
      const agent = new http.Agent({ maxSockets: 1, keepAlive: true });
      t.teardown(() => agent.destroy());
      const server = await rawServer(t);
      const { port } = server;
      http.get({ port, agent }, (res) => res.resume());
      await until(() => server.received().length > 0);
      const request = http.request({ port, agent, method: 'POST' });
      request.on('error', () => {});
      const finish = give(request, make(arena));
      reuse(arena);
      t.is(arena.stats().memory.held > 0, guard);
      const hasSocket = once(request, 'socket');
      server.answer();
      await hasSocket;
      if (typeof finish === 'function') finish();
      if (!request.writableFinished) await once(request, 'finish');
      if (guard) await until(() => server.received().includes(WHOLE));
      t.is(server.received().includes(WHOLE), guard);
      await until(() => arena.stats().memory.held === 0);
      request.destroy();
    });
  }

  for (const [name, give] of Object.entries({
    'write() of a corked response': (res, buffer) => {
      res.flushHeaders();
      res.cork();
      res.write(buffer);
      setImmediate(() => res.uncork());
    },
    'write() of a live response whose arena is reset at once': (res, buffer) => res.write(buffer),
  })) {
    test.serial(`${name} ${how}`, async (t) => {
      const arena = new Arena({ guard, chunkSize: 4 * SIZE });
      let response;
      const port = await serveOnly(t, (_req, res) => {
        response = res;
        give(res, make(arena));
        reuse(arena);
        setImmediate(() => res.end());
      });
      const client = await Client.connect(port);
      client.send('/');
      await until(() => response !== undefined);
      t.is((await sent(client, response)).includes(WHOLE), guard);
      await until(() => arena.stats().memory.held === 0);
    });
  }
}

async function arenaAndServer(t, onRequest) {
  const arena = new Arena({ guard: true, chunkSize: 4 * SIZE });
  const port = await serveOnly(t, (req, res) => onRequest(arena, res, req));
  return { arena, port };
}

test.serial(
  'end() of a response with its socket is one write, with its length, and held once',
  async (t) => {
    const { arena, port } = await arenaAndServer(t, (arena, res) => res.end(make(arena)));
    const { headers, body } = await (await Client.connect(port)).get('/');
    t.is(headers['content-length'], String(SIZE));
    t.deepEqual(body, WHOLE);
    const { http, stream } = arena.stats().guarded;
    t.deepEqual([http.operations, stream.operations], [0, 1]);
  },
);

test.serial('end() of a response that waits has its length', async (t) => {
  const responses = [];
  const { port } = await arenaAndServer(t, (arena, res) => {
    if (responses.push(res) === 2) res.end(make(arena));
  });
  const client = await Client.connect(port);
  client.send('/');
  client.send('/');
  await until(() => responses.length === 2);
  responses[0].end();
  await client.response();
  t.is((await client.response()).headers['content-length'], String(SIZE));
});

test.serial(
  'a stream that is corked and uncorked for hours holds nothing in between',
  async (t) => {
    const held = [];
    const { arena, port } = await arenaAndServer(t, async (arena, res) => {
      for (let i = 0; i < 200; i++) {
        res.cork();
        const written = new Promise((resolve) => res.write(make(arena), resolve));
        res.uncork();
        arena.reset();
        await written;
        await new Promise(setImmediate);
        held.push(arena.stats().memory.held);
      }
      res.end();
    });
    const { body } = await (await Client.connect(port)).get('/');
    t.true(body.length === 200 * SIZE && isAll(body, 'a'));
    t.deepEqual(new Set(held), new Set([0]));
    t.true(arena.stats().memory.used <= 16 * SIZE);
  },
);
