'use strict';
// tier: tools

const { posixTest } = require('../helpers/backend.js');
require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { once } = require('node:events');
const path = require('node:path');
const { UploadServer } = require('../../examples/upload.js');
const { stamped } = require('../helpers/bytes.js');
const { Client } = require('../helpers/client.js');
const { folder } = require('../helpers/folder.js');
const { run } = require('../helpers/serving.js');
const { until } = require('../helpers/until.js');

const program = path.join(__dirname, '..', '..', 'examples', 'upload.js');
const KiB = 1024;
const MiB = 1024 * KiB;
const sha256 = (bytes, encoding) => createHash('sha256').update(bytes).digest(encoding);

async function serve(t, options = {}) {
  const dir = folder(t);
  const server = new UploadServer(dir, { reserve: 0, ...options });
  const { port } = await server.listen();
  t.teardown(() => server.close());
  const read = (name) => fs.readFileSync(path.join(dir, name));
  return { dir, server, port, read, names: () => fs.readdirSync(dir) };
}

async function put(port, name, body, headers = {}, method = 'PUT') {
  const request = http.request({
    port,
    host: '127.0.0.1',
    path: name,
    method,
    headers,
    agent: false,
  });
  const answered = once(request, 'response');
  if (headers.Expect === undefined) request.end(body);
  else {
    request.flushHeaders();
    request.on('continue', () => request.end(body));
  }
  const [response] = await answered;
  const chunks = await response.toArray();
  const asked = request.writableEnded;
  request.destroy();
  return { status: response.statusCode, told: JSON.parse(Buffer.concat(chunks)), asked };
}

test('files of all sizes are stored, with their digest, several at a time', async (t) => {
  const { server, port, read, names } = await serve(t);
  const sizes = [0, 1, 100, 65_536, 300_000, 3 * MiB];
  await Promise.all(
    sizes.map(async (size, id) => {
      const body = stamped(size, id);
      const { status, told } = await put(port, `/file-${id}`, body);
      t.is(status, 201);
      t.deepEqual(told, { name: `file-${id}`, bytes: size, sha256: sha256(body, 'hex') });
      t.true(read(`file-${id}`).equals(body));
    }),
  );
  t.is(names().length, sizes.length, 'nothing is left beside them');
  t.like(server.stats, { stored: sizes.length, refused: 0, failed: 0 });
  await until(() => server.stats.arenas.inFlight === 0);
  t.is(server.stats.arenas.memory.leased, 0);
});

test('a file is replaced, but not with If-None-Match: *', async (t) => {
  const { port, read, names } = await serve(t);
  t.is((await put(port, '/a', 'one', { 'If-None-Match': '*' })).status, 201);
  t.is((await put(port, '/a', 'two')).status, 201);
  t.is((await put(port, '/a', 'three', { 'If-None-Match': '*' })).status, 412);
  t.is(read('a').toString(), 'two');
  const both = await Promise.all(
    ['x', 'y'].map((body) => put(port, '/b', body, { 'If-None-Match': '*' })),
  );
  t.deepEqual(both.map(({ status }) => status).sort(), [201, 412]);
  t.deepEqual(names().sort(), ['a', 'b']);
});

test('what the headers tell is refused before the body is sent, of clients that ask', async (t) => {
  const { server, port, names } = await serve(t, { maxUpload: MiB });
  const body = Buffer.alloc(2 * MiB);
  const ask = (name, length, headers = {}, method = 'PUT') =>
    put(
      port,
      name,
      body.subarray(0, length),
      { 'Content-Length': length, Expect: '100-continue', ...headers },
      method,
    );
  t.like(await ask('/fine', MiB), { status: 201, asked: true });
  t.like(await ask('/large', 2 * MiB), { status: 413, asked: false });
  t.like(await ask('/../etc', 10), { status: 400, asked: false });
  t.like(await ask('/.upload-mine', 10), { status: 400, asked: false });
  t.like(await ask('/fine', 10, { 'If-None-Match': '*' }), { status: 412, asked: false });
  t.like(await ask('/fine', 10, {}, 'POST'), { status: 405, asked: false });
  t.deepEqual(names(), ['fine']);
  t.like(server.stats, { stored: 1, refused: 5 });
});

test('others get their answer too, and their bodies are read for nothing', async (t) => {
  const { server, port, names } = await serve(t, { maxUpload: MiB });
  t.is((await put(port, '/large', Buffer.alloc(3 * MiB))).status, 413);
  const client = await Client.connect(port);
  client.send('/large', { method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' } });
  client.write(`${(2 * MiB).toString(16)}\r\n`);
  client.write(Buffer.alloc(2 * MiB));
  client.write('\r\n0\r\n\r\n');
  t.is((await client.response()).status, 413);
  await client.destroy();
  t.is((await put(port, '/', Buffer.alloc(3 * MiB))).status, 400);
  t.deepEqual(names(), []);
  await until(() => server.stats.arenas.inFlight === 0);
  t.is(server.stats.arenas.memory.leased, 0);
});

test('an upload that is cut off leaves nothing', async (t) => {
  const { server, port, names } = await serve(t);
  const client = await Client.connect(port);
  client.send('/cut', { method: 'PUT', headers: { 'Content-Length': MiB } });
  client.write(Buffer.alloc(100_000));
  await until(() => server.stats.arenas.memory.used > 0);
  await client.reset();
  await until(() => server.stats.cutOff === 1);
  await until(() => server.stats.arenas.inFlight === 0);
  t.deepEqual(names(), []);
});

test('507 where the disk has no room, before and within the write', async (t) => {
  const before = await serve(t, { reserve: 2 ** 60 });
  const headers = { 'Content-Length': 10, Expect: '100-continue' };
  t.like(await put(before.port, '/a', Buffer.alloc(10), headers), { status: 507, asked: false });
  const full = () => Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const files = {
    ...fs.promises,
    async open(...args) {
      const handle = await fs.promises.open(...args);
      handle.writeFile = async () => {
        throw full();
      };
      return handle;
    },
  };
  const within = await serve(t, { files });
  t.is((await put(within.port, '/a', Buffer.alloc(10))).status, 507);
  t.deepEqual(within.names(), []);
});

test('503 where all memory is in use', async (t) => {
  const { server, port } = await serve(t, { maxUpload: 4 * MiB, maxMemory: 8 * MiB });
  const clients = await Promise.all([0, 1].map(() => Client.connect(port)));
  for (const [i, client] of clients.entries()) {
    client.send(`/${i}`, { method: 'PUT', headers: { 'Content-Length': 4 * MiB } });
    client.write(Buffer.alloc(4 * MiB - 1));
  }
  await until(() => server.stats.arenas.memory.leased >= 7 * MiB || server.stats.refused > 0);
  const { status } = await put(port, '/more', Buffer.alloc(4 * MiB));
  t.is(status, 503);
  for (const client of clients) await client.reset();
});

posixTest('as a program: it serves until it is told to end', async (t) => {
  const dir = folder(t);
  fs.writeFileSync(path.join(dir, '.upload-of-one-that-was-killed'), 'x');
  const { code, stdout } = await run(t, program, [dir, '--port', '0'], async (port, child) => {
    t.is((await put(port, '/a', 'bytes')).status, 201);
    t.is((await put(port, '/a/b', 'bytes')).status, 400);
    child.kill('SIGTERM');
  });
  t.is(code, 0);
  t.is(stdout.split('\n')[1], '1 files, 5 bytes, 1 refused, 0 cut off, 0 failed');
  t.deepEqual(fs.readdirSync(dir), ['a']);
  for (const args of [[], [dir, '--port', 'x'], [dir, '--max-upload', '0'], ['a', 'b']]) {
    t.is((await run(t, program, args)).code, 2, args.join(' '));
  }
  t.is((await run(t, program, [path.join(dir, 'none'), '--port', '0'])).code, 1);
});
