'use strict';
// tier: run-time, differs by Node

// Messages of HTTP that keep chunks themselves, when the memory of these is reset.

const { Agent: AgentFromBefore } = require('node:https');
require('../../../lib/node/guard/index.js'); // before anyone else takes functions out of Node's modules
const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const https = require('node:https');
const { Arena } = require('../../../lib/index.js');
const { run } = require('../../helpers/child.js');
const { Client } = require('../../helpers/client.js');
const { SIZE, isAll } = require('../../helpers/in-flight.js');
const { serveOnly } = require('../../helpers/server.js');
const { letGo, until } = require('../../helpers/until.js');
const { certificate } = require('../../helpers/certificate.js');

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

/** A client that has sent `count` requests, once their responses are in `responses`. */
async function asking(port, responses, count = 1) {
  const client = await Client.connect(port);
  for (let i = 0; i < count; i++) client.send('/');
  await until(() => responses.length === count);
  return client;
}

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
  const port = await serveOnly(t, server);
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
      const client = await asking(port, responses, 2);
      responses[0].end('first');
      t.is((await client.response()).body.toString(), 'first');
      if (typeof finish === 'function') finish();
      t.is((await sent(client, responses[1])).includes(WHOLE), guard);
      await letGo(arena);
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
      await letGo(arena);
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
      const responses = [];
      const port = await serveOnly(t, (_req, res) => {
        responses.push(res);
        give(res, make(arena));
        reuse(arena);
        setImmediate(() => res.end());
      });
      const client = await asking(port, responses);
      t.is((await sent(client, responses[0])).includes(WHOLE), guard);
      await letGo(arena);
    });
  }
}

test('a response that corks itself holds its chunk, on a Node whose responses did not too', async (t) => {
  const { code, stderr, result } = await run('node/corks-itself.js');
  t.is(code, 0, stderr);
  t.deepEqual(result, { held: [true, true], bodies: Array(2).fill('a'.repeat(1000)) });
});

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
  const client = await asking(port, responses, 2);
  responses[0].end();
  await client.response();
  t.is((await client.response()).headers['content-length'], String(SIZE));
});

test.serial('a response that waited lets go when its turn comes, and goes on', async (t) => {
  const responses = [];
  const { arena, port } = await arenaAndServer(t, (arena, res) => {
    if (responses.push(res) === 2) res.write(make(arena));
  });
  const client = await asking(port, responses, 2);
  arena.reset();
  t.true(arena.stats().memory.held > 0);
  responses[0].end();
  await letGo(arena);
  t.is(responses[1].writableEnded || responses[1].destroyed, false);
  responses[1].end();
  await client.response();
  t.deepEqual((await client.response()).body, WHOLE);
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

// Messages of HTTP that end otherwise than their chunks were meant to; dead chunks.

const CHUNK = 512; // of more Node stops to read a connection
const guarded = () => new Arena({ guard: true, chunkSize: 4 * SIZE });

/** Resets the arena, whose memory must be held, and waits until it is not. */
async function assertLetGo(t, arena, act) {
  arena.reset();
  t.true(arena.stats().memory.held > 0);
  await act();
  await letGo(arena);
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
      const client = await asking(port, responses, 20);
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
      await letGo(arena);
      client.socket.destroy();
    });
  }
}

test.serial('a corked response whose client goes away lets go', async (t) => {
  const arena = guarded();
  const responses = [];
  const port = await serveOnly(t, (_req, res) => {
    responses.push(res);
    res.flushHeaders();
    res.cork();
    res.write(arena.allocUnsafe(CHUNK));
  });
  const client = await asking(port, responses);
  await assertLetGo(t, arena, () => client.reset());
});

test.serial('a response that is destroyed in the turn of its write lets go', async (t) => {
  const arena = guarded();
  const responses = [];
  const port = await serveOnly(t, (_req, res) => {
    responses.push(res);
    res.write(arena.allocUnsafe(CHUNK));
    res.destroy();
    arena.reset();
  });
  await asking(port, responses);
  await letGo(arena);
  t.pass();
});

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
  await letGo(arena);
});

// Certificates and keys in memory that is reset: an agent makes names of them for as long as it has a connection.

const { key, cert } = certificate();

async function serving(t) {
  const server = https.createServer({ key, cert }, (_req, res) => res.end('x'));
  return { port: await serveOnly(t, server), host: '127.0.0.1', servername: 'localhost' };
}

async function statusOf(request) {
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

const isEmpty = (agent) => Object.keys(agent.sockets).length === 0;

const given = {
  'a Buffer': (arena) => ({ ca: arena.from(cert) }),
  'a list of Buffers': (arena) => ({ ca: [arena.from(cert)] }),
  'a list of strings and Buffers': (arena) => ({ ca: [cert, arena.from(cert)] }),
  'a certificate and its key': (arena) => ({
    ca: cert,
    cert: arena.from(cert),
    key: [{ pem: arena.from(key) }],
    headers: { connection: 'close' }, // the one that waits gets a connection of its own
  }),
};

for (const [title, optionsOf] of Object.entries(given)) {
  test(`https.request() with ${title} that is reset: its agent forgets the connection, and goes on`, async (t) => {
    const to = await serving(t);
    const arena = new Arena({ guard: true });
    const agent = new https.Agent({ maxSockets: 1 });
    const requests = [0, 1].map(() => https.get({ ...to, ...optionsOf(arena), agent }));
    arena.reset(); // one is about to connect, the other waits
    arena.allocUnsafe(4096).fill('b');
    t.deepEqual(await Promise.all(requests.map(statusOf)), [200, 200]);
    await until(() => isEmpty(agent));
    t.deepEqual(agent.requests, { __proto__: null });
    arena.close();
  });
}

test('a class over https.Agent, the function itself, and one that was taken before the guard, keep copies, and leave what they were given', async (t) => {
  const to = await serving(t);
  const arena = new Arena({ guard: true });
  class Own extends https.Agent {}
  const options = { ca: [arena.from(cert)], cert, key: [{ pem: arena.from(key) }] };
  const given = [options.ca[0], options.key[0].pem];
  const agents = [
    new Own(options),
    new https.Agent(options),
    https.Agent(options),
    new AgentFromBefore(options),
  ];
  t.deepEqual([options.ca[0] === given[0], options.key[0].pem === given[1]], [true, true]);
  t.true(agents[0] instanceof Own);
  arena.reset();
  for (const agent of agents) {
    t.true(agent instanceof https.Agent);
    t.is(await statusOf(https.get({ ...to, agent })), 200);
    agent.destroy();
  }
  arena.close();
});
