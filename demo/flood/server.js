'use strict';

// The server of `--flood`: Express, uploads by multer in memory, JSON, large downloads, and uploads over HTTP/2 on a port of its own. In front of it stands nothing, or what
// people write today, or admission(); or a memory limit is under it. Prints its ports; tells its figures at /figures.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const express = require('express');
const multer = require('multer');
const { Budget, admission } = require('../..');

const [kind, waitMs, keyHeader] = process.argv.slice(2);
const DOWNLOAD = 5_000_000;

const hashOf = (buffer) => createHash('sha256').update(buffer).digest('hex');

/** Twice the Content-Length of all requests in flight, and no more than so much. */
function semaphore(maxBytes) {
  let used = 0;
  return (req, res, next) => {
    const bytes = 2 * Number(req.headers['content-length'] ?? 0);
    if (used + bytes > maxBytes) return res.writeHead(503, { 'Retry-After': 1 }).end();
    used += bytes;
    res.once('close', () => {
      used -= bytes;
    });
    next();
  };
}

const budget = new Budget({ name: 'server', maxBytes: 'auto' });
const { limit } = budget.stats();
const key = keyHeader && ((req) => req.headers[keyHeader] ?? '');
const admit = admission({ budget, wait: { timeoutMs: Number(waitMs) }, ...(key && { key }) });

// Text is V8's, which has a heap of its own: a part of the budget that half of it can hold, and more for each byte.
const { heap } = budget.stats().auto;
const texts = new Budget({ name: 'json', maxBytes: Math.floor(heap / 2), parent: budget });
const admitText = admission({ budget: texts, factor: 4 });

const counted = semaphore(limit);
const none = (_req, _res, next) => next();
const guards = {
  plain: [none, none],
  semaphore: [counted, counted],
  admission: [admit, admitText],
  limit: [none, none],
};
const [guard, guardText] = guards[kind];

const app = express();
app.get('/figures', (_req, res) => {
  res.json({ limit, used: budget.used, peak: budget.stats().peak, ...admit.stats() });
});
app.get('/download', guard, (_req, res) => res.end(Buffer.alloc(DOWNLOAD, 'x')));
app.post('/upload', guard, multer().single('file'), (req, res) =>
  res.send(hashOf(req.file.buffer)),
);
app.post('/json', guardText, express.json({ limit: '1gb' }), (req, res) =>
  res.send(`${req.body.length}`),
);
app.use((_error, req, res, _next) => {
  if (res.headersSent) req.socket.destroy();
  else res.status(500).end();
});

const server = http.createServer(app);
const streams = http2.createServer((req, res) =>
  guard(req, res, async () => {
    const parts = await req.toArray().catch(() => null);
    if (parts !== null) res.end(hashOf(Buffer.concat(parts)));
  }),
);
if (kind === 'admission') for (const one of [server, streams]) admit.attach(one);

// Node accepts one connection of a server in each turn of its loop: on the port of the uploads a health check would wait for all who came before it.
const health = http.createServer((_req, res) => res.end('ok'));

const servers = Object.entries({ port: server, streams, health });

async function listen() {
  const ports = {};
  for (const [name, one] of servers) {
    one.listen(0, '127.0.0.1');
    await once(one, 'listening');
    ports[name] = one.address().port;
  }
  process.send(ports);
}

listen();
process.once('disconnect', () => process.exit());
