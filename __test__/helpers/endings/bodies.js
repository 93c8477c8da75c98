'use strict';

const { sameBytes } = require('../bytes.js');
const { until } = require('../until.js');
const {
  BINARY,
  ask,
  echo,
  echoAtWork,
  getStamped,
  http1Only,
  pending,
  read,
  stamped,
} = require('./common.js');

const posted = (more) => ({ method: 'POST', headers: { ...BINARY, ...more } });
const promised = posted({ 'Content-Length': 1000 });
const expects = posted({ 'Content-Length': 4, Expect: '100-continue' });

/** Sends its body once the server asks for it, and gets it back. */
async function getContinued(t, { connect }) {
  const client = await connect();
  client.send('/', expects);
  t.true(await client.continued());
  client.endBody('body');
  t.is((await client.response()).body.toString(), 'body');
}

/** Waits until a handler is at work, and goes away. */
async function goOnceAtWork({ waiting }, client) {
  await until(() => waiting.length === 1);
  await client.reset();
}

/** Endings of requests with a body, and of those that never reach a handler: see index.js. */
const bodies = {
  'a body that is read into the arena': {
    handler: echo,
    async visit(t, server) {
      const client = await server.connect();
      const body = Buffer.alloc(200_000, 7);
      sameBytes(t, (await client.get('/', { ...posted(), body })).body, body);
    },
    finished: 1,
  },
  'a body that nobody reads': {
    handler: (exchange) => stamped(exchange),
    visit: (t, server) => getStamped(t, server, 1, { ...posted(), body: Buffer.alloc(9000) }),
    finished: 1,
  },
  'answered before its body has come': {
    handler: (exchange) => stamped(exchange),
    async visit(t, server) {
      const client = await server.connect();
      client.send('/0', promised);
      await until(() => server.arenas.stats().inFlight === 0 && server.arenas.stats().requests);
      client.endBody(Buffer.alloc(1000));
      t.is((await client.response()).body.length, 20_000);
    },
    finished: 1,
  },
  'Expect: 100-continue': {
    handler: echo,
    visit: getContinued,
    finished: 1,
  },
  'Expect: 100-continue, which a listener of checkContinue grants': {
    handler: echo,
    async visit(t, { connect, server }) {
      server.on('checkContinue', (req, res) => {
        res.writeContinue();
        server.emit('request', req, res);
      });
      await getContinued(t, { connect });
    },
    finished: 1,
  },
  'Expect: 100-continue, which a listener of checkContinue refuses': {
    handler: echo,
    async visit(t, { connect, server }) {
      server.on('checkContinue', (_req, res) => res.writeHead(413).end());
      const client = await connect();
      client.send('/', expects);
      t.is((await client.response()).status, 413);
    },
  },
  'an Expect that nobody can meet': {
    handler: echo,
    async visit(t, { connect }) {
      const client = await connect();
      client.send('/', posted({ Expect: 'a miracle', 'Content-Length': 4 }));
      t.is((await client.response()).status, 417);
    },
  },
  'Expect: 100-continue, and the client goes away': {
    handler: echoAtWork,
    async visit(t, server) {
      const client = await server.connect();
      client.send('/0', expects);
      t.true(await client.continued());
      await goOnceAtWork(server, client);
    },
    aborted: 1,
    attached: true,
  },
  'the client goes away before its body': {
    handler: pending,
    async visit(_t, server) {
      const client = await server.connect();
      client.send('/0', promised);
      await goOnceAtWork(server, client);
    },
    aborted: 1,
    attached: true,
  },
  'the client goes away within its body': {
    handler: echoAtWork,
    async visit(_t, server) {
      const client = await server.connect();
      client.send('/0', promised);
      client.write('some');
      await goOnceAtWork(server, client);
    },
    aborted: 1,
    attached: true,
  },
  'the client goes away after its body': {
    async handler(exchange) {
      exchange.keep(exchange.arena.concat(await read(exchange.req)));
      return pending(exchange);
    },
    async visit(_t, server) {
      const client = await ask(server, ['/0'], { ...posted(), body: Buffer.alloc(50_000, 3) });
      await client.reset();
    },
    aborted: 1,
    attached: true,
  },
  'a body that is no body, within which the parser gives up': {
    handler: echoAtWork,
    async visit(_t, server) {
      const client = await server.connect();
      client.send('/0', posted({ 'Transfer-Encoding': 'chunked' }));
      await until(() => server.waiting.length === 1);
      client.write('this is no length of a chunk\r\n');
      await client.rest();
    },
    aborted: 1,
    attached: true,
    not: http1Only('frames of HTTP/2 have their length'),
  },
  'no request at all, for the parser gives up': {
    handler: stamped,
    async visit(t, server) {
      const client = await server.connect();
      client.socket.write('nonsense\r\n\r\n');
      t.is((await client.response()).status, 400);
    },
    not: http1Only('a session ends by GOAWAY then'),
  },
  'an upgrade that a listener takes': {
    handler: stamped,
    async visit(t, { connect, server }) {
      server.on('upgrade', (req, socket) => {
        t.is(req.arena, undefined);
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      });
      const client = await connect();
      client.send('/', { headers: { Connection: 'Upgrade', Upgrade: 'other' } });
      t.is((await client.response()).status, 101);
      await client.rest();
    },
    not: http1Only('HTTP/2 has no Upgrade'),
  },
  'an upgrade that nobody listens to is an ordinary request': {
    handler: (exchange) => stamped(exchange),
    async visit(t, server) {
      server.server.removeAllListeners('upgrade');
      await getStamped(t, server, 1, { headers: { Connection: 'Upgrade', Upgrade: 'other' } });
    },
    finished: 1,
    not: http1Only('HTTP/2 has no Upgrade'),
  },
  'a CONNECT that a listener takes': {
    handler: stamped,
    async visit(t, { connect, server }) {
      server.on('connect', (req, socket) => {
        t.is(req.arena, undefined);
        socket.end('HTTP/1.1 200 OK\r\n\r\n');
      });
      const client = await connect();
      client.send('example.test:80', { method: 'CONNECT' });
      t.is((await client.response()).status, 200);
    },
    not: http1Only('a CONNECT of HTTP/2 is a stream: `connect` has its response'),
  },
  'a CONNECT that nobody listens to': {
    handler: stamped,
    async visit(t, server) {
      const client = await server.connect();
      client.send('example.test:80', { method: 'CONNECT' });
      t.is((await client.rest()).length, 0);
    },
    not: http1Only('it is answered with 405'),
  },
};

module.exports = { bodies };
