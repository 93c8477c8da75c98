'use strict';

// What pump() reads from, and writes to.

const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const { join } = require('node:path');
const tls = require('node:tls');
const zlib = require('node:zlib');
const { cat } = require('./cat.js');
const { certificate } = require('./certificate.js');
const { folder } = require('./folder.js');
const { patient } = require('./patient.js');

const { key, cert } = certificate();
const HALF_OPEN = { allowHalfOpen: true };

/** All that comes out of a stream, by a listener; it begins when `after` is kept. */
function gather(stream, { after } = {}) {
  const parts = [];
  stream.on('data', (part) => parts.push(Buffer.from(part)));
  if (after !== undefined) {
    stream.pause();
    after.then(() => stream.resume());
  }
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('end', () => resolve(Buffer.concat(parts)));
    stream.on('close', () => resolve(Buffer.concat(parts)));
  });
}

async function listen(t, server) {
  patient(server).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: server.address().port, host: '127.0.0.1' };
}

function fileOf(t, bytes) {
  const file = join(folder(t), 'source');
  fs.writeFileSync(file, bytes);
  return file;
}

const ignore = () => {};

/** Calls use(stream) once, as soon as there is the stream, and resolves as it does. */
const withIt = (use) => {
  let settle;
  const used = new Promise((resolve) => {
    settle = resolve;
  });
  return [(...args) => settle(use(...args)), used];
};

const connectTls = (to) => tls.connect({ ...to, ca: cert, servername: 'localhost', ...HALF_OPEN });

/** name → (t, bytes, use): calls use(stream) with a stream of `bytes`, at the first moment that there is. */
const sources = {
  async 'fs.ReadStream'(t, bytes, use) {
    return use(fs.createReadStream(fileOf(t, bytes)));
  },
  async 'net.Socket'(t, bytes, use) {
    const to = await listen(
      t,
      net.createServer((socket) => socket.on('error', ignore).end(bytes)),
    );
    return use(net.connect({ ...to, ...HALF_OPEN }));
  },
  async 'tls.TLSSocket'(t, bytes, use) {
    const server = tls.createServer({ key, cert }, (socket) =>
      socket.on('error', ignore).end(bytes),
    );
    return use(connectTls(await listen(t, server)));
  },
  async 'the body of a request'(t, bytes, use) {
    const [handle, used] = withIt(use);
    const to = await listen(
      t,
      http.createServer((req, res) => {
        req.on('end', () => res.end());
        handle(req);
      }),
    );
    http
      .request({ ...to, method: 'POST' })
      .on('error', ignore)
      .end(bytes);
    return used;
  },
  async 'the body of a response'(t, bytes, use) {
    const [handle, used] = withIt(use);
    http.get(
      await listen(
        t,
        http.createServer((_req, res) => res.end(bytes)),
      ),
      handle,
    );
    return used;
  },
  async 'the output of a child'(t, bytes, use) {
    return use(cat(fileOf(t, bytes)).stdout);
  },
};

const TOKEN = Buffer.alloc(16);

/** name → (t, options): `{ stream, received }`: where to write, and a promise of what came there. */
const sinks = {
  async 'fs.WriteStream'(t) {
    const file = join(folder(t), 'sink');
    const stream = fs.createWriteStream(file);
    return { stream, received: once(stream, 'close').then(() => fs.readFileSync(file)) };
  },
  async 'net.Socket'(t, options) {
    const [handle, received] = withIt((socket) =>
      gather(
        socket.on('end', () => socket.end()),
        options,
      ),
    );
    const to = await listen(t, net.createServer(HALF_OPEN, handle));
    return { stream: net.connect({ ...to, ...HALF_OPEN }).resume(), received };
  },
  async 'tls.TLSSocket'(t, options) {
    const [handle, received] = withIt((socket) =>
      gather(
        socket.on('end', () => socket.end()),
        options,
      ),
    );
    const to = await listen(t, tls.createServer({ key, cert, ...HALF_OPEN }, handle));
    return { stream: connectTls(to).resume(), received };
  },
  async 'http.ServerResponse'(t, options) {
    const [handle, handled] = withIt((_req, res) => ({ stream: res }));
    const to = await listen(t, http.createServer(handle));
    const [onResponse, received] = withIt((response) => gather(response, options));
    http.get(to, onResponse);
    return { ...(await handled), received };
  },
  async 'http.ClientRequest'(t, options) {
    const [handle, received] = withIt((req, res) => {
      req.on('end', () => res.end());
      return gather(req, options);
    });
    const to = await listen(t, http.createServer(handle));
    const stream = http.request({ ...to, method: 'POST' });
    stream.on('response', (response) => response.resume());
    return { stream, received };
  },
  async 'the input of a child'(_t, options) {
    const child = cat();
    return { stream: child.stdin, received: gather(child.stdout, options) };
  },
  async 'zlib.Gzip'(_t, options) {
    const stream = zlib.createGzip({ level: 1 });
    return { stream, received: gather(stream, options).then(zlib.gunzipSync) };
  },
  async 'zlib.BrotliCompress'(_t, options) {
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 };
    const stream = zlib.createBrotliCompress({ params });
    return { stream, received: gather(stream, options).then(zlib.brotliDecompressSync) };
  },
  async 'crypto.Cipheriv'(_t, options) {
    const stream = crypto.createCipheriv('aes-128-ctr', TOKEN, TOKEN);
    const decipher = crypto.createDecipheriv('aes-128-ctr', TOKEN, TOKEN);
    return { stream, received: gather(stream, options).then((bytes) => decipher.update(bytes)) };
  },
  async 'crypto.Hash'(_t, options) {
    const stream = crypto.createHash('sha256');
    return { stream, digest: gather(stream, options) };
  },
};

const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest();

/** Whether the sink got `bytes`, all of them and no others. */
async function got(sink, bytes) {
  if (sink.digest !== undefined) return (await sink.digest).equals(digest(bytes));
  return (await sink.received).equals(bytes);
}

module.exports = { fileOf, gather, got, key, cert, listen, sinks, sources };
