'use strict';

// Ordinary servers, which know nothing of ralloc: `node server.js NAME`. Each tells where it
// listens, and answers an upload with its length and hash.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const os = require('node:os');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');

const MiB = 2 ** 20;
const MOST = '64mb';
const HOLD_MS = 8000;

const told = (bytes) => `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;

const express = (...handlers) => {
  const app = require('express')();
  app.get('/health', (_, res) => res.end('ok'));
  app.post('/', ...handlers);
  return http.createServer(app);
};

/** An upload that goes to a file as it comes, and from there into a hash. */
function toFile(req, res) {
  const parser = require('busboy')({ headers: req.headers });
  parser.on('file', async (_, file) => {
    const name = path.join(os.tmpdir(), `ralloc-flood-${process.pid}-${Math.random()}`);
    const hash = createHash('sha256');
    let length = 0;
    file.on('data', (chunk) => {
      hash.update(chunk);
      length += chunk.length;
    });
    await pipeline(file, fs.createWriteStream(name));
    fs.unlinkSync(name);
    res.end(`${length} ${hash.digest('hex')}`);
  });
  req.pipe(parser);
}

/** Hashes as it comes, with the body of a multipart form cut out: for what is behind a proxy. */
function upstream() {
  return http
    .createServer((req, res) => toFile(req, res))
    .listen(Number(process.env.UPSTREAM ?? 0), '127.0.0.1');
}

const SERVERS = {
  multer() {
    const multer = require('multer');
    const upload = multer({ storage: multer.memoryStorage() }).single('file');
    return express(upload, (req, res) => res.end(told(req.file.buffer)));
  },
  raw: () =>
    express(require('express').raw({ type: () => true, limit: MOST }), (req, res) =>
      res.end(told(req.body)),
    ),
  json: () =>
    express(require('express').json({ type: () => true, limit: MOST }), (req, res) =>
      res.end(told(Buffer.from(req.body.text))),
    ),
  async fastify() {
    const app = require('fastify')({ bodyLimit: 64 * MiB });
    app.register(require('@fastify/multipart'), { limits: { fileSize: 64 * MiB } });
    app.get('/health', async () => 'ok');
    app.post('/', async (req) => told(await (await req.file()).toBuffer()));
    await app.ready();
    return app.server;
  },
  formidable() {
    const { formidable } = require('formidable');
    return express((req, res) => {
      const chunks = [];
      const form = formidable({
        maxFileSize: 64 * MiB,
        fileWriteStreamHandler: () => {
          const { Writable } = require('node:stream');
          return new Writable({
            write(chunk, _, done) {
              chunks.push(chunk);
              done();
            },
          });
        },
      });
      form.parse(req, (error) => {
        if (error) res.statusCode = error.httpCode ?? 500;
        res.end(error ? error.message : told(Buffer.concat(chunks)));
      });
    });
  },
  /** Handlers that keep what they were given for a while. */
  objects: () =>
    express(require('express').json({ limit: MOST }), (req, res) =>
      setTimeout(() => res.end(String(req.body.length)), HOLD_MS),
    ),
  busboy: () => express(toFile),
  proxy() {
    const { createProxyMiddleware } = require('http-proxy-middleware');
    const app = require('express')();
    app.get('/health', (_, res) => res.end('ok'));
    app.use(createProxyMiddleware({ target: `http://127.0.0.1:${process.env.UPSTREAM}` }));
    return http.createServer(app);
  },
  /** 60 KB to each client, ten times a second: half of them by WebSocket, half as events. */
  broadcast() {
    const { WebSocketServer } = require('ws');
    const events = new Set();
    const server = http.createServer((req, res) => {
      if (req.url === '/health') return res.end('ok');
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      events.add(res);
      return res.on('close', () => events.delete(res));
    });
    const sockets = new WebSocketServer({ server, perMessageDeflate: false });
    let count = 0;
    setInterval(() => {
      count++;
      const text = `${count} ${'x'.repeat(60_000)}`;
      for (const one of sockets.clients) one.send(text);
      for (const res of events) res.write(`data: ${text}\n\n`);
    }, 100);
    return server;
  },
  /**
   * Answers in all ways, on HTTP/1 and HTTP/2, half of it behind `admission()`, and tells what is
   * charged.
   */
  endings() {
    const { Budget, admission, stats } = require('../../lib/index.js');
    const { createGunzip } = require('node:zlib');
    const budget = new Budget({ maxBytes: 32 * MiB });
    const admit = admission({ budget });
    const collect = async (stream, res) => {
      let length = 0;
      for await (const chunk of stream) length += chunk.length;
      res.end(String(length));
    };
    // Node 20 frees a stream of HTTP/2 that its handler ends at once, and reads it once more.
    const cut = (one) => (one.stream ? setImmediate(() => one.destroy()) : one.destroy());
    const ways = {
      read: collect,
      early: (_, res) => res.end('early'),
      gunzip: (req, res) => collect(req.pipe(createGunzip().on('error', () => {})), res),
      destroy: (req) => cut(req),
      cut: (_, res) => void res.write('some') || cut(res),
      later: (_, res) => setTimeout(() => res.end('later'), 5),
      never: (req) => req.resume(), // Node sees no client leave whose body nobody reads
      large: (req, res) => req.resume() && res.end(Buffer.alloc(MiB)),
      half: (req, res) => req.once('data', () => res.end('half')),
      pipe: (req, res) => void req.pipe(res),
      paused: (req, res) => req.once('data', () => req.pause()) && setTimeout(() => res.end(), 5),
    };
    const handle = async (req, res) => {
      try {
        await ways[req.url.slice(3)](req, res);
      } catch {
        cut(res);
      }
    };
    const admitted = admit.wrap(handle);
    const second = http2.createServer((req, res) => serve(req, res)).listen(0, '127.0.0.1');
    const tell = {
      '/port': () => second.address().port,
      '/sum'() {
        const { bodies, stopped, waiting, unsent } = stats().limit;
        const { open, waiting: queued } = admit.stats();
        const { used } = budget.stats();
        return JSON.stringify({ bodies, stopped, waiting, unsent, open, queued, used });
      },
    };
    function serve(req, res) {
      req.on('error', () => {});
      res.on('error', () => {});
      if (tell[req.url]) return res.end(String(tell[req.url]()));
      return (req.url[1] === 'a' ? admitted : handle)(req, res);
    }
    second.on('sessionError', () => {});
    return http.createServer(serve);
  },
  /** Keeps half of its memory for itself, and has all kinds of requests. */
  mixed() {
    const [express, multer] = [require('express'), require('multer')];
    const kept = Array.from({ length: 190 }, () => Buffer.alloc(MiB, 1));
    const upload = multer({ storage: multer.memoryStorage() }).single('file');
    const app = express();
    app.get('/health', (_, res) => res.end('ok'));
    app.get('/large', (_, res) => res.end(Buffer.concat(kept.slice(0, 2))));
    app.post('/form', upload, (req, res) =>
      setTimeout(() => res.end(told(req.file.buffer)), 100 * Math.random()),
    );
    app.post('/raw', express.raw({ type: () => true, limit: MOST }), (req, res) =>
      res.end(told(req.body)),
    );
    app.post('/json', express.json({ type: () => true, limit: MOST }), (req, res) =>
      res.end(told(Buffer.from(req.body.text))),
    );
    return http.createServer(app);
  },
  /**
   * Leaks 10 MB a second, and tells a balancer whether it is ready. It counts as ten minutes old.
   */
  leak() {
    const kept = [];
    process.uptime = () => 601;
    setInterval(() => kept.push(Buffer.alloc(1e6, 1)), 100);
    const { readiness } = require('../../lib/index.js');
    return http.createServer((req, res) => {
      if (req.url === '/ready') res.statusCode = readiness().ready ? 200 : 503;
      setTimeout(() => res.end('ok'), 300);
    });
  },
};

async function main(name) {
  if (name === 'upstream')
    return upstream().on('listening', function () {
      console.log(`READY ${this.address().port}`);
    });
  const server = await SERVERS[name]();
  server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
}

main(process.argv[2]);
