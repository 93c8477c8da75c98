'use strict';
// tier: tools

const test = require('ava');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { stats } = require('../..');
const { StaticServer } = require('../../examples/static-server.js');
const { posixTest } = require('../helpers/backend.js');
const { Client } = require('../helpers/client.js');
const { folder } = require('../helpers/folder.js');
const { releases } = require('../helpers/given-back.js');
const { run } = require('../helpers/serving.js');
const { ask } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const program = path.join(__dirname, '..', '..', 'examples', 'static-server.js');
const content = randomBytes(1_000_003);

test.before(releases);

/** A server of a folder, beside which there is a secret. */
async function serve(t) {
  const outside = folder(t);
  const root = path.join(outside, 'root');
  fs.mkdirSync(path.join(root, 'sub'), { recursive: true });
  fs.writeFileSync(path.join(outside, 'secret.txt'), 'secret');
  fs.writeFileSync(path.join(root, 'large.bin'), content);
  fs.writeFileSync(path.join(root, 'empty.txt'), '');
  fs.writeFileSync(path.join(root, 'a b.txt'), 'spaced');
  fs.writeFileSync(path.join(root, 'sub', 'index.html'), '<p>sub</p>');
  const server = new StaticServer(root);
  const { port } = await server.listen();
  t.teardown(() => server.close());
  const get = (name, { method, ...headers } = {}) => ask(port, name, { method, headers });
  return { server, root, outside, port, get };
}

test.serial('a file comes whole, with its type and length, and its memory goes back', async (t) => {
  const { get } = await serve(t);
  const { released } = stats().bodies;
  const { status, headers, body } = await get('/large.bin');
  t.is(status, 200);
  t.true(body.equals(content));
  t.is(headers['content-length'], String(content.length));
  t.is(headers['accept-ranges'], 'bytes');
  await until(() => stats().bodies.released - released >= content.length);
  const page = await get('/sub/');
  t.is(page.body.toString(), '<p>sub</p>');
  t.is(page.headers['content-type'], 'text/html; charset=utf-8');
  t.is((await get('/a%20b.txt?query#hash')).body.toString(), 'spaced');
  const empty = await get('/empty.txt');
  t.is(empty.headers['content-length'], '0');
  t.is(empty.body.length, 0);
});

test.serial('what the client has is not sent again', async (t) => {
  const { get, root, server } = await serve(t);
  const { headers } = await get('/large.bin');
  for (const condition of [
    { 'If-None-Match': headers.etag },
    { 'If-None-Match': `"other", W/${headers.etag}` },
    { 'If-None-Match': '*' },
    { 'If-Modified-Since': headers['last-modified'] },
  ]) {
    const { status, body, headers: fresh } = await get('/large.bin', condition);
    t.is(status, 304);
    t.is(body.length, 0);
    t.is(fresh.etag, headers.etag);
  }
  t.is(server.stats.fresh, 4);
  for (const condition of [
    { 'If-None-Match': '"other"', 'If-Modified-Since': headers['last-modified'] },
    { 'If-Modified-Since': 'no date' },
    { 'If-Modified-Since': new Date(0).toUTCString() },
  ]) {
    t.is((await get('/large.bin', condition)).status, 200);
  }
  fs.appendFileSync(path.join(root, 'large.bin'), 'more');
  t.is((await get('/large.bin', { 'If-None-Match': headers.etag })).status, 200);
});

test.serial('ranges', async (t) => {
  const { get } = await serve(t);
  const size = content.length;
  const { headers: whole } = await get('/large.bin');
  for (const [range, start, end] of [
    ['bytes=0-0', 0, 0],
    ['bytes=100-70000', 100, 70_000],
    ['bytes=500000-', 500_000, size - 1],
    ['bytes=-1000', size - 1000, size - 1],
    [`bytes=-${size * 2}`, 0, size - 1],
    [`bytes=5-${size * 2}`, 5, size - 1],
  ]) {
    const { status, headers, body } = await get('/large.bin', { range, 'If-Range': whole.etag });
    t.is(status, 206, range);
    t.is(headers['content-range'], `bytes ${start}-${end}/${size}`);
    t.true(body.equals(content.subarray(start, end + 1)), range);
  }
  for (const range of [`bytes=${size}-`, 'bytes=-0']) {
    const { status, headers } = await get('/large.bin', { range });
    t.is(status, 416, range);
    t.is(headers['content-range'], `bytes */${size}`);
  }
  for (const range of ['bytes=0-1,5-6', 'bytes=5-1', 'lines=1-2', 'bytes=-', 'nonsense']) {
    t.is((await get('/large.bin', { range })).status, 200, range);
  }
  t.is((await get('/large.bin', { range: 'bytes=0-1', 'If-Range': '"old"' })).status, 200);
  const date = { range: 'bytes=0-1', 'If-Range': whole['last-modified'] };
  t.is((await get('/large.bin', date)).status, 206);
});

test.serial('nothing outside of the folder, and nothing that is no file', async (t) => {
  const { get, root, outside } = await serve(t);
  fs.symlinkSync(path.join(outside, 'secret.txt'), path.join(root, 'link.txt'));
  for (const [name, expected] of [
    ['/../secret.txt', 404],
    ['/sub/../../secret.txt', 404],
    ['/%2e%2e/secret.txt', 404],
    ['/..%2fsecret.txt', 404],
    ['/..%5csecret.txt', 404],
    ['/link.txt', 404],
    ['/sub', 404],
    ['/none', 404],
    ['/large.bin/', 404],
    ['/%00', 400],
    ['/%zz', 400],
    ['http://host/large.bin', 400],
    [`/${'x'.repeat(5000)}`, 404],
  ]) {
    const { status, body } = await get(name);
    t.is(status, expected, name);
    t.false(body.includes('secret'), name);
  }
  const { status, headers } = await get('/large.bin', { method: 'DELETE' });
  t.is(status, 405);
  t.is(headers.allow, 'GET, HEAD');
});

async function leavesNoFileOpen(t) {
  const { server, port, root } = await serve(t);
  fs.writeFileSync(path.join(root, 'huge.bin'), Buffer.alloc(16 << 20));
  const handles = () => fs.readdirSync('/proc/self/fd').length;
  const before = fs.existsSync('/proc/self/fd') ? handles() : 0;
  const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(port)));
  for (const client of clients) client.send('/huge.bin');
  await until(() => server.stats.files === 20);
  for (const [i, client] of clients.entries()) await (i % 2 ? client.reset() : client.destroy());
  await until(() => server.stats.cut === 20);
  if (before > 0) await until(() => handles() <= before);
  t.is(server.stats.refused, 0);
}

// Alone: other tests open files of this process too.
posixTest('clients that go in the middle leave no file open', leavesNoFileOpen, test.serial);

test.serial('a file that becomes shorter on the way cuts its answer off', async (t) => {
  const { server, port, root } = await serve(t);
  const name = path.join(root, 'shrinks.bin');
  fs.writeFileSync(name, Buffer.alloc(16 << 20));
  const client = await Client.connect(port);
  client.send('/shrinks.bin');
  await until(() => server.stats.files === 1);
  fs.truncateSync(name, 1000);
  await t.throwsAsync(client.response(), { message: /ended/ });
  t.is(server.stats.cut, 1);
});

posixTest('as a program: it says where it listens, and ends by a signal', async (t) => {
  const { root } = await serve(t);
  const args = ['--root', root, '--port', '0'];
  const { code, stdout } = await run(t, program, args, async (port, child) => {
    t.is(await (await fetch(`http://127.0.0.1:${port}/sub/`)).text(), '<p>sub</p>');
    child.kill('SIGTERM');
  });
  t.is(code, 0);
  t.regex(stdout, /\n1 requests, 1 files/);
  for (const [words, expected] of [
    [['--port', 'x'], 2],
    [['--nonsense'], 2],
    [['--root', path.join(root, 'none')], 1],
  ]) {
    t.is((await run(t, program, words)).code, expected, words.join(' '));
  }
});
