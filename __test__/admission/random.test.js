'use strict';
// tier: run-time, long

// Requests of all kinds at once, which end in all kinds of ways, on a server whose budget is too small for them: what handlers have of bodies is charged at any time, and
// nothing is once all are over.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const { randomInt } = require('node:crypto');
const zlib = require('node:zlib');
const { budget: steps, seedOr } = require('../helpers/budget.js');
const { sendChunks, serveAdmitted } = require('../helpers/admitted.js');
const { Client } = require('../helpers/client.js');
const { Http2Client } = require('../helpers/http2-client.js');
const { random } = require('../helpers/random.js');
const { turns, until } = require('../helpers/until.js');

const REQUESTS = steps(200, 100_000);
const LANES = 12;
const MAX_BYTES = 3_000_000;
const MOST = 200_000; // bytes of a body
const STATUSES = [200, 413, 429, 503];

/** A handler that does what the request's path says, and notes what it has. */
function handling(draw, held, budgetOf) {
  const check = (req) => {
    const { used } = budgetOf();
    if (2 * held.bytes > used)
      held.faults.push(
        `${req.httpVersion} ${req.url}: ${2 * held.bytes} > ${used}, ${JSON.stringify(req.headers)}`,
      );
  };
  const collect = async (req, res, stream) => {
    let own = 0;
    let isOver = false;
    const over = () => {
      isOver = true;
      held.bytes -= own;
      own = 0;
    };
    res.once('close', over);
    req.stream?.once('finish', over); // before the client has sent all
    req.socket.once('close', over); // of pipelined requests no other event may come
    try {
      for await (const chunk of stream) {
        if (isOver) return;
        own += chunk.length;
        held.bytes += chunk.length;
        check(req);
        if (draw(4) === 0) await turns(1);
      }
    } catch (error) {
      over(); // who is told that no more comes drops what it has
      throw error;
    }
    if (!res.headersSent) res.end(`${own}`);
  };
  const handlers = {
    collect: (req, res) => collect(req, res, req),
    gunzip: (req, res) => collect(req, res, req.pipe(zlib.createGunzip())),
    early: (_req, res) => res.end('early'),
    destroy: (req) => (req.stream ?? req.socket).destroy(),
    large: (_req, res) => res.end(Buffer.alloc(5_000_000)),
    fail: (_req, res) => res.writeHead(500).end(),
  };
  return (req, res) => handlers[req.url.slice(1)](req, res);
}

/** What clients do, by name: each resolves once its request is over for it. */
const scripts = {
  async announced({ connect, draw, t }) {
    const client = await connect();
    const body = Buffer.alloc(draw(MOST) + 1);
    const headers = draw(3) === 0 ? { Expect: '100-continue' } : {};
    client.send('/collect', { method: 'POST', body, headers });
    let answer = await client.response();
    if (answer.status === 100) answer = await client.response();
    t.true(STATUSES.includes(answer.status));
    if (answer.status === 200) t.is(answer.body.toString(), `${body.length}`);
    await client.destroy();
  },
  async chunked({ connect, draw, t }) {
    const client = await connect();
    const count = draw(10);
    sendChunks(client, count, 20_000, true, '/collect');
    const { status, body } = await client.response();
    t.true(STATUSES.includes(status));
    if (status === 200) t.is(body.toString(), `${20_000 * count}`);
    await client.destroy();
  },
  async zipped({ connect, draw, t }) {
    const client = await connect();
    const size = draw(4 * MOST);
    const body = zlib.gzipSync(Buffer.alloc(size));
    client.send('/gunzip', { method: 'POST', body, headers: { 'Content-Encoding': 'gzip' } });
    const { status, body: answer } = await client.response();
    t.true(STATUSES.includes(status));
    if (status === 200) t.is(answer.toString(), `${size}`);
    await client.destroy();
  },
  async gone({ connect, draw }) {
    const client = await connect();
    const length = draw(MOST) + 1;
    client.send('/collect', { method: 'POST', headers: { 'Content-Length': length } });
    client.write(Buffer.alloc(draw(length)));
    await turns(draw(5));
    await client[draw(2) === 0 ? 'reset' : 'destroy']();
  },
  async ended({ connect, draw }) {
    const client = await connect();
    const path = ['/early', '/destroy', '/fail'][draw(3)];
    client.send(path, { method: 'POST', body: Buffer.alloc(draw(MOST) + 1) });
    await client.rest;
    await turns(draw(5));
    await client.destroy();
  },
  async pipelined({ connect, draw, t }) {
    const client = await connect();
    for (let i = 0; i < 3; i++)
      client.send('/collect', { method: 'POST', body: Buffer.alloc(100) });
    if (draw(2) === 0) return client.reset();
    for (let i = 0; i < 3; i++) t.true(STATUSES.includes((await client.response()).status));
    await client.destroy();
  },
  async slow({ connect, clock, draw }) {
    const client = await connect();
    client.send('/large');
    await turns(3);
    clock.pass(100);
    if (draw(2) === 0) await client.response();
    await client.destroy();
  },
  async stream({ session, draw, t }) {
    const size = draw(MOST) + 1;
    const headers = draw(2) === 0 ? { 'content-length': `${size}` } : {};
    const stream = session.request({ ':method': 'POST', ':path': '/collect', ...headers });
    stream.on('error', () => {});
    let given;
    stream.once('response', (head) => {
      given = head[':status'];
    });
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    // Node's client does not close a stream whose body it could not send.
    const over = Promise.race(['close', 'end'].map((event) => once(stream, event).catch(() => {})));
    if (draw(4) === 0) {
      stream.write(Buffer.alloc(Math.ceil(size / 2)));
      await turns(draw(5));
      stream.close(8);
    } else {
      stream.end(Buffer.alloc(size));
    }
    await over;
    t.true(given === undefined || STATUSES.includes(given));
    if (given === 200 && parts.length > 0) t.is(Buffer.concat(parts).toString(), `${size}`);
  },
};

test('whatever requests do, what handlers have is charged, and nothing is in the end', async (t) => {
  const seed = seedOr(randomInt(2 ** 31));
  t.log(`RALLOC_SEED=${seed}`);
  const draw = random(seed);
  const held = { bytes: 0, faults: [] };
  let first;
  const handler = handling(draw, held, () => first.budget);
  const key = (req) => `${req.socket.remotePort % 3}`;
  const options = { key, maxBytes: MAX_BYTES, wait: { timeoutMs: 2000 } };
  first = await serveAdmitted(t, options, handler, http.createServer);
  first.admit.attach(first.server);
  const more = { budget: first.budget };
  const second = await serveAdmitted(t, more, handler, http2.createServer);
  const streams = await Http2Client.connect(second.port);
  const { session } = streams;
  const { clock } = first;
  const connect = () => Client.connect(first.port);
  const names = Object.keys(scripts);
  let started = 0;
  let isOver = false;
  const lane = async () => {
    while (started < REQUESTS) {
      started++;
      const name = names[draw(names.length)];
      await scripts[name]({ clock, connect, draw, session, t });
    }
  };
  // Those who wait for too long, and bodies that trickle, are looked at as the clock goes on.
  const clocks = async () => {
    while (!isOver) {
      await turns(20);
      for (const one of [clock, second.clock]) one.pass(draw(1000));
    }
  };
  const ticking = clocks();
  await Promise.all(Array.from({ length: LANES }, lane));
  await streams.destroy();
  await until(() => first.admit.stats().open + second.admit.stats().open === 0);
  isOver = true;
  await ticking;
  t.is(first.budget.used, 0);
  t.like(first.budget.stats(), { charges: 0, waiting: 0 });
  t.deepEqual(held.faults, [], 'what a handler has is charged');
  t.is(held.bytes, 0);
  t.true(first.admit.stats().admitted > 0);
});
