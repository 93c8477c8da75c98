'use strict';
// tier: run-time, differs

// Streams and messages that are destroyed: Node does not call the callbacks of all of their chunks, and their memory goes back
// all the same.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { PassThrough, Transform, Writable } = require('node:stream');
const zlib = require('node:zlib');
const { Arena, Slab } = require('../../lib/index.js');
const { folder } = require('../helpers/folder.js');
const { BusyPool } = require('../helpers/busy-pool.js');
const { turns, until } = require('../helpers/until.js');

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
      await until(() => heldBy(arena) === 0);
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
  await until(() => heldBy(arena) === 0);
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

test('a request that is destroyed while it waits for its agent lets its body go', async (t) => {
  const server = http.createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new http.Agent({ maxSockets: 1 });
  const to = { port: server.address().port, host: '127.0.0.1', method: 'POST', agent };
  const first = http.request(to).on('error', () => {});
  first.end();
  const arena = new Arena({ guard: true });
  const second = http.request(to).on('error', () => {});
  second.end(arena.alloc(10));
  arena.reset();
  t.is(heldBy(arena), 64 * KiB);
  second.destroy();
  t.is(heldBy(arena), 0);
  first.destroy();
  server.close();
  server.closeAllConnections();
  arena.close();
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
  await until(() => heldBy(arena) === 0);
  const dead = arena.from('dead');
  arena.reset();
  await t.throwsAsync(fs.promises.writeFile(file, [Buffer.from('x'), dead]), {
    code: 'ERR_RALLOC_DEAD_BUFFER',
  });
  t.is(fs.readFileSync(file, 'utf8'), 'one two');
  arena.close();
});

test('what a closed web writer is given is let go', async (t) => {
  const arena = new Arena({ guard: true });
  const writer = new WritableStream().getWriter();
  await writer.close();
  await t.throwsAsync(writer.write(arena.alloc(10)));
  arena.reset();
  await until(() => heldBy(arena) === 0);
  arena.close();
});
