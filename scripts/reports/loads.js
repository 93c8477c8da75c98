'use strict';

// What clients do to the servers of the reports. Each load is `async (port, isRead)`, and returns a
// digest of all that was answered, whatever the order; undefined if it reads nothing.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { HERE } = require('./folder.js');

const STALL_MS = 6000;

async function send(port, { path: url = '/', headers, body, pauseMs = 0 } = {}) {
  const method = body === undefined ? 'GET' : 'POST';
  const req = http.request({ port, agent: false, path: url, method, headers }).end(body);
  const [res] = await once(req, 'response');
  if (pauseMs > 0) await sleep(pauseMs);
  const hash = createHash('md5').update(`${res.statusCode}`);
  for await (const chunk of res) hash.update(chunk);
  return hash.digest('hex');
}

const all = (digests) => createHash('md5').update(digests.sort().join()).digest('hex');

/**
 * `count` requests, so many of them at once. `pauseMs`: how long a client waits before it reads.
 */
const requests = (count, atOnce, options) => async (port) => {
  const digests = [];
  let left = count;
  const one = async () => {
    while (left-- > 0) digests.push(await send(port, options));
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return all(digests);
};

/** `count` requests, each for a path of its own, one each `ms`. */
const apart =
  (count, ms = 0) =>
  async (port) => {
    const digests = [];
    for (let i = 0; i < count; i++) {
      digests.push(await send(port, { path: `/${i}` }));
      if (ms > 0) await sleep(ms);
    }
    return all(digests);
  };

const bytes = (size, type) => ({
  headers: { 'content-type': type, 'content-length': size },
  body: Buffer.alloc(size, 97),
});

function json(size) {
  const body = Buffer.from(JSON.stringify({ text: 'a'.repeat(size) }));
  return { headers: { 'content-type': 'application/json', 'content-length': body.length }, body };
}

function upload(size) {
  const head = `--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\ncontent-type: a/b\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(size, 97), Buffer.from('\r\n--x--')]);
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  return { headers: { ...headers, 'content-length': body.length }, body };
}

const HEAD_END = '\r\n\r\n';

/** Sums the body that a client gets until the connection ends; the head has the date. */
async function digestOf(socket) {
  const hash = createHash('md5');
  let isHead = true;
  for await (const chunk of socket) {
    const from = isHead ? chunk.indexOf(HEAD_END) + HEAD_END.length : 0;
    isHead = false;
    hash.update(chunk.subarray(from));
  }
  return hash.digest('hex');
}

/** `count` clients that ask and do not read for some seconds; then they read, if `isRead`. */
const stalled = (count, headers = '') => {
  return async (port, isRead) => {
    const sockets = Array.from({ length: count }, () => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      socket.pause().write(`GET / HTTP/1.0\r\nhost: a\r\n${headers}\r\n`);
      return socket;
    });
    await sleep(STALL_MS);
    if (!isRead) return undefined;
    const digests = await Promise.all(sockets.map(digestOf));
    return new Set(digests).size === 1 ? digests[0] : 'the clients got different bytes';
  };
};

const webSockets = () => require(path.join(HERE, 'node_modules', 'ws'));

/** Connections that send once, and stay. */
const talks = (count) => async (port) => {
  const { WebSocket } = webSockets();
  const hash = createHash('md5');
  for (let i = 0; i < count; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    socket.on('open', () => socket.send('something to compress '.repeat(100)));
    const [message] = await once(socket, 'message');
    hash.update(message);
  }
  return hash.digest('hex');
};

/** WebSockets that are open and do not read. */
const listeners = (count) => async (port) => {
  const { WebSocket } = webSockets();
  for (let i = 0; i < count; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`).on('error', () => {});
    await once(socket, 'open');
    socket.pause();
  }
  await sleep(STALL_MS);
};

const ENGINE = '/socket.io/?EIO=4&transport=websocket';
const CONNECT = '40';

/** Clients of socket.io that join, and do not read. */
const joined = (count) => async (port) => {
  const { WebSocket } = webSockets();
  for (let i = 0; i < count; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${ENGINE}`).on('error', () => {});
    await once(socket, 'message');
    socket.send(CONNECT);
    await once(socket, 'message');
    socket.pause();
  }
  await sleep(STALL_MS);
};

module.exports = { apart, bytes, joined, json, listeners, requests, stalled, talks, upload };
