'use strict';

// Requests that end in all ways, by their handler and by their client. At the end nothing of them
// may be charged.

const http = require('node:http');
const http2 = require('node:http2');
const { setTimeout: sleep } = require('node:timers/promises');
const { gzipSync } = require('node:zlib');

const AT_ONCE = 48;
const ON_SESSION = 40; // requests, before its client goes away
const MOST = 300_000; // bytes of a body
const LATE_MS = 500; // nobody waits longer than that: streams that are not read stop their session
const WAYS = 'read early gunzip destroy cut later never large half pipe paused'.split(' ');

const text = (port, path) =>
  new Promise((done, fail) => {
    const req = http.get({ port, host: '127.0.0.1', agent: false, path }, async (res) => {
      let all = '';
      for await (const part of res) all += part;
      done(all);
    });
    req.on('error', fail);
  });

/** What a client sends, and when it goes away. */
function plan(next, bytes) {
  const way = WAYS[Math.floor(next() * WAYS.length)];
  const body = bytes.subarray(0, next() < 0.5 ? next() * 20_000 : next() * MOST);
  const isZipped = way === 'gunzip' || next() < 0.1;
  const sent = isZipped ? gzipSync(body, { level: 1 }) : body;
  const leaves = next() < 0.4 || way === 'never';
  return {
    path: `/${next() < 0.5 ? 'a' : 'b'}/${way}`,
    method: next() < 0.1 ? 'GET' : 'POST',
    headers: {
      ...(isZipped && { 'content-encoding': 'gzip' }),
      ...(next() < 0.5 && { 'content-length': sent.length }),
    },
    sent,
    cutAt: leaves && next() < 0.5 ? Math.floor(next() * sent.length) : undefined, // bytes
    leavesMs: leaves ? next() * 30 : undefined,
    reads: next() < 0.8,
  };
}

/** Sends what was planned by a stream of a request; `leave()` ends it. */
async function send({ method, sent, cutAt, leavesMs, reads }, stream, leave) {
  const over = new Promise((done) => stream.once('close', done));
  stream.on('error', () => {});
  if (method === 'GET') stream.end();
  else if (cutAt === undefined) stream.end(sent);
  else if (cutAt > 0) stream.write(sent.subarray(0, cutAt));
  if (!reads && leavesMs === undefined) stream.once('response', () => setTimeout(leave, 10));
  if (leavesMs !== undefined) setTimeout(leave, leavesMs);
  const late = setTimeout(leave, LATE_MS);
  await over;
  clearTimeout(late);
}

function one(port, agent, planned) {
  const { method, path, headers, reads } = planned;
  const own = method === 'GET' ? {} : headers;
  const req = http.request({ port, host: '127.0.0.1', agent, method, path, headers: own });
  req.on('response', (res) => {
    res.on('error', () => {});
    if (reads) res.resume();
  });
  return send(planned, req, () => req.destroy());
}

function onSession(session, planned) {
  const { method, path, headers, reads } = planned;
  if (session.destroyed || session.closed) return undefined;
  const own = method === 'GET' ? {} : headers;
  const stream = session.request({ ':method': method, ':path': path, ...own });
  if (reads) stream.resume();
  return send(planned, stream, () => {
    stream.close(http2.constants.NGHTTP2_CANCEL);
    stream.destroy(); // it would wait until what has come is read
  });
}

/** `count` requests, a third of them over HTTP/2. Returns what is charged before and after. */
async function endings(port, next, count) {
  const second = Number(await text(port, '/port'));
  const before = JSON.parse(await text(port, '/sum'));
  const bytes = Buffer.from(Array.from({ length: MOST }, () => 97 + Math.floor(next() * 4)));
  let left = count;
  const client = async (i) => {
    const agent = i % 2 === 0 ? new http.Agent({ keepAlive: true, maxSockets: 1 }) : false;
    while (left > 0) {
      if (i % 3 !== 0) {
        left--;
        await one(port, agent, plan(next, bytes));
        continue;
      }
      const session = http2.connect(`http://127.0.0.1:${second}`);
      session.on('error', () => {});
      const all = [];
      for (let n = 0; n < ON_SESSION && left > 0; n++, left--) {
        all.push(onSession(session, plan(next, bytes)));
        if (n % 8 === 7 && next() < 0.7) await all[n];
      }
      const isClosed = next() < 0.5;
      // Not before: Node 20 frees what comes then, and reads it once more.
      if (isClosed || next() < 0.5) await Promise.all(all);
      if (isClosed) session.close();
      else session.destroy();
      while (!session.destroyed) await sleep(5); // one that never connected emits no `close`
    }
    if (agent) agent.destroy();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => client(i)));
  let after;
  for (let i = 0; i < 20; i++) {
    after = JSON.parse(await text(port, '/sum'));
    if (JSON.stringify(after) === JSON.stringify(before)) break;
    await sleep(1000);
  }
  return { before, after };
}

module.exports = { endings };
