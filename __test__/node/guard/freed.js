'use strict';

// What the guard refuses a dead Buffer of: each function of Node that it replaced and that is given bytes, by the names of
// helpers/functions.js, and others that come to one of these. `use(buffer, place)` throws or rejects with the error that somebody is told.
// `place`: a file with its path, descriptor and handle, and `sink`, which notes in `sent` what was sent anywhere.

const crypto = require('node:crypto');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const https = require('node:https');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { Duplex, PassThrough, Readable, compose, pipeline, promises } = require('node:stream');
const zlib = require('node:zlib');
const { cat } = require('../../helpers/cat.js');
const { serveOnly } = require('../../helpers/server.js');

/** Of a callback that comes last. */
const called = (use) => (buffer, place) =>
  new Promise((resolve, reject) => {
    use(buffer, place, (error, result) => (error ? reject(error) : resolve(result)));
  });

/** Of a stream whose errors somebody hears. */
const heard = (use, makeStream) => async (buffer, place) => {
  const stream = await makeStream(place);
  const failed = once(stream, 'error');
  use(stream, buffer);
  throw (await failed)[0];
};

const write = (stream, buffer) => stream.write(buffer);
const end = (stream, buffer) => stream.end(buffer);
const push = (stream, buffer) => stream.push(buffer);
const unshift = (stream, buffer) => stream.unshift(buffer);

const readable = () => new Readable({ read() {} });
const piped = (stream, { sink }) => {
  stream.pipe(sink);
  return stream;
};

async function socket(place) {
  const server = net.createServer((peer) => peer.pipe(place.sink).on('error', () => {}));
  const one = net.connect(await serveOnly(place, server), '127.0.0.1');
  await once(one, 'connect');
  return one;
}

/** What a handler of HTTP/1 is told, who answers with that. */
const answering = (use) => async (buffer, place) => {
  let told;
  const server = http.createServer((_req, res) => {
    try {
      use(res, buffer);
    } catch (error) {
      told = error;
      res.writeHead(500).end(error.code);
    }
  });
  const request = http.get({ port: await serveOnly(place, server), agent: false });
  const [response] = await once(request, 'response');
  if (response.statusCode === 500) throw told;
  response.pipe(place.sink);
};

/** The same of HTTP/2, by the compatibility API. */
const answering2 = (use) => async (buffer, place) => {
  let told;
  const server = http2.createServer((_req, res) => {
    try {
      use(res, buffer);
    } catch (error) {
      told = error;
      res.writeHead(500).end(error.code);
    }
  });
  const session = http2.connect(`http://127.0.0.1:${await serveOnly(place, server)}`);
  place.teardown(() => session.destroy());
  const request = session.request();
  const [{ ':status': status }] = await once(request, 'response');
  if (status === 500) throw told;
  request.pipe(place.sink);
};

async function http2stream(place) {
  const server = http2.createServer();
  server.on('stream', (stream) => stream.on('error', () => {}).pipe(place.sink));
  const session = http2.connect(`http://127.0.0.1:${await serveOnly(place, server)}`);
  place.teardown(() => session.destroy());
  return session.request({ ':method': 'POST' });
}

async function asking(place) {
  const server = http.createServer((req) => req.pipe(place.sink));
  const request = http.request({ port: await serveOnly(place, server), method: 'POST' });
  place.teardown(() => request.on('error', () => {}).destroy());
  return request;
}

function child(place) {
  const one = cat();
  one.stdout.pipe(place.sink);
  place.teardown(() => one.kill('SIGKILL'));
  return one.stdin;
}

function udp(place) {
  const one = dgram.createSocket('udp4');
  place.teardown(() => one.close());
  return one;
}

async function* yielded(buffer) {
  yield buffer;
}

/** Ends where its source's end or error is. */
const drained = async (readableStream, { sink }) => {
  for await (const chunk of readableStream) sink.write(Buffer.from(chunk));
};

const rows = {
  'https.Agent': (dead) => new https.Agent({ ca: dead }),
  'http.Agent.prototype.addRequest': (dead) => https.get({ host: '127.0.0.1', port: 1, ca: dead }),
  'fs.read': called((buffer, { handle }, done) => fs.read(handle.fd, buffer, done)),
  'fs.read, options': called((buffer, { handle }, done) => fs.read(handle.fd, { buffer }, done)),
  'fs.readv': called((buffer, { handle }, done) => fs.readv(handle.fd, [buffer], done)),
  'fs.readFile': called((buffer, { file }, done) => fs.readFile(file, { buffer }, done)),
  'fs.write': called((buffer, { handle }, done) => fs.write(handle.fd, buffer, done)),
  'fs.writev': called((buffer, { handle }, done) => fs.writev(handle.fd, [buffer], done)),
  'fs.writeFile': called((buffer, { file }, done) => fs.writeFile(file, buffer, done)),
  'fs.appendFile': called((buffer, { file }, done) => fs.appendFile(file, buffer, done)),
  'fs.rm': called((buffer, _place, done) => fs.rm(buffer, { recursive: true }, done)),
  'fs.rmdir': called((buffer, _place, done) => fs.rmdir(buffer, done)),
  'fs/promises.readFile': (buffer, { file }) => fs.promises.readFile(file, { buffer }),
  'fs/promises.writeFile': (buffer, { file }) => fs.promises.writeFile(file, buffer),
  'fs/promises.writeFile, an array': (buffer, { file }) => fs.promises.writeFile(file, [buffer]),
  'fs/promises.writeFile, a generator': (buffer, { file }) =>
    fs.promises.writeFile(file, yielded(buffer)),
  'fs/promises.appendFile': (buffer, { file }) => fs.promises.appendFile(file, buffer),
  'fs/promises.rm': (buffer) => fs.promises.rm(buffer),
  'fs/promises.rmdir': (buffer) => fs.promises.rmdir(buffer),
  'FileHandle.read': (buffer, { handle }) => handle.read(buffer),
  'FileHandle.readv': (buffer, { handle }) => handle.readv([buffer]),
  'FileHandle.readFile': (buffer, { handle }) => handle.readFile({ buffer }),
  'FileHandle.write': (buffer, { handle }) => handle.write(buffer),
  'FileHandle.writev': (buffer, { handle }) => handle.writev([buffer]),
  'FileHandle.writeFile': (buffer, { handle }) => handle.writeFile(buffer),
  'FileHandle.writeFile, a generator': (buffer, { handle }) => handle.writeFile(yielded(buffer)),
  'FileHandle.appendFile': (buffer, { handle }) => handle.appendFile(buffer),
  'fs.createReadStream': (buffer) => fs.createReadStream(buffer),
  'fs.createWriteStream': (buffer) => fs.createWriteStream(buffer),
  'fs.Utf8Stream get': (buffer, { file, sink }) => {
    const stream = new fs.Utf8Stream({ dest: file, contentMode: 'buffer' });
    sink.once('close', () => stream.destroy());
    return stream.write(buffer);
  },
  'a stream of fs.createWriteStream': heard(end, ({ file }) => fs.createWriteStream(file)),
  'crypto.randomFill': called((buffer, _place, done) => crypto.randomFill(buffer, done)),
  'crypto.createHash': heard(end, () => crypto.createHash('sha256')),
  'zlib.gzip': called((buffer, _place, done) => zlib.gzip(buffer, done)),
  'zlib.brotliDecompress': called((buffer, _place, done) => zlib.brotliDecompress(buffer, done)),
  'zlib.createGzip': heard(write, (place) => piped(zlib.createGzip(), place)),
  'dgram.Socket.prototype.send': (buffer, place) => udp(place).send(buffer, 9, '127.0.0.1'),
  'dgram.Socket.prototype.send, a list': (buffer, place) =>
    udp(place).send([Buffer.from('first'), buffer], 9, '127.0.0.1'),
  'stream.Writable.prototype.write': heard(write, ({ sink }) => sink),
  'stream.Writable.prototype.end': heard(end, ({ sink }) => sink),
  'stream.Duplex.prototype.write': heard(write, (place) => piped(new PassThrough(), place)),
  'stream.Duplex.prototype.end': heard(end, (place) => piped(new PassThrough(), place)),
  'stream.Readable.prototype.push': heard(push, (place) => piped(readable(), place)),
  'stream.Readable.prototype.unshift': heard(unshift, (place) => piped(readable(), place)),
  'stream.Readable.from': (buffer, place) => drained(Readable.from([buffer]), place),
  'stream.Readable.from, a Buffer': (buffer, place) => drained(Readable.from(buffer), place),
  'stream.Duplex.from': (buffer, place) => drained(Duplex.from([buffer]), place),
  'stream.compose': (buffer, place) => drained(compose([buffer], new PassThrough()), place),
  'stream.pipeline': called((buffer, { sink }, done) => pipeline([buffer], sink, done)),
  'stream.pipeline, a generator': called((buffer, { sink }, done) =>
    pipeline(yielded(buffer), sink, done),
  ),
  'stream/promises.pipeline': (buffer, { sink }) => promises.pipeline([buffer], sink),
  'writer.write': (buffer, { sink }) =>
    new WritableStream({ write: (chunk) => sink.write(chunk) }).getWriter().write(buffer),
  'writer.write of a TransformStream': (buffer) =>
    new TransformStream().writable.getWriter().write(buffer),
  'stream/web.ReadableStreamDefaultController.prototype.enqueue': (buffer, place) =>
    drained(new ReadableStream({ start: (controller) => controller.enqueue(buffer) }), place),
  'stream/web.TransformStreamDefaultController.prototype.enqueue': (buffer) => {
    let transform;
    new TransformStream({ start: (controller) => (transform = controller) });
    return transform.enqueue(buffer);
  },
  'ReadableStream.from': (buffer, place) => drained(ReadableStream.from([buffer]), place),
  'net.Socket.prototype.connect': (buffer, place) => {
    const onread = { buffer, callback: () => true };
    const one = net.connect({ port: 1, host: '127.0.0.1', onread });
    place.teardown(() => one.on('error', () => {}).destroy());
  },
  'socket.write': heard(write, socket),
  'socket.end': heard(end, socket),
  'child.stdin.write': heard(write, child),
  'http.OutgoingMessage.prototype.write': answering(write),
  'http.OutgoingMessage.prototype.end': answering(end),
  'http response, corked': answering((res, buffer) => {
    res.cork();
    res.write(buffer);
  }),
  'http.request, write': async (buffer, place) => (await asking(place)).write(buffer),
  'http.request, end': async (buffer, place) => (await asking(place)).end(buffer),
  'http2.Http2ServerResponse.prototype.write': answering2(write),
  'http2 response, end': answering2(end),
  'http2stream.write': heard(write, http2stream),
  'http2stream.end': heard(end, http2stream),
};

/** What is replaced and is given no bytes, or none but those of a stream, which were refused before. */
const GIVEN_NONE = [
  'fs/promises.open',
  'TransformStream.prototype.writable get',
  'WritableStream.prototype.getWriter',
  'http.ClientRequest.prototype.destroy',
  'http.OutgoingMessage.prototype.uncork',
  'http.OutgoingMessage.prototype.destroy',
  'http.OutgoingMessage.prototype._flushOutput',
  'stream.Readable.prototype.destroy',
  'stream.Readable.prototype.setEncoding',
  'stream.Readable.prototype.read',
  'stream.Readable.prototype.toArray',
  'stream.Duplex.prototype.destroy',
  'stream/consumers.arrayBuffer',
  'stream/consumers.blob',
  'stream/consumers.buffer',
  'stream/consumers.bytes',
];

if (fs.Utf8Stream === undefined) delete rows['fs.Utf8Stream get'];
if (ReadableStream.from === undefined) delete rows['ReadableStream.from'];

module.exports = { rows, GIVEN_NONE };
