'use strict';
// tier: run-time, differs by Node

// Servers that know nothing of ralloc, with RALLOC_MEMORY_LIMIT: the floods of scripts/floods, in small.

const test = require('ava');
const { spawn } = require('node:child_process');
const { createHash, randomBytes } = require('node:crypto');
const { once } = require('node:events');
const http2 = require('node:http2');
const net = require('node:net');
const path = require('node:path');
const clients = require('../../scripts/floods/clients.js');
const { endings } = require('../../scripts/floods/endings.js');
const { fixturePath, run } = require('../helpers/child.js');
const { until } = require('../helpers/until.js');

const ROOT = path.join(__dirname, '..', '..');
const FLOODED = path.join(ROOT, 'scripts', 'floods', 'server.js');
const SMALL = fixturePath('limit/small.js'); // loads no package
const PRELOAD = path.join(ROOT, 'lib', 'auto', 'preload.js');
const MiB = 2 ** 20;

/** Starts a server: `{ port, stderr, end(): its exit }`. */
async function start(t, command, env = {}, flags = []) {
  const child = spawn(process.execPath, [...flags, '--require', PRELOAD, ...command], {
    env: {
      ...process.env,
      NODE_ENV: 'test',
      RALLOC_AUTO: 'report',
      RALLOC_MEMORY_LIMIT: '160m',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const server = { child, stderr: '', port: 0 };
  child.stderr.setEncoding('utf8').on('data', (text) => {
    server.stderr += text;
  });
  const exit = once(child, 'close');
  t.teardown(() => child.kill('SIGKILL'));
  for await (const text of child.stdout.setEncoding('utf8')) {
    server.port = Number(/READY (\d+)/.exec(text)[1]);
    break;
  }
  server.exit = exit;
  server.end = async () => {
    await fetch(`http://127.0.0.1:${server.port}/health`); // it listens for signals by then
    child.kill('SIGTERM');
    await exit;
    return /memory-limit: (.*)/.exec(server.stderr)?.[1];
  };
  return server;
}

const bytesOf = (line) => Number(/^at most ([\d.]+) MiB/.exec(line)[1]) * MiB;

test('a flood of uploads that are collected: all are served, and the process stays within its limit', async (t) => {
  const server = await start(t, [FLOODED, 'raw'], { RALLOC_MEMORY_LIMIT: '256m' });
  const options = { form: 'raw', seed: 7, count: 60, bombs: 4, stalls: 4, slow: 4, restMs: 300 };
  const { statuses, wrong, honest } = await clients.flood(server.port, options);
  t.deepEqual(statuses, { 200: honest });
  t.is(wrong, 0);
  const line = await server.end();
  t.regex(
    line,
    /of 256 MiB; \d+ requests? waited, [1-9]\d* stops? of bodies, 0 refused, [0-4] cut off/, // who stalls
  );
  t.true(bytesOf(line) < 256 * MiB, line);
});

test('over HTTP/2 uploads wait for each other, too, each in its own stream', async (t) => {
  const server = await start(t, [fixturePath('limit/http2.js')], { RALLOC_MEMORY_LIMIT: '192m' });
  const body = randomBytes(4e6);
  const right = createHash('sha256').update(body).digest('hex');
  const options = { maxSessionMemory: 200 }; // the client's, which has all that it sends in memory
  const connect = () => http2.connect(`http://127.0.0.1:${server.port}`, options);
  const sessions = Array.from({ length: 4 }, connect);
  const upload = async (_, i) => {
    const headers = { ':method': 'POST', ...(i % 2 === 0 && { 'content-length': body.length }) };
    const stream = sessions[i % 4].request(headers);
    stream.end(body);
    return Buffer.concat(await stream.toArray()).toString();
  };
  const answers = await Promise.all(Array.from({ length: 12 }, upload));
  for (const session of sessions) session.close();
  t.true(answers.every((hash) => hash === right));
  server.child.kill('SIGTERM');
  await server.exit;
  t.regex(
    server.stderr,
    /of 192 MiB; \d+ requests? waited, \d+ stops? of bodies, 0 refused, 0 cut/,
  );
});

test('of requests that end in all ways, on HTTP/1 and HTTP/2, nothing stays charged', async (t) => {
  const server = await start(t, [FLOODED, 'endings'], { RALLOC_MEMORY_LIMIT: '512m' });
  const { before, after } = await endings(server.port, clients.random(7), 150);
  t.deepEqual(after, before);
});

test('uploads that go to a file are never stopped', async (t) => {
  const server = await start(t, [FLOODED, 'busboy'], { RALLOC_MEMORY_LIMIT: '1g' });
  const options = { form: 'form', seed: 7, count: 8, stalls: 0, slow: 2, restMs: 300 };
  const { statuses, wrong, honest } = await clients.flood(server.port, options);
  t.deepEqual(statuses, { 200: honest });
  t.is(wrong, 0);
  t.regex(await server.end(), /; 0 requests waited, 0 stops of bodies, 0 refused, 0 cut off/);
});

/** A client that asks, and reads nothing; or a little each time that `reads()` is called. */
function reader(port) {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const one = { isClosed: false, socket, got: 0 };
  socket.on('close', () => {
    one.isClosed = true;
  });
  socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n');
  socket.on('readable', () => {}); // and does not read
  one.reads = () => {
    one.got += socket.read(Math.min(30_000, socket.readableLength))?.length ?? 0;
  };
  return one;
}

test('clients that read nothing are cut off once they have too much; who reads slowly stays', async (t) => {
  const env = { RALLOC_MEMORY_LIMIT: '256m', STALL_MS: '1500' };
  const server = await start(t, [fixturePath('limit/large.js')], env);
  const slow = reader(server.port);
  const stopped = Array.from({ length: 8 }, () => reader(server.port));
  const isCut = () => {
    slow.reads();
    return server.stderr.includes('RALLOC_CLIENT_CUT');
  };
  await until(isCut, 60, 25);
  t.false(slow.isClosed);
  t.true(slow.got > 0);
  for (const { socket } of [slow, ...stopped]) socket.destroy();
  t.regex(await server.end(), /[1-9] cut off/);
  t.regex(
    server.stderr,
    /RALLOC_CLIENT_CUT.*GET \/large, 127\.0\.0\.1, .* MiB unsent, nothing taken for \d+ s/,
  );
});

test('a process that leaks leaves before it is killed: not ready, what is in flight is finished, exit code 75', async (t) => {
  const env = { RALLOC_MEMORY_LIMIT: '128m', RALLOC_MEMORY_DRAIN: '1', RALLOC_MEMORY_GRACE: '4' };
  const server = await start(t, [fixturePath('limit/leaking.js')], env);
  const get = async (url) => (await fetch(`http://127.0.0.1:${server.port}${url}`)).text();
  t.is(await get('/ready'), '{"ready":true}');
  const last = get('/last'); // is answered once the process leaves
  await get('/leak');
  t.regex(
    await last,
    /"ready":false,"reason":"1\d\d.* MiB of the memory limit of 128 MiB are alive/,
  );
  t.deepEqual(await server.exit, [75, null]);
  t.regex(
    server.stderr,
    /RALLOC_LEAVING.*exit code 75 within 4 s: 1\d\d.* MiB of the memory limit .*buffers /,
  );
});

test("servers of other protocols, and connections to others, are not the limit's", async (t) => {
  const options = { execArgv: ['--require', PRELOAD], env: { RALLOC_MEMORY_LIMIT: '200m' } };
  const { code, result, stderr } = await run('limit/others.js', options);
  t.is(code, 0, stderr);
  t.deepEqual(result, { seen: [0, 1, 3, 1, 2], isOpen: true });
});

test('without a server nothing is loaded and nothing printed', async (t) => {
  const program =
    'process.stdout.write("READY 1"); console.error(Object.keys(require.cache).filter((f) => /lib.limit/.test(f)).length);';
  const server = await start(t, ['-e', program], { RALLOC_AUTO: '', RALLOC_MEMORY_LIMIT: '12x' });
  await server.exit;
  t.is(server.stderr, '0\n');
});

test('a heap that does not fit into the limit is told, with the flags that would', async (t) => {
  const flags = ['--max-old-space-size=400'];
  const server = await start(t, [SMALL], { RALLOC_MEMORY_LIMIT: '256Mi' }, flags);
  await server.end();
  t.regex(
    server.stderr,
    /RALLOC_MEMORY_HEAP.*memory limit is 256 MiB, and V8's heap alone may take [45]\d\d.* MiB.*--max-old-space-size=104 --max-semi-space-size=8/,
  );
});

test('RALLOC_DISABLED leaves the limit, and RALLOC_AUTO=no-memory-limit turns it off', async (t) => {
  const on = await start(t, [SMALL], { RALLOC_DISABLED: '1' });
  t.regex(await on.end(), /^at most 0 B of 160 MiB/);
  const off = await start(t, [SMALL], { RALLOC_AUTO: 'report,no-memory-limit' });
  t.is(await off.end(), undefined);
});
