'use strict';

const { Readable, pipeline } = require('node:stream');
const { RAW } = require('../adapters.js');
const { until } = require('../until.js');
const {
  LARGE,
  ask,
  does,
  exceptOn,
  getNothing,
  http1Only,
  leave,
  pending,
  stamped,
} = require('./common.js');

const refuses = async (t, server) => {
  const client = await server.connect();
  t.is((await client.get('/0')).status, 500);
};

async function getRest(_t, server) {
  const client = await server.connect();
  client.send('/0');
  await client.rest();
}

/** Two parts of an answer, and then an error. */
async function* broken({ arena, keep }) {
  yield keep(arena.from('one '));
  yield keep(arena.from('two '));
  await new Promise(setImmediate);
  throw new Error('within the answer');
}

/** Endings that the handler makes: see index.js. */
const byHandler = {
  'the handler throws': {
    handler(exchange) {
      stamped(exchange);
      throw new Error('thrown');
    },
    visit: refuses,
    finished: 1,
    attached: true, // after a 5xx the rest of a handler may be at work
  },
  'the handler rejects after some turns': {
    async handler(exchange) {
      stamped(exchange);
      await new Promise(setImmediate);
      throw new Error('thrown');
    },
    visit: refuses,
    finished: 1,
    attached: true,
  },
  'the handler throws within its answer': {
    async handler(exchange) {
      exchange.res.write(stamped(exchange));
      exchange.waiting.push(exchange);
      await new Promise(setImmediate);
      exchange.res.destroy();
      return RAW;
    },
    async visit(_t, server) {
      const client = await ask(server);
      await client.rest();
    },
    aborted: 1,
    attached: true,
  },
  'the handler destroys the response, twice': {
    handler: does(({ res }) => {
      res.destroy();
      res.destroy();
    }),
    visit: getNothing,
    aborted: 1,
    attached: true,
  },
  'the handler destroys the response with an error': {
    handler: does(({ res }) => {
      res.on('error', () => {});
      res.destroy(new Error('of the handler'));
    }),
    visit: getNothing,
    aborted: 1,
    attached: true,
  },
  'the handler destroys the request': {
    handler: does(({ req }) => {
      req.on('error', () => {});
      req.destroy();
    }),
    visit: getNothing,
    aborted: 1,
    attached: true,
    not: http1Only('it leaves the stream and the response as they are'),
  },
  'the handler destroys the socket': {
    handler: does(({ req }) => req.socket.destroy()),
    visit: getNothing,
    aborted: 1,
    attached: true,
  },
  'the handler destroys the socket with answers queued behind': {
    handler(exchange) {
      pending(exchange);
      if (exchange.id === 2) exchange.req.socket.destroy();
      return RAW;
    },
    async visit(t, server) {
      const client = await ask(server, ['/0', '/1', '/2']);
      t.is((await client.rest()).length, 0);
    },
    aborted: 3,
    ends: 'socket',
    attached: true,
    not: http1Only('req.socket.destroy() ends the stream alone'),
  },
  'the handler resets the connection': {
    handler: does(({ req }) => req.socket.resetAndDestroy()),
    visit: getNothing,
    aborted: 1,
    attached: true,
    not: {
      ...http1Only('the session owns its socket'),
      ...exceptOn(['https'], 'resetAndDestroy() is of TCP sockets alone'),
    },
  },
  'destroyed after its end': {
    handler: does((exchange) => {
      exchange.res.end(stamped(exchange, LARGE));
      exchange.res.destroy();
    }),
    visit: getRest,
    either: 1, // as in cut-off.js
    attached: true,
  },
  'a pipeline to the response whose source fails': {
    handler(exchange) {
      pipeline(Readable.from(broken(exchange), { objectMode: false }), exchange.res, () => {});
      return RAW;
    },
    visit: getRest,
    aborted: 1,
    attached: true,
  },
  "the framework's stream fails": {
    handler: (exchange) => Readable.from(broken(exchange), { objectMode: false }),
    visit: getRest,
    either: 1, // Node 20 and 22 call what Hono destroys finished
    attached: true,
    not: exceptOn(['koa'], 'it leaves such an answer open: the client ends it, as above'),
  },
  'a pipeline to the response whose client goes away': {
    handler(exchange) {
      const parts = Array.from({ length: 8 }, () => stamped(exchange, LARGE / 8));
      const source = Readable.from(parts, { objectMode: false });
      pipeline(source, exchange.res, () => exchange.waiting.push('over'));
      exchange.waiting.push(exchange);
      return RAW;
    },
    async visit(_t, server) {
      await leave(server, ['/0']);
      await until(() => server.waiting.includes('over'));
    },
    aborted: 1,
    attached: true,
  },
};

module.exports = { byHandler };
