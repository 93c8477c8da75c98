'use strict';

const { once } = require('node:events');
const { RAW } = require('../adapters.js');
const { until } = require('../until.js');
const {
  LARGE,
  ask,
  getNothing,
  getStamped,
  http1Only,
  leave,
  onlyOn,
  pending,
  stamped,
  sameStamp,
} = require('./common.js');

const TWO = 'there is one answer at a time in HTTP/1.1, and no stream';

/** Writes more than sockets take, and leaves it at that. */
function begin(exchange) {
  exchange.res.write(stamped(exchange, LARGE / 2));
  exchange.res.write(stamped(exchange, LARGE / 2));
  exchange.waiting.push(exchange);
  return RAW;
}

/** Asks, ends its own half, and sees the server end the other without an answer. */
async function endHalf(t, server) {
  const client = await ask(server);
  client.end();
  t.is((await client.rest()).length, 0);
}

/** The server's end of the only connection. */
const serverSocket = ({ waiting }) => waiting[0].req.socket;

/** Endings that the client makes, of answers that are not sent to their end: see index.js. */
const cutOff = {
  'the client goes away before the answer': {
    handler: pending,
    visit: (_t, server) => leave(server, ['/0']),
    aborted: 1,
    attached: true,
  },
  'the client goes away within the answer': {
    handler: begin,
    visit: (_t, server) => leave(server, ['/0']),
    aborted: 1,
    attached: true,
  },
  'the client goes away without an RST': {
    handler: begin,
    visit: async (_t, server) => (await ask(server)).destroy(),
    aborted: 1,
    attached: true,
  },
  'the client goes away with the ended answer unread': {
    handler(exchange) {
      exchange.res.end(stamped(exchange, LARGE));
      exchange.waiting.push(exchange);
      return RAW;
    },
    async visit(_t, server) {
      const client = await server.connect();
      client.socket.pause();
      client.send('/0');
      await until(() => server.waiting.length === 1);
      await client.reset();
    },
    // Node 20 and 22 call such a response finished.
    either: 1,
    attached: true,
    not: http1Only(
      'the flow control of a stream keeps the answer from being sent: it is cut off within',
    ),
  },
  'the client goes away, with requests queued behind a pending one': {
    handler: pending,
    visit: (_t, server) => leave(server, ['/0', '/1', '/2']),
    aborted: 3,
    ends: 'socket',
    attached: true,
  },
  'the client goes away, with an answer queued behind a pending one': {
    handler(exchange) {
      pending(exchange);
      // Little, for above the high-water mark Node reads no more, and hears of no end.
      if (exchange.id === 1) exchange.res.end(exchange.kept[1].subarray(0, 500));
      return RAW;
    },
    visit: (_t, server) => leave(server, ['/0', '/1', '/2']),
    aborted: 3,
    ends: 'socket',
    attached: true,
    not: http1Only('an answer of HTTP/2 waits for no other'),
  },
  // Then Node reads no more from the connection, and so no event tells that the client has gone.
  'the client goes away behind more output than Node buffers, which shows when a handler writes': {
    handler(exchange) {
      pending(exchange);
      if (exchange.id > 0) exchange.res.end(stamped(exchange, LARGE / 64));
      return RAW;
    },
    async visit(_t, server) {
      await leave(server, ['/0', '/1', '/2', '/3']);
      const { res } = server.waiting.find(({ id }) => id === 0);
      res.write('are you there?');
      res.end();
    },
    either: 4,
    ends: 'socket',
    attached: true,
    not: http1Only('an answer of HTTP/2 waits for no other'),
  },
  'the client goes away in the third request of its connection': {
    handler: (exchange) => (exchange.id === 2 ? pending(exchange) : stamped(exchange)),
    async visit(_t, server) {
      const client = await getStamped(_t, server, 2);
      client.send('/2');
      await until(() => server.waiting.length === 1);
      await client.reset();
    },
    finished: 2,
    aborted: 1,
    attached: true,
  },
  'the client ends its half, where the server allows no half': {
    handler: pending,
    visit: endHalf,
    aborted: 1,
    attached: true,
    not: http1Only('a stream is half-closed from its beginning'),
  },
  'the client closes TLS with a close_notify': {
    handler: pending,
    visit: endHalf,
    aborted: 1,
    attached: true,
    not: onlyOn(['https'], 'it has no TLS'),
  },
  'the client ends the connection below TLS, without a close_notify': {
    handler: begin,
    async visit(_t, server) {
      const client = await ask(server);
      client.raw.destroy();
      await once(client.raw, 'close');
    },
    aborted: 1,
    attached: true,
    not: onlyOn(['https'], 'it has no TLS'),
  },
  'the server closes TLS under the answer': {
    handler: begin,
    async visit(_t, server) {
      const client = await ask(server);
      serverSocket(server).destroySoon();
      serverSocket(server).destroy();
      await client.rest();
    },
    aborted: 1,
    attached: true,
    not: onlyOn(['https'], 'it has no TLS'),
  },
  'RST_STREAM by the client, with another stream of the session at work': {
    handler: pending,
    async visit(t, server) {
      const client = await server.connect();
      const stream = client.send('/0');
      client.send('/1');
      await until(() => server.waiting.length === 2);
      stream.close(8); // CANCEL
      await until(() => server.arenas.stats().aborted === 1);
      t.is(server.arenas.stats().inFlight, 1);
      const [other] = server.waiting.filter(({ id }) => id === 1);
      t.true(other.arena.stats().live);
      other.res.end(other.kept.find((buffer) => buffer[0] === 2));
      await t.throwsAsync(client.response());
      sameStamp(t, (await client.response()).body, 1);
    },
    finished: 1,
    aborted: 1,
    attached: true,
    not: onlyOn(['http2'], TWO),
  },
  // Node finishes the writable side of a stream that is reset, and of a HEAD at its beginning.
  'RST_STREAM by the client, with and without an error, of every method': {
    handler: pending,
    async visit(_t, { arenas, connect, waiting }) {
      const client = await connect();
      const ends = [
        (stream) => stream.close(8),
        (stream) => stream.close(0),
        (stream) => stream.destroy(),
      ];
      let requests = 0;
      for (const method of ['GET', 'HEAD', 'POST']) {
        for (const end of ends) {
          const stream = client.send('/0', { method });
          await until(() => waiting.length > requests);
          end(stream);
          requests++;
          await until(() => arenas.stats().inFlight === 0);
        }
      }
    },
    aborted: 9,
    ends: 'socket',
    attached: true,
    not: onlyOn(['http2'], TWO),
  },
  'RST_STREAM by the server': {
    handler(exchange) {
      stamped(exchange);
      exchange.res.stream.close(2); // INTERNAL_ERROR
      return RAW;
    },
    visit: (t, server) => getNothing(t, server),
    aborted: 1,
    attached: true,
    not: onlyOn(['http2'], TWO),
  },
  'GOAWAY by the client, which waits for the answer': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server);
      client.session.close();
      server.waiting[0].res.end(server.waiting[0].kept[0]);
      sameStamp(t, (await client.response()).body, 0);
    },
    finished: 1,
    not: onlyOn(['http2'], TWO),
  },
  'GOAWAY by the server, which answers what it has': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server);
      const [{ res, kept }] = server.waiting;
      res.stream.session.close();
      res.end(kept[0]);
      sameStamp(t, (await client.response()).body, 0);
    },
    finished: 1,
    not: onlyOn(['http2'], TWO),
  },
  'GOAWAY with an error by the server, with two streams at work': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server, ['/0', '/1']);
      server.waiting[0].res.stream.session.destroy(new Error('of the server'));
      t.is((await client.rest()).length, 0);
    },
    aborted: 2,
    attached: true,
    not: onlyOn(['http2'], TWO),
  },
};

module.exports = { cutOff };
