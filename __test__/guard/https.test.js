'use strict';
// tier: run-time, differs

// Certificates and keys in memory that is reset: an agent makes names of them for as long as it has a connection.

require('../../lib/guard/index.js');
const test = require('ava');
const { once } = require('node:events');
const https = require('node:https');
const { Arena } = require('../../lib/index.js');
const { certificate } = require('../helpers/certificate.js');
const { listen } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const { key, cert } = certificate();

async function serving(t) {
  const server = https.createServer({ key, cert }, (_req, res) => res.end('x'));
  t.teardown(() => server.close());
  return { port: await listen(server), host: '127.0.0.1', servername: 'localhost' };
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

test('a class over https.Agent, and the function itself, keep copies, and leave what they were given', async (t) => {
  const to = await serving(t);
  const arena = new Arena({ guard: true });
  class Own extends https.Agent {}
  const options = { ca: [arena.from(cert)] };
  const [given] = options.ca;
  const agents = [new Own(options), new https.Agent(options), https.Agent(options)];
  t.is(options.ca[0], given);
  t.true(agents[0] instanceof Own);
  arena.reset();
  for (const agent of agents) {
    t.true(agent instanceof https.Agent);
    t.is(await statusOf(https.get({ ...to, agent })), 200);
    agent.destroy();
  }
  arena.close();
});

test('a dead certificate is refused before there is a connection', async (t) => {
  const arena = new Arena({ guard: true });
  const ca = arena.from(cert);
  arena.reset();
  t.throws(() => https.get({ ca, host: '127.0.0.1', port: 1 }), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  t.throws(() => new https.Agent({ ca: [ca] }), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  arena.close();
});
