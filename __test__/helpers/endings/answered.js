'use strict';

const { Readable } = require('node:stream');
const inject = require('light-my-request');
const { RAW } = require('../adapters.js');
const { until } = require('../until.js');
const {
  BINARY,
  ask,
  echo,
  exceptOn,
  getStamped,
  http1Only,
  pending,
  stamped,
  sameStamp,
} = require('./common.js');

async function getOneTwo(t, server) {
  const client = await server.connect();
  t.is((await client.get('/')).body.toString(), 'one two');
}

/** Endings of requests that are answered, in the one or the other way: see index.js. */
const answered = {
  'answered by the framework, on one connection': {
    handler: (exchange) => stamped(exchange),
    visit: (t, server) => getStamped(t, server, 3),
    finished: 3,
  },
  'answered as a stream by the framework': {
    handler: ({ arena, keep }) =>
      Readable.from([keep(arena.from('one ')), keep(arena.from('two'))], { objectMode: false }),
    visit: getOneTwo,
    finished: 1,
  },
  'answered by res, in chunks and after some turns': {
    async handler({ arena, res, keep }) {
      res.write(keep(arena.from('one ')));
      await new Promise(setImmediate);
      res.end(keep(arena.from('two')));
      return RAW;
    },
    visit: getOneTwo,
    finished: 1,
  },
  'answered with a length, in two writes at once': {
    handler({ arena, res, keep }) {
      res.writeHead(200, { 'Content-Length': 7 });
      res.write(keep(arena.from('one ')));
      res.end(keep(arena.from('two')));
      return RAW;
    },
    visit: getOneTwo,
    finished: 1,
  },
  'a HEAD': {
    handler: (exchange) => stamped(exchange),
    async visit(t, server) {
      const client = await server.connect();
      const { status, body } = await client.get('/0', { method: 'HEAD' });
      t.deepEqual([status, body.length], [200, 0]);
    },
    finished: 1,
  },
  'answers without a body': {
    handler(exchange) {
      stamped(exchange);
      exchange.res.writeHead(exchange.id).end();
      return RAW;
    },
    async visit(t, server) {
      const client = await server.connect();
      for (const due of [200, 204, 304]) {
        const { status, body } = await client.get(`/${due}`);
        t.deepEqual([status, body.length], [due, 0]);
      }
    },
    finished: 3,
  },
  'an answer that closes the connection': {
    handler(exchange) {
      exchange.res.setHeader('Connection', 'close');
      return stamped(exchange);
    },
    async visit(t, server) {
      const client = await getStamped(t, server);
      t.is((await client.rest()).length, 0);
    },
    finished: 1,
    not: http1Only('HTTP/2 has no header Connection'),
  },
  'an answer of HTTP/1.0': {
    handler: (exchange) => stamped(exchange),
    async visit(t, server) {
      const client = await server.connect();
      client.socket.write('GET /0 HTTP/1.0\r\nHost: localhost\r\n\r\n');
      sameStamp(t, (await client.response()).body, 0);
    },
    finished: 1,
    not: http1Only('it is another protocol'),
  },
  'an answer after early hints': {
    handler(exchange) {
      exchange.res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      return stamped(exchange);
    },
    async visit(t, server) {
      const client = await server.connect();
      client.send('/0');
      let response = await client.response();
      if (response.status === 103) response = await client.response();
      sameStamp(t, response.body, 0);
    },
    finished: 1,
  },
  'an answer with trailers': {
    handler({ arena, res, keep }) {
      res.writeHead(200, { Trailer: 'x-sum' });
      res.write(keep(arena.from('one ')));
      res.addTrailers({ 'x-sum': '7' });
      res.end(keep(arena.from('two')));
      return RAW;
    },
    async visit(_t, { connect, arenas }) {
      (await connect()).send('/0');
      await until(() => arenas.stats().finished === 1);
    },
    finished: 1,
  },
  pipelined: {
    handler: (exchange) => stamped(exchange),
    async visit(t, server) {
      const client = await server.connect();
      for (const id of [0, 1, 2]) client.send(`/${id}`);
      for (const id of [0, 1, 2]) sameStamp(t, (await client.response()).body, id);
    },
    finished: 3,
  },
  'pipelined behind a pending one, which is answered last': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server, ['/0', '/1', '/2']);
      for (const { res, kept, id } of [...server.waiting].reverse()) res.end(kept[id]);
      for (const id of [0, 1, 2]) sameStamp(t, (await client.response()).body, id);
    },
    finished: 3,
  },
  'half-closed by the client before the answer': {
    handler: pending,
    async visit(t, { connect, server, waiting }) {
      server.httpAllowHalfOpen = true;
      const client = await connect();
      client.send('/0', { headers: { Connection: 'close' } });
      client.end();
      await until(() => waiting.length === 1);
      waiting[0].res.end(waiting[0].kept[0]);
      sameStamp(t, (await client.response()).body, 0);
    },
    finished: 1,
    not: {
      ...http1Only('a stream is half-closed from its beginning'),
      ...exceptOn(['https'], 'Node ends both directions of TLS at a close_notify'),
    },
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
  'written to after its end': {
    handler(exchange) {
      exchange.res.on('error', () => {});
      exchange.res.end(stamped(exchange));
      exchange.res.write(stamped(exchange));
      return RAW;
    },
    visit: (t, server) => getStamped(t, server),
    finished: 1,
    not: http1Only('that destroys the stream, as another row does'),
  },
  'an operation holds its memory beyond the answer': {
    handler(exchange) {
      exchange.waiting.push(exchange.arena.hold());
      return stamped(exchange);
    },
    async visit(t, server) {
      await getStamped(t, server);
      await until(() => server.arenas.stats().inFlight === 0);
      t.true(server.arenas.stats().memory.held > 0);
      server.waiting[0].release();
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
    async visit(t, { connect, arenas, waiting }) {
      const client = await connect();
      const options = { method: 'POST', body: Buffer.from('body'), headers: BINARY };
      for (let i = 0; i < 3; i++) t.is((await client.get('/0', options)).body.toString(), 'body');
      t.deepEqual(waiting, [true, true, true]);
      t.is(arenas.current(), undefined);
    },
    finished: 3,
  },
  injected: {
    handler: (exchange) => stamped(exchange),
    async visit(t, { app, server }) {
      const listener = (req, res) => server.emit('request', req, res);
      const request = { url: '/0' };
      const given = await (app?.decorateRequest === undefined
        ? inject(listener, request)
        : app.inject(request));
      sameStamp(t, given.rawPayload, 0);
    },
    finished: 1,
    ends: 'finish',
    attached: true,
    not: {
      ...http1Only('light-my-request has no streams of HTTP/2'),
      ...exceptOn(
        ['express 5', 'express 4', 'nest on express'],
        'Express gives the response another prototype, without what light-my-request reads',
      ),
    },
  },
};

module.exports = { answered };
