'use strict';

const { once } = require('node:events');
const http = require('node:http');
const { Readable } = require('node:stream');
const { buffer: bytesOf } = require('node:stream/consumers');
const { RAW } = require('../adapters.js');
const { Client } = require('../client.js');
const { until } = require('../until.js');
const { BINARY, echo, getStamped, isStamped, pending, stamped } = require('./common.js');

/**
 * ending → { handler, visit, finished, aborted }: what the handler gives, what the client does, and how many requests end in
 * which way. `attached`: the Buffers are not detached, for something may still read them. `not`: where it cannot apply, and why.
 */
const answered = {
  'answered by the framework, on one connection': {
    handler: (exchange) => stamped(exchange),
    visit: (t, server) => getStamped(t, server, 3),
    finished: 3,
  },
  'answered as a stream by the framework': {
    handler: ({ arena, keep }) =>
      Readable.from([keep(arena.from('one ')), keep(arena.from('two'))], { objectMode: false }),
    async visit(t, { port }) {
      const client = await Client.connect(port);
      t.is((await client.get('/')).body.toString(), 'one two');
    },
    finished: 1,
  },
  'answered by res, in chunks and after some turns': {
    async handler({ arena, res, keep }) {
      res.write(keep(arena.from('one ')));
      await new Promise(setImmediate);
      res.end(keep(arena.from('two')));
      return RAW;
    },
    async visit(t, { port }) {
      const client = await Client.connect(port);
      t.is((await client.get('/')).body.toString(), 'one two');
    },
    finished: 1,
  },
  'a HEAD': {
    handler: (exchange) => stamped(exchange),
    async visit(t, { port }) {
      const client = await Client.connect(port);
      const { status, body } = await client.get('/0', { method: 'HEAD' });
      t.deepEqual([status, body.length], [200, 0]);
    },
    finished: 1,
  },
  'a 204, then a 304': {
    handler(exchange) {
      stamped(exchange);
      exchange.res.writeHead(exchange.id).end();
      return RAW;
    },
    async visit(t, { port }) {
      const client = await Client.connect(port);
      for (const status of [204, 304]) t.is((await client.get(`/${status}`)).status, status);
    },
    finished: 2,
  },
  'a body that is read into the arena': {
    handler: echo,
    async visit(t, { port }) {
      const client = await Client.connect(port);
      const body = Buffer.alloc(200_000, 7);
      t.true((await client.get('/', { method: 'POST', body, headers: BINARY })).body.equals(body));
    },
    finished: 1,
  },
  'a body that nobody reads': {
    handler: (exchange) => stamped(exchange),
    visit: (t, server) =>
      getStamped(t, server, 1, { method: 'POST', body: Buffer.alloc(9000), headers: BINARY }),
    finished: 1,
  },
  'Expect: 100-continue': {
    handler: echo,
    async visit(t, { port }) {
      const headers = { ...BINARY, Expect: '100-continue' };
      const req = http.request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false });
      req.flushHeaders();
      await once(req, 'continue');
      req.end('body');
      const [res] = await once(req, 'response');
      t.is((await bytesOf(res)).toString(), 'body');
    },
    finished: 1,
  },
  pipelined: {
    handler: (exchange) => stamped(exchange),
    async visit(t, { port }) {
      const client = await Client.connect(port);
      for (const id of [0, 1, 2]) client.send(`/${id}`);
      for (const id of [0, 1, 2]) t.true(isStamped((await client.response()).body, id));
    },
    finished: 3,
  },
  'half-closed by the client before the answer': {
    handler: pending,
    async visit(t, { port, server, waiting }) {
      server.httpAllowHalfOpen = true;
      const client = await Client.connect(port);
      client.send('/0', { headers: { Connection: 'close' } });
      client.socket.end();
      await until(() => waiting.length === 1);
      waiting[0].res.end(waiting[0].kept[0]);
      t.true(isStamped((await client.response()).body, 0));
    },
    finished: 1,
  },
  'the handler throws': {
    handler(exchange) {
      stamped(exchange);
      throw new Error('thrown');
    },
    async visit(t, { port }) {
      t.is((await (await Client.connect(port)).get('/0')).status, 500);
    },
    finished: 1,
    attached: true, // after a 5xx the rest of a handler may be at work
  },
  'the handler rejects after some turns': {
    async handler(exchange) {
      stamped(exchange);
      await new Promise(setImmediate);
      throw new Error('thrown');
    },
    async visit(t, { port }) {
      t.is((await (await Client.connect(port)).get('/0')).status, 500);
    },
    finished: 1,
    attached: true,
  },
  'the handler answers and works on': {
    handler(exchange) {
      const buffer = stamped(exchange);
      exchange.waiting.push(exchange);
      return buffer;
    },
    async visit(t, server) {
      await getStamped(t, server);
      await until(() => server.arenas.stats().inFlight === 0);
      const late = server.waiting[0].arena.from('late');
      t.is(late.toString(), 'late');
      t.is(server.arenas.stats().lateBuffers, 1);
    },
    finished: 1,
  },
  'ended twice': {
    handler(exchange) {
      exchange.res.end(stamped(exchange));
      exchange.res.end();
      return RAW;
    },
    visit: (t, server) => getStamped(t, server),
    finished: 1,
  },
  'close() with a request in flight': {
    handler: pending,
    async visit(t, { port, arenas, waiting }) {
      const client = await Client.connect(port);
      client.send('/0');
      await until(() => waiting.length === 1);
      t.is(await arenas.close({ timeoutMs: 0 }), 1);
      const closing = arenas.close();
      waiting[0].res.end(waiting[0].kept[0]);
      t.true(isStamped((await client.response()).body, 0));
      t.is(await closing, 0);
    },
    finished: 1,
  },
  'current() behind the body': {
    options: { context: true },
    async handler(exchange) {
      const body = await echo(exchange);
      await new Promise(setImmediate);
      exchange.waiting.push(exchange.current() === exchange.arena);
      return body;
    },
    async visit(t, { port, arenas, waiting }) {
      const client = await Client.connect(port);
      const options = { method: 'POST', body: Buffer.from('body'), headers: BINARY };
      for (let i = 0; i < 3; i++) t.is((await client.get('/0', options)).body.toString(), 'body');
      t.deepEqual(waiting, [true, true, true]);
      t.is(arenas.current(), undefined);
    },
    finished: 3,
  },
};

module.exports = { answered };
