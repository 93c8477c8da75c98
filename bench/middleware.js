'use strict';

// What an adapter costs a request whose handler never touches its arena.
//
// "stubs": an EventEmitter for each response, over sockets that are not connected, 32 requests in a turn of the loop. Of the three
// this shows the middleware best, for almost nothing else is in it.
// "objects": Node's own IncomingMessage and ServerResponse over sockets that go nowhere, 50 requests to a
// socket one after another, as keep-alive makes them, each answered, finished and closed.
// "on …": each adapter on its real framework, in one process, against the same application without it: over such sockets,
// whose difference is the adapter's cost, and over real ones, with the client in another process, whose CPU is what the cost
// is a part of. A middleware has a price of its own in some frameworks, whatever it does: it is shown beside.

const { EventEmitter, once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { requestArena } = require('..');
const adapters = require('./fixtures/adapters.js');
const { SOCKETS, exchangeOn, overSockets } = require('./fixtures/nowhere.js');
const { compare, turn } = require('./harness.js');
const { Child } = require('./method/child.js');

// A difference of 300 ns between requests of 2 to 6 µs, and code that is compiled late.
const LONGER = { slices: 32, warmUpMs: 500 };

class Response extends EventEmitter {
  writableFinished = true;
  closed = false;
  destroyed = false;
}

function stubsWith(middleware, touch = false) {
  const next = (req) => {
    if (touch) req.arena.allocUnsafe(1024);
  };
  const sockets = Array.from({ length: SOCKETS }, () => new net.Socket());
  const responses = [];
  return async (n) => {
    for (let i = 0; i < n; i += SOCKETS) {
      for (const socket of sockets) {
        const req = { httpVersionMajor: 1, socket };
        const res = new Response();
        if (middleware !== null) middleware(req, res, () => next(req));
        responses.push(res);
      }
      for (const res of responses.splice(0)) res.emit('close');
      await turn();
    }
  };
}

function serve(socket, middleware, touch) {
  const { req, res } = exchangeOn(socket);
  if (middleware === null) {
    res.end('ok');
    return;
  }
  middleware(req, res, () => {
    if (touch) req.arena.allocUnsafe(1024);
    res.end('ok');
  });
}

const requestsWith = (middleware, touch = false) =>
  overSockets((socket) => serve(socket, middleware, touch));

/** @param {typeof stubsWith} requests */
function withAndWithout(requests) {
  const without = 'without';
  const untouched = 'with, req.arena untouched';
  const touched = 'with, one allocation of 1 KiB';
  return compare(
    {
      [without]: requests(null),
      [untouched]: requests(requestArena()),
      [touched]: requests(requestArena(), true),
    },
    {
      'the middleware alone (difference)': (round) => round[untouched] - round[without],
      'with its one allocation (difference)': (round) => round[touched] - round[without],
    },
  );
}

/** A request and its whole response on each of the servers' own listeners, over sockets that go nowhere. */
function requestsTo(server) {
  return overSockets((socket) => {
    const { req, res } = exchangeOn(socket);
    server.emit('request', req, res);
  });
}

/** Requests over real sockets, from a client in a process of its own. */
async function requestsOver(server, client) {
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  return async (requests) => {
    await client.call('load', { port, requests });
  };
}

/** The adapter's price on one framework, and what part it is of the CPU of a request to an empty handler. */
async function onFramework(create) {
  const client = new Child(path.join(__dirname, 'fixtures', 'client.js'));
  const names = {
    whole: 'an empty handler, over real sockets',
    wholeWith: 'with ralloc, over real sockets',
    bare: 'an empty handler, over sockets that go nowhere',
    empty: 'with an empty middleware',
    ralloc: 'with ralloc, req.arena untouched',
  };
  const rivals = {
    [names.whole]: await requestsOver(await create('none'), client),
    [names.wholeWith]: await requestsOver(await create('ralloc'), client),
    [names.bare]: requestsTo(await create('none')),
    [names.empty]: requestsTo(await create('empty')),
    [names.ralloc]: requestsTo(await create('ralloc')),
  };
  const share = (of) => ({ unit: '%', of: (pass) => (100 * of(pass)) / pass[names.whole] });
  const adapter = (pass) => pass[names.ralloc] - pass[names.bare];
  const empty = (pass) => pass[names.empty] - pass[names.bare];
  try {
    const derived = {
      'the adapter (difference)': adapter,
      'an empty middleware (difference)': empty,
      'the adapter, of a request over real sockets': share(adapter),
      'an empty middleware, of the same': share(empty),
    };
    return await compare(rivals, derived, LONGER);
  } finally {
    await client.stop();
  }
}

const frameworks = Object.entries(adapters).map(([name, create]) => [
  `on ${name}`,
  () => onFramework(create),
]);

module.exports = {
  notMeasured: 'latency, and handlers that use the arena (see the demo); TLS; HTTP/2',
  scenarios: {
    stubs: () => withAndWithout(stubsWith),
    objects: () => withAndWithout(requestsWith),
    ...Object.fromEntries(frameworks),
  },
};
