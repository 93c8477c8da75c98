'use strict';

const { RAW } = require('../adapters.js');
const { Client } = require('../client.js');
const { until } = require('../until.js');
const { BINARY, LARGE, echo, leave, pending, stamped } = require('./common.js');

/** Endings of responses that are not sent to their end, as in answered.js. */
const cutOff = {
  'the client goes away before the answer': {
    handler: pending,
    visit: (_t, server) => leave(server, ['/0']),
    aborted: 1,
    attached: true,
  },
  'the client goes away within the answer': {
    handler(exchange) {
      exchange.res.write(stamped(exchange, LARGE / 4));
      exchange.res.write(stamped(exchange, LARGE / 4));
      exchange.waiting.push(exchange);
      return RAW;
    },
    visit: (_t, server) => leave(server, ['/0']),
    aborted: 1,
    attached: true,
  },
  'the client goes away, with requests queued behind a pending one': {
    handler: pending,
    async visit(_t, server) {
      const client = await Client.connect(server.port);
      for (const id of [0, 1, 2]) client.send(`/${id}`);
      await until(() => server.waiting.length === 3);
      await client.reset();
    },
    aborted: 3,
    attached: true,
  },
  'the client goes away within its body': {
    async handler(exchange) {
      stamped(exchange);
      exchange.waiting.push(exchange);
      return echo(exchange);
    },
    async visit(_t, { port, waiting }) {
      const client = await Client.connect(port);
      client.send('/0', { method: 'POST', headers: { ...BINARY, 'Content-Length': 1000 } });
      client.socket.write('some');
      await until(() => waiting.length === 1);
      await client.reset();
    },
    aborted: 1,
    attached: true,
  },
  'the handler destroys the response': {
    handler(exchange) {
      stamped(exchange);
      exchange.res.destroy();
      return RAW;
    },
    async visit(t, { port }) {
      const client = await Client.connect(port);
      client.send('/0');
      t.is((await client.rest()).length, 0);
    },
    aborted: 1,
    attached: true,
  },
  'the handler destroys the socket': {
    handler(exchange) {
      stamped(exchange);
      exchange.req.socket.destroy();
      return RAW;
    },
    async visit(t, { port }) {
      const client = await Client.connect(port);
      client.send('/0');
      t.is((await client.rest()).length, 0);
    },
    aborted: 1,
    attached: true,
  },
  'the response times out': {
    handler(exchange) {
      stamped(exchange);
      exchange.res.setTimeout(1, () => exchange.res.destroy());
      return RAW;
    },
    async visit(t, { port }) {
      const client = await Client.connect(port);
      client.send('/0');
      t.is((await client.rest()).length, 0);
    },
    aborted: 1,
    attached: true,
  },
  'the server closes its connections': {
    handler: pending,
    async visit(t, { port, server, waiting }) {
      const client = await Client.connect(port);
      client.send('/0');
      await until(() => waiting.length === 1);
      server.closeAllConnections();
      t.is((await client.rest()).length, 0);
    },
    aborted: 1,
    attached: true,
  },
};

module.exports = { cutOff };
