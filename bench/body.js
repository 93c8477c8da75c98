'use strict';

// What it costs a server to have the body of a request: in one Buffer by chunks in a list and Buffer.concat(), by express.raw() or by
// Fastify's parser, by req.arena.body() and by what ralloc puts in the place of those; as a list of chunks by req.arena.chunks().
//
// Caveats: the handlers look at no byte of the body, which a real one would. The kernel's copies are in all figures, and most of
// those for large bodies; with TLS so is the decryption.

const http = require('node:http');
const https = require('node:https');
const express = require('express');
const fastify = require('fastify');
const { rawBody, requestArena } = require('ralloc/express');
const ofHttp = require('ralloc/http');
const plugin = require('ralloc/fastify');
const { certificate } = require('../__test__/helpers/certificate.js');
const { compareServers } = require('./servers.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const LIMIT = 4 * MiB;
const TYPE = 'application/octet-stream';

/** The answer has the length of the body, so that nobody is faster for having lost some. */
const answer = (res, body) => res.end(`${body.length}`);

function concat(req, res) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => answer(res, Buffer.concat(chunks)));
}

const withArena = (handler) => ofHttp.requestArena().wrap(handler);

const body = async (req, res) => answer(res, await req.arena.body({ limit: LIMIT }));

/** For those who need no single Buffer. The answer has the sum of the lengths. */
async function chunks(req, res) {
  let length = 0;
  for (const chunk of await req.arena.chunks({ limit: LIMIT })) length += chunk.length;
  answer(res, { length });
}

const plain = (handler) => () => http.createServer(handler());
const secure = (handler) => () => https.createServer(certificate(), handler());

function onExpress(middlewares, handler) {
  return () => {
    const app = express();
    app.disable('etag');
    app.use(...middlewares());
    app.post('/', handler);
    return http.createServer(app);
  };
}

const asBody = (req, res) => answer(res, req.body);

function onFastify(prepare, handler) {
  return async () => {
    const app = fastify({ bodyLimit: LIMIT });
    prepare(app);
    app.post('/', handler);
    await app.ready();
    return app.server;
  };
}

const asReply = (request, reply) => reply.send(`${request.body.length}`);

const kinds = {
  bare: {
    'Buffer.concat()': plain(() => concat),
    'req.arena.body()': plain(() => withArena(body)),
    'req.arena.chunks()': plain(() => withArena(chunks)),
  },
  Express: {
    'express.raw()': onExpress(() => [express.raw({ limit: LIMIT })], asBody),
    'req.arena.body()': onExpress(() => [requestArena()], body),
    'rawBody()': onExpress(() => [requestArena(), rawBody({ limit: LIMIT })], asBody),
  },
  Fastify: {
    "parseAs: 'buffer'": onFastify((app) => {
      app.addContentTypeParser(TYPE, { parseAs: 'buffer' }, (_request, whole, done) =>
        done(null, whole),
      );
    }, asReply),
    'body: true': onFastify((app) => app.register(plugin, { body: true }), asReply),
  },
  https: {
    'Buffer.concat()': secure(() => concat),
    'req.arena.body()': secure(() => withArena(body)),
    'req.arena.chunks()': secure(() => withArena(chunks)),
  },
};

const REQUESTS = {
  '8 KiB': { size: 8 * KiB },
  '64 KiB': { size: 64 * KiB },
  '1 MiB': { size: MiB },
  '64 KiB in pieces of 1,400 B': { size: 64 * KiB, piece: 1400 },
};

const scenarios = {};
for (const [kind, rivals] of Object.entries(kinds)) {
  for (const [title, request] of Object.entries(REQUESTS)) {
    if (request.piece && kind !== 'bare') continue;
    const names = Object.keys(rivals);
    const tls = kind === 'https';
    scenarios[`${kind}, ${title}`] = () =>
      compareServers({ file: 'body.js', kind, names, request: { ...request, tls } });
  }
}

module.exports = {
  notMeasured: 'latency; HTTP/2; bodies that come slowly',
  kinds,
  scenarios,
};
