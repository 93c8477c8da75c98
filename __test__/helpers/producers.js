'use strict';

// What Node allocates and hands out: name → a function that resolves with Buffers that it gave.

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const net = require('node:net');
const { join } = require('node:path');
const tls = require('node:tls');
const zlib = require('node:zlib');
const { sharp } = require('./addons.js');
const { certificate } = require('./certificate.js');

const MANY = 1024 * 1024;
const large = join(__dirname, '..', '..', 'package-lock.json');
const small = join(__dirname, '..', '..', 'types', 'index.d.mts');

async function chunksOf(readable) {
  const chunks = [];
  readable.on('data', (chunk) => chunks.push(chunk));
  await once(readable, 'end');
  return chunks;
}

const listening = async (server) => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
};

/** What a server, or its client, reads of a MiB that the other one sends. */
function bodies(makeServer, request, which) {
  return async () => {
    let fromClient;
    const server = makeServer(async (req, res) => {
      fromClient = await chunksOf(req);
      res.end(Buffer.alloc(MANY, 2));
    });
    const port = await listening(server);
    const req = request(port);
    req.end(Buffer.alloc(MANY, 1));
    const [res] = await once(req, 'response');
    const fromServer = await chunksOf(res.on === undefined || res[':status'] ? req : res);
    req.destroy();
    server.close();
    server.closeAllConnections?.();
    return which === 'server' ? fromClient : fromServer;
  };
}

const post = { method: 'POST', agent: false, rejectUnauthorized: false };
const httpRequest = (port) => http.request({ ...post, port });
const httpsRequest = (port) => https.request({ ...post, port });
const httpsServer = (handler) => https.createServer(certificate(), handler);

async function ofHttp2() {
  const server = http2.createServer();
  const taken = new Promise((resolve) => {
    server.on('stream', async (stream) => {
      const chunks = await chunksOf(stream);
      stream.respond();
      stream.end();
      resolve(chunks);
    });
  });
  const client = http2.connect(`http://127.0.0.1:${await listening(server)}`);
  const stream = client.request({ ':method': 'POST' });
  stream.resume().end(Buffer.alloc(MANY, 1));
  const chunks = await taken;
  client.close();
  server.close();
  return chunks;
}

async function ofFetch() {
  const server = http.createServer((_req, res) => res.end(Buffer.alloc(MANY, 2)));
  const response = await fetch(`http://127.0.0.1:${await listening(server)}`);
  const chunks = [];
  for await (const chunk of response.body) chunks.push(chunk);
  server.close();
  server.closeAllConnections();
  return chunks;
}

function sockets(listen, connect) {
  return async () => {
    const server = listen();
    const taken = new Promise((resolve) => {
      server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', (socket) =>
        resolve(chunksOf(socket)),
      );
    });
    connect(await listening(server)).end(Buffer.alloc(MANY, 1));
    const chunks = await taken;
    server.close();
    return chunks;
  };
}

async function ofDgram() {
  const [from, to] = [dgram.createSocket('udp4'), dgram.createSocket('udp4')];
  to.bind(0, '127.0.0.1');
  await once(to, 'listening');
  const taken = once(to, 'message');
  from.send(Buffer.alloc(1000, 1), to.address().port, '127.0.0.1');
  const [message] = await taken;
  from.close();
  to.close();
  return [message];
}

async function ofChild() {
  const script = `process.stdout.write(Buffer.alloc(${MANY}, 1))`;
  return chunksOf(spawn(process.execPath, ['-e', script]).stdout);
}

function gunzipped() {
  const stream = zlib.createGunzip();
  stream.end(zlib.gzipSync(crypto.randomBytes(MANY)));
  return chunksOf(stream);
}

const producers = {
  'body of a request, `node:http`': bodies(http.createServer, httpRequest, 'server'),
  'body of a response, `node:http`': bodies(http.createServer, httpRequest, 'client'),
  'body of a request, `node:https`': bodies(httpsServer, httpsRequest, 'server'),
  'body of a response, `node:https`': bodies(httpsServer, httpsRequest, 'client'),
  'body of a request, `node:http2`': ofHttp2,
  'body of a response, `fetch`': ofFetch,
  '`net.Socket`': sockets(net.createServer, (port) => net.connect(port, '127.0.0.1')),
  '`tls.TLSSocket`': sockets(
    () => tls.createServer(certificate()),
    (port) => tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }),
  ),
  '`fs.createReadStream`': () => chunksOf(fs.createReadStream(large)),
  '`fs.readFile`, 400 kB': async () => [await fs.promises.readFile(large)],
  '`fs.readFileSync`, 400 kB': async () => [fs.readFileSync(large)],
  '`fs.readFileSync`, 100 B': async () => [fs.readFileSync(small)],
  'output of a child process': ofChild,
  'message of `node:dgram`': ofDgram,
  '`zlib.gunzipSync`': async () => [zlib.gunzipSync(zlib.gzipSync(crypto.randomBytes(MANY)))],
  '`zlib.createGunzip`': gunzipped,
  '`crypto.randomBytes`': async () => [crypto.randomBytes(1000)],
  '`hash.digest`': async () => [crypto.createHash('sha256').update('x').digest()],
  '`Buffer.allocUnsafe`, 64 KiB': async () => [Buffer.allocUnsafe(65536)],
  '`Buffer.allocUnsafe`, 1 KiB': async () => [Buffer.allocUnsafe(1024)],
  '`Buffer.alloc`': async () => [Buffer.alloc(1024)],
  'output of `sharp`': async () => {
    const create = { width: 64, height: 64, channels: 3, background: 'red' };
    return [await sharp({ create }).raw().toBuffer()];
  },
};

module.exports = { producers };
