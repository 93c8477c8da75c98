'use strict';

// What an adapter costs a request whose handler never touches its arena, on each framework, and
// what admission() costs a POST that has room: in one process, over sockets that go nowhere, 50
// requests to a socket one after another, as keep-alive makes them, each answered, finished and
// closed. The difference of two rows is the cost. "over real sockets", with the client in another
// process, is the CPU that the cost is a part of. A middleware has a price of its own in some
// frameworks, whatever it does: "empty" is one that only calls the next.

const { once } = require('node:events');
const path = require('node:path');
const { Budget, admission } = require('../..');
const { Child } = require('../method/child.js');
const { compare } = require('../method/compare.js');
const adapters = require('./parts/adapters.js');
const { exchangeOn, overSockets } = require('./parts/nowhere.js');

// A difference of 300 ns between requests of 2 to 6 µs, and code that is compiled late.
const LONGER = { slices: 32, warmUpMs: 500 };

/** A server's requests over sockets that go nowhere. */
const requestsTo = (server) =>
  overSockets((socket) => {
    const { req, res } = exchangeOn(socket);
    server.emit('request', req, res);
  });

/** Requests over real sockets. */
async function requestsOver(server, client) {
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await client.call('connect', { name: 'only', port });
  return (requests) => client.call('closedLoop', { name: 'only', requests });
}

async function onFramework(create) {
  const client = new Child(path.join(__dirname, 'parts', 'client.js'));
  try {
    return await compare(
      {
        'an empty handler': requestsTo(await create('none')),
        'with an empty middleware': requestsTo(await create('empty')),
        'with ralloc, req.arena untouched': requestsTo(await create('ralloc')),
        'an empty handler, over real sockets': await requestsOver(await create('none'), client),
      },
      LONGER,
    );
  } finally {
    await client.stop();
  }
}

const chunk = Buffer.alloc(4096);
let keys = 0;

/**
 * `options` of admission(), or null without it. Without a length, a chunk comes, since each is
 * counted.
 */
function posts(options, headers) {
  const isChunked = 'transfer-encoding' in headers;
  const budget = new Budget({ name: 'server', maxBytes: 2 ** 30 });
  const middleware = options && admission({ budget, ...options });
  return overSockets((socket) => {
    const { req, res } = exchangeOn(socket, 'POST', { host: 'localhost', ...headers });
    const next = () => {
      if (isChunked) req.push(chunk);
      res.end('ok');
    };
    if (middleware === null) next();
    else middleware(req, res, next);
  });
}

const admitted = (headers, more = {}) =>
  compare(
    {
      without: posts(null, headers),
      'admission()': posts({}, headers),
      ...Object.fromEntries(
        Object.entries(more).map(([name, options]) => [name, posts(options, headers)]),
      ),
    },
    LONGER,
  );

module.exports = {
  notMeasured:
    'latency; handlers that use the arena; requests that wait or are refused; TLS; HTTP/2',
  scenarios: {
    ...Object.fromEntries(
      Object.entries(adapters).map(([name, create]) => [`on ${name}`, () => onFramework(create)]),
    ),
    'admission() of a POST of 4 KiB': () =>
      admitted(
        { 'content-length': '4096' },
        { 'with wait': { wait: {} }, 'with a key of 1,000': { key: () => `${keys++ % 1000}` } },
      ),
    'admission() of one without a length': () => admitted({ 'transfer-encoding': 'chunked' }),
    'admission() of a request without a body': () => admitted({}),
  },
};
