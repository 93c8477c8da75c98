'use strict';
// tier: run-time, differs

// The guide's long response, as it stands there: behind wrappers of res.write that drop its callback, and to readers
// that are slow, over TLS and HTTP/2.

const test = require('ava');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { once } = require('node:events');
const zlib = require('node:zlib');
const compression = require('compression');
const express = require('express');
const { certificate } = require('../helpers/certificate.js');
const { listen, serveOnly, assertSettled } = require('../helpers/server.js');
const { programs, runProgram } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

const MiB = 1024 * 1024;

const guide = async (t) => {
  const shown = programs('docs/guide/requests.md').find(
    ({ heading }) => heading === 'Long responses',
  );
  return runProgram(t, shown, { names: ['arenas', 'sendPages'] });
};

/** Every page, whole and in order. */
function assertPages(t, text) {
  const lines = text.trimEnd().split('\n');
  t.is(lines.length, 100);
  const expected = 'x'.repeat(100_000);
  t.true(lines.every((line, i) => line === JSON.stringify({ page: i, text: expected })));
}

async function assertBounded(t, arenas) {
  await until(() => arenas.stats().inFlight === 0);
  t.true(arenas.stats().memory.peak < 2 * MiB, 'of ten million bytes');
  t.is(arenas.stats().finished, 1);
  assertSettled(t, arenas);
}

for (const order of ['before', 'after']) {
  test(`a long response with compression mounted ${order} the middleware`, async (t) => {
    const { arenas, sendPages } = await guide(t);
    const app = express();
    const middlewares = [compression({ threshold: 0 }), arenas];
    app.use(order === 'before' ? middlewares : middlewares.reverse());
    app.get('/', (req, res) => sendPages(req, res.type('text/plain')));
    const port = await serveOnly(t, app);
    const headers = { 'accept-encoding': 'gzip' };
    const request = http.get({ port, host: '127.0.0.1', headers, agent: false });
    const [response] = await once(request, 'response');
    t.is(response.headers['content-encoding'], 'gzip');
    assertPages(t, zlib.gunzipSync(Buffer.concat(await response.toArray())).toString());
    await assertBounded(t, arenas);
  });
}

const servers = {
  https: (handler) => https.createServer(certificate(), handler),
  'HTTP/2': (handler) => http2.createServer(handler),
};

/** What a server sends, as a stream. */
async function ask(t, protocol, port) {
  if (protocol === 'HTTP/2') {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    t.teardown(() => session.destroy());
    return session.request({ ':path': '/' });
  }
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, agent: false };
  const [response] = await once(https.get(options), 'response');
  return response;
}

for (const [protocol, make] of Object.entries(servers)) {
  test(`${protocol}: a long response to a reader that pauses after each part`, async (t) => {
    const { arenas, sendPages } = await guide(t);
    const server = make((req, res) => arenas(req, res, () => sendPages(req, res)));
    t.teardown(() => server.close());
    const response = await ask(t, protocol, await listen(server));
    const parts = [];
    for await (const part of response) {
      parts.push(part);
      await new Promise(setImmediate);
    }
    assertPages(t, Buffer.concat(parts).toString());
    await assertBounded(t, arenas);
  });
}

test('a client that goes away within a long response ends its handler', async (t) => {
  const { arenas, sendPages } = await guide(t);
  let ended = false;
  const app = express();
  app.use(compression({ threshold: 0 }), arenas);
  app.get('/', async (req, res) => {
    await sendPages(req, res.type('application/octet-stream'));
    ended = true;
  });
  const port = await serveOnly(t, app);
  const request = http.get({ port, host: '127.0.0.1', agent: false });
  const [response] = await once(request, 'response');
  response.pause();
  response.on('error', () => {});
  request.destroy();
  await until(() => ended);
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().aborted, 1);
  assertSettled(t, arenas);
});
