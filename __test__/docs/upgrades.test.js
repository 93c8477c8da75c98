'use strict';
// tier: tools

// The programs of docs/guide/frameworks/ for connections that are no exchange of a request and a response: WebSockets, upgrades, CONNECT.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const { WebSocket } = require('ws');
const { programs, runProgram } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

const MESSAGES = 2000;
const shown = (page, wanted) =>
  programs(`docs/guide/frameworks/${page}.md`).find(({ heading }) => heading === wanted);

/** Runs a program: what it declares by these names, and its port. */
async function run(t, page, heading, names) {
  const result = await runProgram(t, shown(page, heading), { names });
  await until(() => result.servers.length > 0 && result.servers[0].address() !== null);
  return { ...result, port: result.servers[0].address().port };
}

for (const [page, name] of [
  ['express', 'arenas'],
  ['fastify', 'app'],
]) {
  test(`${page}: a WebSocket of many messages uses one piece of memory, which ends with the socket`, async (t) => {
    const { port, [name]: given } = await run(t, page, 'WebSockets', [name]);
    const arenas = given.arenas ?? given;
    const client = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(client, 'open');
    let first;
    for (let i = 0; i < MESSAGES; i++) {
      client.send(`message ${i}`);
      const [answer] = await once(client, 'message');
      if (answer.toString() !== `> message ${i}`) t.fail(`${answer}`);
      first ??= arenas.stats().memory.used;
    }
    t.is(arenas.stats().memory.used, first);
    t.is(arenas.stats().inFlight, 1);
    client.terminate();
    await until(() => arenas.stats().inFlight === 0);
    const { requests, heapRequests, memory } = arenas.stats();
    t.deepEqual([requests, heapRequests, memory.leased, memory.held], [1, 0, 0, 0]);
    await given.close();
  });
}

for (const [event, options, status] of [
  ['connect', { method: 'CONNECT', path: 'example.test:80' }, 200],
  ['upgrade', { headers: { Connection: 'Upgrade', Upgrade: 'lengths' } }, 101],
]) {
  test(`http: after ${event} the connection has an arena of its own`, async (t) => {
    const { port } = await run(t, 'http', 'Upgrades and CONNECT', []);
    const request = http.request({ port, host: '127.0.0.1', agent: false, ...options }).end();
    const [response, socket] = await once(request, event);
    t.is(response.statusCode, status);
    for (let i = 0; i < MESSAGES; i++) {
      const part = Buffer.alloc(100 + (i % 50), i);
      socket.write(part);
      const [bytes] = await once(socket, 'data');
      if (bytes.readUInt32BE(0) !== part.length || !bytes.subarray(4).equals(part)) t.fail(`${i}`);
    }
    // A peer that does not read for a while gets everything later, and nothing throws at the arena's limit.
    const sent = 40 * 1024 * 1024; // more than the sockets' buffers take, both ways
    socket.pause();
    socket.write(Buffer.alloc(sent, 7));
    for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate);
    t.true(socket.writableLength > 0, 'the server does not read any more either');
    let received = 0;
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    socket.resume();
    await until(() => received > sent);
    socket.destroy();
    await once(socket, 'close');
  });
}

test('http: a server of http2 ends streams of events at its deadline, and leaves nothing leased', async (t) => {
  const patient = shown('http', 'http2');
  const impatient = { ...patient, code: patient.code.replace('10_000', '50') };
  const given = { process: Object.assign(Object.create(process), { once() {} }) };
  const names = ['arenas', 'sessions', 'shutDown'];
  const { servers, arenas, sessions, shutDown } = await runProgram(t, impatient, { given, names });
  await until(() => servers[0]?.address());
  const session = http2.connect(`http://127.0.0.1:${servers[0].address().port}`);
  session.on('error', () => {});
  for (const path of ['/one', '/another']) {
    const stream = session.request({ ':path': path });
    stream.on('error', () => {});
    const [part] = await once(stream, 'data');
    t.is(part.toString(), `a stream of events for ${path}`);
  }
  t.is(sessions.size, 1);
  await shutDown();
  const { inFlight, memory } = arenas.stats();
  t.deepEqual([inFlight, memory.leased], [0, 0]);
  await until(() => sessions.size === 0);
});
