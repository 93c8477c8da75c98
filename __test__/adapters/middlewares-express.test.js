'use strict';
// tier: run-time

// Middlewares of others with Express and connect, mounted before ralloc's and after it.

const test = require('ava');
const http = require('node:http');
const compression = require('compression');
const connect = require('connect');
const cors = require('cors');
const express5 = require('express');
const express4 = require('express4');
const session = require('express-session');
const { default: helmet } = require('helmet');
const morgan = require('morgan');
const multer = require('multer');
const { requestArena } = require('ralloc/express');
const { Kept, visit } = require('../helpers/between.js');
const { listen } = require('../helpers/server.js');

/** Saves a session some turns after it was asked to. */
class SlowStore extends session.MemoryStore {
  set(id, given, done) {
    setImmediate(() => super.set(id, given, done));
  }
}

const lines = new Set();
const secret = 'of this test';
const others = {
  compression: () => compression({ threshold: 0 }),
  morgan: () => morgan('combined', { stream: { write: (line) => lines.add(line) } }),
  'express-session': () =>
    session({ secret, resave: true, saveUninitialized: true, store: new SlowStore() }),
  multer: () => multer().single('file'),
  helmet: () => helmet(),
  cors: () => cors(),
};
others['all of them'] = () =>
  ['morgan', 'helmet', 'cors', 'express-session', 'multer', 'compression'].map((name) =>
    others[name](),
  );

const collect = async (req) => {
  const parts = [];
  for await (const part of req) parts.push(part);
  return req.arena.concat(parts);
};

/** The routes of helpers/between.js. */
function routes(kept) {
  return async (req, res, next) => {
    const { arena } = req;
    res.setHeader('Content-Type', 'text/plain');
    if (req.url === '/whole') {
      const body = kept.of(arena, 100_000);
      res.setHeader('Content-Length', body.length); // which express-session looks at
      res.end(body);
    } else if (req.url === '/echo') {
      await collect(req).then((body) => res.end(kept.add(body)), next);
    } else {
      res.write(kept.of(arena, 100_000));
      res.write(kept.of(arena, 300_000));
      if (req.url === '/parts') res.end(kept.of(arena, 1));
    }
  };
}

async function serve(t, make, middlewares, kept) {
  const app = make();
  app.set?.('env', 'test');
  for (const one of middlewares.flat()) app.use(one);
  app.use(routes(kept));
  app.use((_error, _req, res, _next) => res.destroy());
  const server = http.createServer({ keepAliveTimeout: 60_000 }, app);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return listen(server);
}

for (const [framework, make] of Object.entries({
  'express 5': express5,
  'express 4': express4,
  connect,
})) {
  for (const [name, other] of Object.entries(others)) {
    for (const order of ['before', 'after']) {
      test.serial(`${framework}: ${name}, mounted ${order} ralloc's`, async (t) => {
        const arenas = requestArena();
        const kept = new Kept();
        const middlewares = order === 'before' ? [other(), arenas] : [arenas, other()];
        const port = await serve(t, make, middlewares, kept);
        const compresses = name === 'compression' || name === 'all of them';
        await visit(t, { port, arenas, kept }, { encoding: compresses ? 'gzip' : undefined });
      });
    }
  }
}
