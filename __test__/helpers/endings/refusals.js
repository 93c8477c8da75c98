'use strict';

// Endings that there are behind admission() alone, in rows as in index.js, on a server whose keys have BYTES_PER_KEY each, whose visits have a key each, and on which nobody waits for longer than
// WAIT_MS. What a row is refused with it returns: { 413, 429, 503, either }. On a slow machine the wait of one that is to be let in may be over before: those rows return what the server counted.

const { chunked, endChunks, writeChunk } = require('../admitted.js');
const { until } = require('../until.js');
const { RAW } = require('../adapters.js');
const {
  BINARY,
  LARGE,
  SIZE,
  ask,
  echo,
  http1Only,
  pending,
  read,
  sameStamp,
  stamped,
} = require('./common.js');

const BYTES_PER_KEY = 8 * 2 ** 20;
const WAIT_MS = 100;

const HUGE = 2 ** 40;
const FULL = BYTES_PER_KEY / 2 - 1000; // announced, and charged twice: what its key has left is too little for SIZE
const OUTGROWS = 5; // MiB

const posted = (more) => ({ method: 'POST', headers: { ...BINARY, ...more } });
const announced = (bytes, more) => posted({ 'Content-Length': bytes, ...more });
const sent = (bytes) => ({ ...posted(), body: Buffer.alloc(bytes, 5) });
const asks = { Expect: '100-continue' };

/** The first of a visit has its key's budget. The others read their bodies, and are answered. */
async function holdOrRead(exchange) {
  if (exchange.id === 0) return pending(exchange);
  await read(exchange.req);
  return stamped(exchange);
}

/** Has the key's budget filled by one client, and another one send a request that waits: both clients. */
async function waitForKey(server, options = sent(SIZE)) {
  const holder = await ask(server, ['/0'], announced(FULL));
  const client = await server.connect();
  client.send('/1', options);
  await until(() => server.admit.stats().waited === 1);
  return { holder, client };
}

const seen = ({ arenas, admit }) => ({ either: arenas.stats().requests, ...admit.stats().refused });

/** The answer of one that has waited. */
function waited(t, { status, body }) {
  if (status === 200) sameStamp(t, body, 1);
  else t.is(status, 429);
}

const refusals = {
  'never fits, and its client goes once it is told': {
    handler: pending,
    async visit(t, { connect }) {
      const client = await connect();
      client.send('/0', announced(HUGE));
      t.is((await client.response()).status, 413);
      return { 413: 1 };
    },
  },
  'never fits, and is sent to its end all the same': {
    handler: pending,
    async visit(t, { connect }) {
      const client = await connect();
      const body = Buffer.alloc(BYTES_PER_KEY / 2 + 1);
      client.send('/0', { ...announced(body.length), body });
      t.is((await client.response()).status, 413);
      await client.rest();
      return { 413: 1 };
    },
    large: true,
  },
  'never fits, and asks first': {
    handler: pending,
    async visit(t, { connect }) {
      const client = await connect();
      client.send('/0', announced(HUGE, asks));
      t.is((await client.response()).status, 413);
      return { 413: 1 };
    },
  },
  'a body without a length outgrows its key': {
    handler: echo,
    async visit(t, { connect }) {
      const client = await connect();
      if (client.session === undefined) {
        client.send('/0', { ...chunked, headers: { ...chunked.headers, ...BINARY } });
        for (let i = 0; i < OUTGROWS; i++) writeChunk(client, Buffer.alloc(2 ** 20));
        endChunks(client);
      } else client.send('/0', sent(OUTGROWS * 2 ** 20));
      t.is((await client.response()).status, 413);
      return { either: 1, 413: 1 };
    },
    large: true,
  },
  'the handler throws, and the body goes on': {
    handler(exchange) {
      pending(exchange);
      throw new Error('thrown');
    },
    async visit(t, { connect }) {
      const client = await connect();
      const stream = client.send('/0', announced(SIZE)) ?? client.socket;
      stream.write(Buffer.alloc(SIZE / 2));
      t.is((await client.response()).status, 500);
      stream.write(Buffer.alloc(SIZE / 2));
      return { either: 1 };
    },
  },
  'waits for its key, and for too long': {
    handler: pending,
    async visit(t, server) {
      const holder = await ask(server, ['/0'], announced(FULL));
      const client = await server.connect();
      t.is((await client.get('/1', sent(SIZE))).status, 429);
      await holder.reset();
      return { either: 1, 429: 1 };
    },
  },
  'waits for the whole server, and for too long': {
    handler: pending,
    async visit(t, { budget, connect }) {
      const all = budget.charge(budget.available);
      try {
        const client = await connect();
        t.is((await client.get('/0', sent(SIZE))).status, 503);
      } finally {
        all.release();
      }
      return { 503: 1 };
    },
    alone: true,
  },
  'waits, and is let in': {
    handler: holdOrRead,
    async visit(t, server) {
      const { holder, client } = await waitForKey(server);
      await holder.reset();
      waited(t, await client.response());
      return seen(server);
    },
    alone: true,
  },
  'waits, and its client goes': {
    handler: holdOrRead,
    async visit(_t, server) {
      const { holder, client } = await waitForKey(server);
      await client.reset();
      await until(() => server.admit.stats().waiting === 0);
      await holder.reset();
      return seen(server);
    },
    alone: true,
  },
  'asks first, waits, and is let in': {
    handler: holdOrRead,
    async visit(t, server) {
      const { holder, client } = await waitForKey(server, announced(SIZE, asks));
      await holder.reset();
      let answer = await client.response();
      if (answer.status === 100) {
        client.endBody(Buffer.alloc(SIZE));
        answer = await client.response();
      }
      waited(t, answer);
      return seen(server);
    },
    alone: true,
    not: http1Only('its client does not tell a refusal from a 100'),
  },
  'a GET is pipelined behind one that waits': {
    handler: holdOrRead,
    async visit(t, server) {
      const { holder, client } = await waitForKey(server);
      client.send('/2');
      await holder.reset();
      waited(t, await client.response());
      sameStamp(t, (await client.response()).body, 2);
      return seen(server);
    },
    alone: true,
    not: http1Only('a stream waits for no other'),
  },
  'a GET is pipelined behind one that waits, and the client goes': {
    handler: holdOrRead,
    async visit(_t, server) {
      const { holder, client } = await waitForKey(server);
      client.send('/2');
      await client.reset();
      await until(() => server.admit.stats().waiting === 0);
      await holder.reset();
      return seen(server);
    },
    alone: true,
    not: http1Only('a stream waits for no other'),
  },
  'reads its answer slowly': {
    handler(exchange) {
      exchange.res.end(stamped(exchange, LARGE));
      return RAW;
    },
    async visit(t, { budget, connect }) {
      const client = await connect();
      const stream = client.send('/0')?.pause(); // of HTTP/1 nothing is read before it is asked for
      await until(() => budget.used > 0);
      stream?.resume();
      t.is((await client.response()).body.length, LARGE);
      return { either: 1 };
    },
    alone: true,
  },
  'reads its answer slowly, and goes': {
    handler(exchange) {
      exchange.res.end(stamped(exchange, LARGE));
      return RAW;
    },
    async visit(_t, { budget, connect }) {
      const client = await connect();
      client.send('/0')?.pause();
      await until(() => budget.used > 0);
      await client.reset();
      return { either: 1 };
    },
    alone: true,
  },
};

module.exports = { BYTES_PER_KEY, WAIT_MS, refusals };
