'use strict';

// What it costs a server to have the body of a request: in one Buffer by chunks in a list and Buffer.concat(), by express.raw(), by
// req.arena.body(); as a list of chunks by req.arena.chunks().
//
// Caveats: all rivals are servers of one process, so its memory and its collections are those of all. Of them the figures hold the CPU
// alone, V8's threads with it; the client is in another process, over loopback. The handlers look at no byte of the body, which a real one
// would. The kernel's copies are in all figures, and most of those for large bodies.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const express = require('express');
const { requestArena } = require('ralloc/http');
const { compare } = require('./harness.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const SIZES = { '8 KiB': 8 * KiB, '64 KiB': 64 * KiB, '1 MiB': MiB };
const LIMIT = 4 * MiB;
const LONGER = { slices: 32, warmUpMs: 500 };

/** The answer has the length of the body, so that nobody is faster for having lost some. */
const answer = (res, body) => res.end(`${body.length}`);

const concat = () =>
  http.createServer((req, res) => {
    const chunks = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => answer(res, Buffer.concat(chunks)));
  });

const body = () =>
  http.createServer(
    requestArena().wrap(async (req, res) => answer(res, await req.arena.body({ limit: LIMIT }))),
  );

/** For those who need no single Buffer. The answer has the sum of the lengths. */
const chunks = () =>
  http.createServer(
    requestArena().wrap(async (req, res) => {
      let length = 0;
      for (const chunk of await req.arena.chunks({ limit: LIMIT })) length += chunk.length;
      answer(res, { length });
    }),
  );

function onExpress(middleware, handler) {
  const app = express();
  app.disable('etag');
  app.use(middleware);
  app.post('/', handler);
  return http.createServer(app);
}

const expressRaw = () =>
  onExpress(express.raw({ limit: LIMIT }), (req, res) => answer(res, req.body));

const expressBody = () =>
  onExpress(requestArena(), async (req, res) =>
    answer(res, await req.arena.body({ limit: LIMIT })),
  );

const servers = {
  bare: { 'Buffer.concat()': concat, 'req.arena.body()': body, 'req.arena.chunks()': chunks },
  Express: { 'express.raw()': expressRaw, 'req.arena.body()': expressBody },
};

async function measure(rivals, size) {
  const client = fork(path.join(__dirname, 'fixtures', 'client.js'));
  const runs = {};
  for (const [name, create] of Object.entries(rivals)) {
    const server = create();
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    runs[name] = async (requests) => {
      client.send({ port, requests, size });
      await once(client, 'message');
    };
  }
  try {
    return await compare(runs, {}, LONGER);
  } finally {
    client.disconnect();
  }
}

const scenarios = {};
for (const [kind, rivals] of Object.entries(servers)) {
  for (const [name, size] of Object.entries(SIZES)) {
    scenarios[`${kind}, ${name}`] = () => measure(rivals, size);
  }
}

module.exports = {
  notMeasured: 'memory and latency; TLS; HTTP/2; bodies that come slowly, or in small pieces',
  servers,
  scenarios,
};
