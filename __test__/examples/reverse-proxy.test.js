'use strict';
// tier: tools

const test = require('ava');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { stats } = require('../..');
const { ReverseProxy } = require('../../examples/reverse-proxy.js');
const { posixTest } = require('../helpers/backend.js');
const { Client } = require('../helpers/client.js');
const { releases } = require('../helpers/given-back.js');
const { listen } = require('../helpers/pumps.js');
const { ask } = require('../helpers/server.js');
const { run } = require('../helpers/serving.js');
const { until } = require('../helpers/until.js');

const program = path.join(__dirname, '..', '..', 'examples', 'reverse-proxy.js');
const content = randomBytes(3_000_001);

test.before(releases);

async function proxied(t, handler, options) {
  const origin = http.createServer(handler);
  const { port: behind } = await listen(t, origin);
  return { origin, ...(await proxyTo(t, behind, options)) };
}

async function proxyTo(t, behind, options) {
  const proxy = new ReverseProxy(`http://127.0.0.1:${behind}`, options);
  const { port } = await proxy.listen();
  t.teardown(() => proxy.close());
  return { proxy, port, ask: (request) => ask(port, '/', request) };
}

const echo = (req, res) => {
  res.writeHead(200, { 'x-method': req.method, 'set-cookie': ['a=1', 'b=2'] });
  req.pipe(res);
};

test.serial('bodies come through in both directions, and their memory goes back', async (t) => {
  const { ask, proxy } = await proxied(t, echo);
  const { released } = stats().bodies;
  for (const headers of [{}, { 'content-length': content.length }]) {
    const { status, headers: got, body } = await ask({ method: 'POST', headers, body: content });
    t.is(status, 200);
    t.true(body.equals(content));
    t.deepEqual(got['set-cookie'], ['a=1', 'b=2']);
  }
  await until(() => proxy.stats.answered === 2);
  t.true(stats().bodies.released - released > 3.9 * content.length);
  for (const method of ['GET', 'HEAD', 'DELETE', 'POST', 'OPTIONS']) {
    const { status, headers, body } = await ask({ method });
    t.deepEqual([status, headers['x-method'], body.length], [200, method, 0]);
  }
});

test.serial('headers of one connection are not passed on, and the client is named', async (t) => {
  const { ask } = await proxied(t, (req, res) => {
    res.writeHead(201, 'Made', { connection: 'x-mine', 'x-mine': '1', 'x-other': '2' });
    res.end(JSON.stringify(req.headers));
  });
  const { status, headers, body } = await ask({
    headers: {
      connection: 'close, X-Secret',
      'x-secret': '1',
      te: 'trailers',
      upgrade: 'h2c',
      host: 'example.org',
      'x-forwarded-for': '10.0.0.1',
      accept: 'a',
    },
  });
  const seen = JSON.parse(body);
  t.is(status, 201);
  t.is(headers['x-other'], '2');
  t.false('x-mine' in headers);
  for (const name of ['x-secret', 'te', 'upgrade']) t.false(name in seen, name);
  t.is(seen['x-forwarded-for'], '10.0.0.1, 127.0.0.1');
  t.is(seen['x-forwarded-host'], 'example.org');
  t.is(seen.accept, 'a');
  t.is(seen.via, '1.1 reverse-proxy');
  t.regex(seen.host, /^127\.0\.0\.1:\d+$/);
});

test.serial('connections to the origin are kept, and one that it closed is replaced', async (t) => {
  const { ask, origin } = await proxied(t, echo);
  let connections = 0;
  origin.on('connection', () => connections++);
  for (let i = 0; i < 5; i++) t.is((await ask()).status, 200);
  t.is(connections, 1);
  origin.closeIdleConnections();
  t.is((await ask()).status, 200);
  t.is(connections, 2);
});

test.serial('an origin that is not there, resets, or is silent', async (t) => {
  // The port of a client: nobody listens there, nor can in the meantime.
  const client = net.connect(await listen(t, net.createServer()));
  t.teardown(() => client.destroy());
  await once(client, 'connect');
  const { ask: toNobody } = await proxyTo(t, client.localPort);
  t.is((await toNobody()).status, 502);
  t.is((await toNobody({ method: 'POST', body: content })).status, 502);

  const resets = await listen(
    t,
    net.createServer((socket) => socket.on('data', () => socket.resetAndDestroy())),
  );
  const { ask: toReset, proxy } = await proxyTo(t, resets.port);
  t.is((await toReset()).status, 502);
  t.is(proxy.stats.failed, 1);

  const { ask: toSilent, proxy: silent } = await proxied(t, () => {}, { timeoutMs: 50 });
  t.is((await toSilent()).status, 504);
  t.is(silent.stats.timedOut, 1);
});

test.serial('an origin that resets in the middle of its answer cuts the client off', async (t) => {
  const { ask, proxy } = await proxied(t, (_req, res) => {
    res.writeHead(200, { 'content-length': content.length });
    res.write(content.subarray(0, 1_000_000), () => res.socket.resetAndDestroy());
  });
  await t.throwsAsync(ask(), { code: 'ECONNRESET' });
  await until(() => proxy.stats.cut === 1);
});

test.serial('a client that goes takes its request to the origin with it', async (t) => {
  const heard = [];
  const { port, proxy } = await proxied(t, (req, res) => {
    heard.push(req.url);
    res.on('close', () => heard.push('closed'));
    req.on('error', () => {});
    req.resume();
    if (req.url === '/answers') res.write(content);
  });
  for (const [i, url] of ['/waits', '/answers', '/uploads'].entries()) {
    const client = await Client.connect(port);
    if (url === '/uploads') {
      client.send(url, { method: 'POST', headers: { 'Content-Length': content.length } });
      client.write(content.subarray(0, 1000));
    } else client.send(url);
    await until(() => heard.length === 2 * i + 1);
    if (i % 2) await client.destroy();
    else await client.reset();
    await until(() => heard.length === 2 * i + 2);
  }
  t.deepEqual(heard, ['/waits', 'closed', '/answers', 'closed', '/uploads', 'closed']);
  await until(() => proxy.stats.cut === 3);
});

test.serial('a client that does not read holds the origin back', async (t) => {
  const large = Buffer.alloc(32 << 20, 1);
  let answer;
  const { port } = await proxied(t, (_req, res) => {
    answer = res;
    res.end(large);
  });
  const client = await Client.connect(port);
  client.send('/');
  client.socket.pause();
  await until(() => answer?.writableLength > 0);
  const { body } = await client.response();
  t.true(body.equals(large));
});

posixTest('as a program: it says where it listens, and ends by a signal', async (t) => {
  const { port: to } = await listen(t, http.createServer(echo));
  const args = ['--origin', `http://127.0.0.1:${to}`, '--port', '0'];
  const { code, stdout } = await run(t, program, args, async (port, child) => {
    t.is((await fetch(`http://127.0.0.1:${port}`)).status, 200);
    child.kill('SIGTERM');
  });
  t.is(code, 0);
  t.regex(stdout, /\n1 requests, 1 answered/);
  for (const words of [[], ['--origin', 'x'], ['--origin', 'https://a'], ['--port', '-1']])
    t.is((await run(t, program, words)).code, 2, words.join(' '));
});
