'use strict';

// Servers of documents, and their clients, which refuse bytes that nobody wrote.

const { once } = require('node:events');
const http = require('node:http');
const { patient } = require('./patient.js');
const { written } = require('./unwritten.js');
const { until } = require('./until.js');

/** Serves an application, or a server, until the test is over. */
async function serve(t, app) {
  const server =
    app instanceof http.Server || typeof app.setTimeout === 'function'
      ? app
      : http.createServer(app);
  if (!server.listening) patient(server).listen(0, '127.0.0.1');
  if (server.address() === null) await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections?.();
  });
  return urlOf(server);
}

const urlOf = (server) => `http://127.0.0.1:${server.address().port}`;

async function post(url, body) {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/octet-stream' },
  });
  return { status: response.status, bytes: written(Buffer.from(await response.arrayBuffer())) };
}

const get = async (url) => written(Buffer.from(await (await fetch(url)).arrayBuffer())).toString();

/** Nothing in flight, and every request's memory released. */
async function settled(t, arenas) {
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().memory.leased, 0);
  t.is(arenas.stats().heapRequests, 0);
}

/** A response of a frame: four or eight bytes of its length, then itself. */
function isFrame(t, { status, bytes }, body, head) {
  t.is(status, 200);
  t.is(bytes.readUInt32BE(0), body.length);
  t.is(bytes.subarray(head).toString(), body);
}

module.exports = { get, isFrame, post, serve, settled, urlOf };
