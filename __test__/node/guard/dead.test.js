'use strict';
// tier: run-time, differs

// Buffers that are dead already when Node is given them: an error that reaches somebody, and never one that nobody can
// catch.

require('../../../lib/node/guard/index.js');
const test = require('ava');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { PassThrough, Readable, Transform, Writable } = require('node:stream');
const crypto = require('node:crypto');
const zlib = require('node:zlib');
const { Arena, Slab } = require('../../../lib/index.js');
const { folder } = require('../../helpers/folder.js');
const { serveOnly } = require('../../helpers/server.js');
const { BusyPool } = require('../../helpers/busy-pool.js');
const { letGo, turns, until } = require('../../helpers/until.js');

const DEAD = { code: 'ERR_RALLOC_DEAD_BUFFER' };

function deadBuffer() {
  const arena = new Arena({ guard: true });
  const buffer = arena.from('gone');
  arena.reset();
  return buffer;
}

for (const name of ['write', 'end']) {
  for (const [how, encoding] of [
    ['a callback', []],
    ['an encoding and a callback', ['utf8']],
  ]) {
    test(`${name}() of a stream, with ${how}, destroys it`, async (t) => {
      const through = new PassThrough();
      const failed = once(through, 'error');
      const called = new Promise((resolve) => {
        const result = through[name](deadBuffer(), ...encoding, resolve);
        t.is(result, name === 'write' ? false : through);
      });
      t.like(await called, DEAD);
      t.like((await failed)[0], DEAD);
      t.true(through.destroyed);
    });
  }
}

test("a stream whose 'error' nobody hears is destroyed, which the process is told, and lives", async (t) => {
  const warned = once(process, 'warning');
  for (const act of ['write', 'end']) {
    const through = new PassThrough();
    const called = new Promise((resolve) => through[act](deadBuffer(), resolve));
    t.like(await called, DEAD);
    t.like(through.errored, DEAD);
  }
  for (const act of ['push', 'unshift']) {
    const readable = new Readable({ read() {} });
    t.false(readable[act](deadBuffer()));
    t.like(readable.errored, DEAD);
  }
  const [{ code, message }] = await warned;
  t.is(code, 'RALLOC_DEAD_SENT');
  t.regex(
    message,
    /^a PassThrough was given a dead Buffer.* It was given at .*dead\.test\.js:\d+\. RALLOC_DEBUG=full shows the lines$/,
  );
});

test('a package’s queue that meets one is named, and nothing is called back that takes it for sent', async (t) => {
  const root = folder(t);
  const file = path.join(root, 'node_modules', '@scope', 'queue', 'index.js');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(
    file,
    'module.exports = (to, chunk, done) => setImmediate(() => { to.write(chunk); to.flush(done); });',
  );
  const deflate = zlib.createDeflateRaw();
  let flushed = 0;
  require(file)(deflate, deadBuffer(), () => {
    flushed++;
  });
  await new Promise((resolve) => deflate.once('close', resolve));
  await turns(2);
  t.is(flushed, 0);
  t.regex(
    deflate.errored.message,
    / It came through the package '@scope\/queue': see .*packages\.md$/,
  );
});

test('a stream without destroy() throws', (t) => {
  const { write } = PassThrough.prototype;
  t.throws(() => write.call({ writable: true }, deadBuffer()), DEAD);
});

test('a server whose socket is given one closes that connection, and goes on', async (t) => {
  const server = http.createServer((req, res) => {
    if (req.url === '/dead') req.socket.write(deadBuffer());
    else res.end('alive');
  });
  const port = await serveOnly(t, server);
  const get = (url) =>
    new Promise((resolve, reject) => {
      http.get({ port, path: url, agent: false }, resolve).once('error', reject);
    });
  await t.throwsAsync(get('/dead'), { code: 'ECONNRESET' });
  const response = await get('/');
  t.is((await response.setEncoding('utf8').toArray()).join(''), 'alive');
});

// Streams and messages that are destroyed: Node does not call the callbacks of all of their chunks, and their memory goes back
// all the same.

const KiB = 1024;
const CHUNKS = 5;

const heldBy = (arena) => arena.stats().memory.held;

const streams = {
  'a PassThrough that nobody reads': () => new PassThrough({ highWaterMark: 10 }),
  'a gzip stream that nobody reads': () =>
    zlib.createGzip({ chunkSize: 1 * KiB, readableHighWaterMark: 16 * KiB }),
  'a cipher that nobody reads': () =>
    crypto.createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)),
  'a Writable that never calls back': () => new Writable({ write() {} }),
  'a Writable that calls back later': () =>
    new Writable({ write: (_chunk, _encoding, callback) => turns(20).then(() => callback()) }),
};

for (const [name, make] of Object.entries(streams)) {
  test(`${name} and is destroyed lets all of its chunks go`, async (t) => {
    const arena = new Arena({ guard: true });
    const slab = new Slab({ sizes: [64], count: 8, guard: true });
    for (const last of [undefined, new Error('its end')]) {
      const stream = make().on('error', () => {});
      const slots = Array.from({ length: CHUNKS }, () => slab.alloc(64));
      for (let i = 0; i < CHUNKS; i++) {
        stream.write(crypto.randomFillSync(arena.allocUnsafe(60 * KiB)));
        stream.write(slots[i]);
        arena.reset();
      }
      for (const slot of slots) slab.free(slot);
      if (name.includes('gzip')) await until(() => stream.readableLength >= 16 * KiB);
      t.true(heldBy(arena) > 0);
      t.true(slab.stats().inFlight > 0);
      const closed = new Promise((resolve) => stream.on('close', resolve));
      stream.destroy(last);
      await closed;
      await letGo(arena);
      t.is(slab.stats().inFlight, 0);
    }
    arena.close();
    slab.close();
  });
}

test('a gzip stream that is destroyed while the thread pool compresses a chunk keeps that until it is done', async (t) => {
  const arena = new Arena({ guard: true });
  const pool = new BusyPool();
  const gzip = zlib.createGzip();
  const chunk = arena.allocUnsafe(60 * KiB).fill('a');
  gzip.write(chunk);
  arena.reset();
  gzip.destroy();
  await once(gzip, 'close');
  t.deepEqual([chunk.length, heldBy(arena)], [60 * KiB, 64 * KiB]);
  pool.release();
  await letGo(arena);
  t.is(chunk.length, 0);
  arena.close();
});

test('a Transform that throws, and is destroyed then, lets its chunk go', async (t) => {
  const slab = new Slab({ sizes: [64], count: 1, guard: true });
  for (let i = 0; i < 3; i++) {
    const parse = new Transform({ transform: (chunk) => JSON.parse(chunk) });
    const buffer = slab.alloc(3).fill('{{{');
    t.throws(() => parse.write(buffer), { instanceOf: SyntaxError });
    slab.free(buffer);
    parse.destroy();
    await once(parse, 'close');
  }
  t.is(slab.stats().inFlight, 0);
  slab.close();
});

test('a response without a socket that is destroyed lets its chunks go', (t) => {
  const arena = new Arena({ guard: true });
  const response = new http.ServerResponse({ method: 'GET', httpVersionMajor: 1 });
  response.write(arena.alloc(10));
  arena.reset();
  t.is(heldBy(arena), 64 * KiB);
  response.destroy();
  t.is(heldBy(arena), 0);
  arena.close();
});

test('all Buffers of an array that is written to a file are held from the beginning', async (t) => {
  const file = `${folder(t)}/file`;
  const arena = new Arena({ guard: true });
  const written = fs.promises.writeFile(file, [arena.from('one '), arena.from('two')]);
  arena.reset();
  arena.allocUnsafe(60 * KiB).fill('!');
  await written;
  t.is(fs.readFileSync(file, 'utf8'), 'one two');
  await letGo(arena);
  arena.close();
});

test('what a closed web writer is given is let go', async (t) => {
  const arena = new Arena({ guard: true });
  const writer = new WritableStream().getWriter();
  await writer.close();
  await t.throwsAsync(writer.write(arena.alloc(10)));
  arena.reset();
  await letGo(arena);
  arena.close();
});
