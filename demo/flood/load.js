'use strict';

// The clients of `--flood`. The honest ones upload a file each, half of them without a length, some over HTTP/2, and come again as Retry-After says until they have the right hash. The
// others do what a server must survive.

const { createHash, randomBytes } = require('node:crypto');
const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const zlib = require('node:zlib');

const PART = 64 * 1024;
const HOST = '127.0.0.1';

/** A file of so many bytes, of which each client has one of its own. */
class File {
  #common;
  #hash;

  constructor(bytes) {
    this.#common = randomBytes(bytes - 8);
    this.#hash = createHash('sha256').update(this.#common);
  }

  /** `{ parts, bytes, hash }` */
  of(client) {
    const own = Buffer.alloc(8);
    own.writeUInt32LE(client);
    const parts = [];
    for (let at = 0; at < this.#common.length; at += PART)
      parts.push(this.#common.subarray(at, at + PART));
    parts.push(own);
    return { parts, hash: this.#hash.copy().update(own).digest('hex') };
  }
}

const BOUNDARY = 'a-boundary-of-the-flood';
const HEAD = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: application/octet-stream\r\n\r\n`,
);
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

const sizeOf = (parts) => parts.reduce((sum, { length }) => sum + length, 0);

/** Writes until all is written, or somebody has answered; with a pause of so many milliseconds after each part. */
async function send(stream, parts, isOver, pauseMs) {
  const closed = once(stream, 'close');
  for (const part of parts) {
    if (isOver() || stream.destroyed) return;
    if (pauseMs > 0) await sleep(pauseMs);
    if (!stream.write(part)) await Promise.race([once(stream, 'drain'), closed]);
  }
  stream.end();
}

/** The same in the background, until `answered` is settled. */
function sendUntil(answered, stream, parts, pauseMs = 0) {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  answered.then(over, over);
  send(stream, parts, () => isOver, pauseMs).catch(() => {});
}

/** The event 'response' of what was sent. Rejects also where it is closed without one and without an error, as streams of HTTP/2 are. */
async function answerTo(sent) {
  const closed = once(sent, 'close').then(() => {
    throw new Error('closed without an answer');
  });
  return Promise.race([once(sent, 'response'), closed]);
}

/** One upload over HTTP/1, which takes `takesMs` at least: `{ status, retryAfter, text }`. Rejects where the connection is cut. */
async function upload(port, { parts }, { hasLength, key, takesMs = 0 }) {
  const whole = [HEAD, ...parts, TAIL];
  const headers = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` };
  if (hasLength) headers['Content-Length'] = sizeOf(whole);
  if (key !== undefined) headers['X-Tenant'] = key;
  const options = { host: HOST, port, path: '/upload', method: 'POST', agent: false, headers };
  const req = http.request(options);
  const answered = answerTo(req);
  sendUntil(answered, req, whole, takesMs / whole.length);
  const [res] = await answered;
  const text = Buffer.concat(await res.toArray()).toString();
  req.on('error', () => {});
  req.destroy();
  return { status: res.statusCode, retryAfter: Number(res.headers['retry-after']), text };
}

/** The same over a stream of HTTP/2. */
async function uploadStream(session, { parts }) {
  const stream = session.request({ ':method': 'POST', ':path': '/upload' });
  const answered = answerTo(stream);
  sendUntil(answered, stream, parts);
  stream.on('error', () => {});
  const [headers] = await answered;
  const text = Buffer.concat(await stream.toArray()).toString();
  return { status: headers[':status'], retryAfter: Number(headers['retry-after']), text };
}

/** An honest client: tries until it has the hash, the deadline has passed, or the server has gone. `tally` counts what it is told, and how long it took. */
async function insist(attempt, file, tally, until) {
  const started = performance.now();
  while (until.isOn()) {
    let answer;
    try {
      answer = await attempt();
    } catch {
      tally.cut++;
      await sleep(500);
      continue;
    }
    const { status, retryAfter, text } = answer;
    tally.answers[status] = (tally.answers[status] ?? 0) + 1;
    if (status === 200) {
      if (text === file.hash) tally.times.push(performance.now() - started);
      else tally.wrong++;
      return;
    }
    await sleep(1000 * (retryAfter || 1));
  }
}

/** A connection that is used by hand. */
function raw(port, text) {
  const socket = net.connect({ host: HOST, port });
  socket.on('error', () => {});
  socket.write(text);
  return socket;
}

const headOf = (path, lines) =>
  `POST ${path} HTTP/1.1\r\nHost: flood\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

/** What is announced never comes. */
const silent = (port, bytes) => raw(port, headOf('/upload', [`Content-Length: ${bytes}`]));

/** Asks for much, and reads nothing. */
function stopped(port) {
  const socket = raw(port, 'GET /download HTTP/1.1\r\nHost: flood\r\n\r\n');
  socket.pause();
  return socket;
}

/** Comes, and goes while it waits, again and again. */
async function fickle(port, bytes, until) {
  while (until.isOn()) {
    const socket = raw(port, headOf('/upload', [`Content-Length: ${bytes}`]));
    socket.write(Buffer.alloc(Math.min(bytes, PART)));
    socket.resume();
    await sleep(300);
    socket.destroy();
  }
}

/** JSON of which 100 bytes come as one. */
function bombOf(bytes) {
  const body = zlib.gzipSync(`["${'a'.repeat(bytes)}"]`);
  const lines = ['Content-Type: application/json', 'Content-Encoding: gzip'];
  const head = headOf('/json', [...lines, `Content-Length: ${body.length}`]);
  return Buffer.concat([Buffer.from(head), body]);
}

async function bomb(port, whole, until) {
  while (until.isOn()) {
    const socket = raw(port, whole);
    socket.resume();
    await Promise.race([once(socket, 'data').catch(() => {}), once(socket, 'close')]);
    socket.destroy();
    await sleep(1000);
  }
}

module.exports = {
  File,
  bomb,
  bombOf,
  fickle,
  insist,
  silent,
  stopped,
  upload,
  uploadStream,
};
