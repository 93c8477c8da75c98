'use strict';

// Real servers on a port of loopback, with the middleware under test in front of one handler. A framework is loaded by the first server
// of it: most tests need none.

const { once } = require('node:events');
const http = require('node:http');
const { Client } = require('./client.js');
const { patient } = require('./patient.js');
const { requestArena } = require('../../lib/index.js');

const quiet = (_error, _req, res, next) => {
  if (res.headersSent) next(_error);
  else res.status(500).end('thrown');
};

function express(make, handlers) {
  const app = make();
  app.set('env', 'test'); // no stacks on stderr
  app.disable('etag');
  app.use(...handlers);
  app.use(quiet);
  return app;
}

// What Express 4 and node:http leave to their users.
const caught = (handler) => async (req, res, next) => {
  try {
    await handler(req, res, next);
  } catch (error) {
    next(error);
  }
};

const listeners = {
  'express 5': (middlewares, handler) => express(require('express'), [...middlewares, handler]),
  'express 4': (middlewares, handler) =>
    express(require('express4'), [...middlewares, caught(handler)]),
  'node:http': (middlewares, handler) => (req, res) => {
    const fail = () => {
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end('thrown');
    };
    const step = (i) => (error) => {
      if (error) fail();
      else if (i < middlewares.length) middlewares[i](req, res, step(i + 1));
      else caught(handler)(req, res, fail);
    };
    step(0)();
  },
};

const kinds = Object.keys(listeners);

/** A listener for any server that speaks node:http's language. */
const listener = (kind, middlewares, handler) => listeners[kind](middlewares, handler);

async function listen(server) {
  patient(server).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return server.address().port;
}

/** The port of a server, or of one with nothing in front of a listener, until the test `t` is over. */
async function serveOnly(t, given) {
  const server = typeof given === 'function' ? http.createServer(given) : given;
  t.teardown(() => server.close());
  t.teardown(() => server.closeAllConnections?.());
  return listen(server);
}

/** The answer of a server, or of a listener, to one GET. */
async function answerOf(t, given, path = '/') {
  const client = await Client.connect(await serveOnly(t, given));
  const answer = await client.get(path);
  await client.destroy();
  return answer;
}

/** The whole answer to one request of node:http, on a connection of its own unless it has an agent. */
async function ask(port, path, { body, ...options } = {}) {
  const request = http.request({ port, host: '127.0.0.1', path, agent: false, ...options });
  request.on('error', () => {}); // once() has it, or the response came before
  request.end(body);
  const [response] = await once(request, 'response');
  const { statusCode: status, headers } = response;
  return { status, headers, body: Buffer.concat(await response.toArray()) };
}

/** Serves `handler` behind the middleware, until the test `t` is over. */
async function serve(
  t,
  kind,
  handler,
  { before = [], arenas, server: settings = {}, ...options } = {},
) {
  const middleware = arenas ?? requestArena(options);
  const server = http.createServer(settings, listener(kind, [...before, middleware], handler));
  const port = await listen(server);
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  t.teardown(close);
  return { port, server, arenas: middleware, close };
}

/** Nothing in flight, nothing leased, and every request that used its arena counted once. */
function assertSettled(t, arenas) {
  const { requests, inFlight, finished, aborted, memory } = arenas.stats();
  t.is(inFlight, 0);
  t.true(requests >= finished + aborted);
  t.is(memory.leased, 0);
  t.is(memory.held, 0);
}

module.exports = {
  answerOf,
  ask,
  kinds,
  serve,
  serveOnly,
  listen,
  listener,
  assertSettled,
};
