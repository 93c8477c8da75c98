'use strict';

const { until } = require('../until.js');
const {
  BINARY,
  ask,
  does,
  echoAtWork,
  getNothing,
  getStamped,
  http1Only,
  pending,
  stamped,
  sameStamp,
} = require('./common.js');

const FAST = { connectionsCheckingInterval: 10 };
const SLOW = { headersTimeout: 60_000, requestTimeout: 60_000 };
const SHORT = 20; // ms, where a clock is to run out. It begins with a handler at work: else it may run out before
const NO_CLOCK = 'its sessions have no such clock';

/** Endings that the server makes, by its clocks and its close: see index.js. */
const byServer = {
  'the response times out': {
    handler: does(({ res }) => res.setTimeout(1, () => res.destroy())),
    visit: getNothing,
    aborted: 1,
    attached: true,
  },
  'the request times out': {
    handler: does(({ req, res }) => req.setTimeout(1, () => res.destroy())),
    visit: getNothing,
    aborted: 1,
    attached: true,
  },
  'the socket times out, and nobody listens': {
    handler: pending,
    async visit(t, { connect, server, waiting }) {
      server.setTimeout(60_000);
      const client = await connect();
      client.send('/0');
      await until(() => waiting.length === 1);
      waiting[0].req.socket.setTimeout(SHORT);
      t.is((await client.rest()).length, 0);
    },
    aborted: 1,
    attached: true,
  },
  'requestTimeout passes within a body': {
    settings: { ...FAST, ...SLOW },
    handler: echoAtWork,
    async visit(_t, { connect, server, waiting }) {
      const client = await connect();
      client.send('/0', { method: 'POST', headers: { ...BINARY, 'Content-Length': 1000 } });
      await until(() => waiting.length === 1);
      Object.assign(server, { headersTimeout: SHORT, requestTimeout: SHORT }); // Node swaps them if the first is longer
      await client.rest();
      Object.assign(server, SLOW);
    },
    aborted: 1,
    attached: true,
    not: http1Only(NO_CLOCK),
  },
  'headersTimeout passes within the headers': {
    settings: { ...FAST, headersTimeout: SHORT },
    handler: stamped,
    async visit(_t, { connect, server }) {
      const client = await connect();
      client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n');
      await client.rest();
      Object.assign(server, SLOW);
    },
    not: http1Only(NO_CLOCK),
  },
  'keepAliveTimeout passes after the answer': {
    settings: { keepAliveTimeout: SHORT, keepAliveTimeoutBuffer: 0 },
    handler: (exchange) => stamped(exchange),
    async visit(t, server) {
      for (let i = 0; i < 2; i++) {
        const client = await getStamped(t, server);
        t.is((await client.rest()).length, 0);
      }
      server.server.keepAliveTimeout = 60_000;
    },
    finished: 2,
    not: http1Only(NO_CLOCK),
  },
  'close() of the arenas with a request in flight': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server);
      const { arenas, waiting } = server;
      t.is(await arenas.close({ timeoutMs: 0 }), 1);
      const closing = arenas.close();
      waiting[0].res.end(waiting[0].kept[0]);
      sameStamp(t, (await client.response()).body, 0);
      t.is(await closing, 0);
    },
    finished: 1,
    closes: true,
  },
  'server.close() with a request in flight': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server);
      const closed = new Promise((resolve) => server.server.close(resolve));
      t.is(server.arenas.stats().inFlight, 1);
      server.waiting[0].res.end(server.waiting[0].kept[0]);
      sameStamp(t, (await client.response()).body, 0);
      await client.destroy();
      await closed;
    },
    finished: 1,
    closes: true,
  },
  'closeIdleConnections() with a request in flight': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server);
      server.server.closeIdleConnections();
      server.waiting[0].res.end(server.waiting[0].kept[0]);
      sameStamp(t, (await client.response()).body, 0);
    },
    finished: 1,
    not: http1Only('its servers have no such method'),
  },
  'closeAllConnections() with requests in flight and queued': {
    handler: pending,
    async visit(t, server) {
      const client = await ask(server, ['/0', '/1']);
      server.server.closeAllConnections();
      t.is((await client.rest()).length, 0);
    },
    aborted: 2,
    ends: 'socket',
    attached: true,
    not: http1Only('its servers have no such method: sessions are destroyed in cut-off.js'),
  },
};

module.exports = { byServer };
