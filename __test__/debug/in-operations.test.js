'use strict';
// tier: run-time, differs by Node

// Buffers that operations of Node have while debug mode is on: what is right without it is right with it, and is told nothing.

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { Readable, Writable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const zlib = require('node:zlib');
const test = require('ava').serial;
const { requestArena } = require('../../lib/http.js');
const { Arena, Region, Slab, verify } = require('../../lib/index.js');
const { serve } = require('../helpers/ask.js');
const { kinds, watched } = require('../helpers/debug.js');
const { Fifo } = require('../helpers/fifo.js');
const { folder } = require('../helpers/folder.js');
const { until } = require('../helpers/until.js');

const makers = {
  slab: (guard) => new Slab({ sizes: [64], count: 64, guard }),
  region: (guard) => new Region({ guard }),
};

function fifoOf(t) {
  const fifo = new Fifo();
  t.teardown(() => fifo.close());
  return fifo;
}

for (const [kind, make, end, wrong] of [
  ['slab', makers.slab, (slab, buffer) => slab.free(buffer), 'use-after-free'],
  ['region', makers.region, (region, buffer) => region.free(buffer), 'use-after-free'],
  ['arena', (guard) => new Arena({ guard }), (arena) => arena.reset(), 'use-after-reset'],
]) {
  test(`${kind}, with the guard: a Buffer that has ended has its bytes until its operation's callback returns`, async (t) => {
    const reports = watched(t);
    const owner = make(true);
    const fifo = fifoOf(t);
    const buffer = owner.alloc(8);
    const read = new Promise((resolve) =>
      fs.read(fifo.fd, buffer, 0, 8, null, () => resolve(`${buffer}`)),
    );
    end(owner, buffer);
    fifo.write('8 bytes.');
    t.is(await read, '8 bytes.');
    await until(() => buffer.length === 0);
    t.deepEqual(kinds(reports), []);
    buffer.toString();
    t.deepEqual(kinds(reports), [wrong]);
    owner.close();
  });
}

for (const [kind, make] of Object.entries(makers)) {
  test(`${kind}, with the guard: a file is written whole from a Buffer that was freed meanwhile`, async (t) => {
    const reports = watched(t);
    const owner = make(true);
    const file = path.join(folder(t), 'written');
    const buffer = owner.alloc(8, 'ab');
    const written = new Promise((resolve) => fs.writeFile(file, buffer, resolve));
    owner.free(buffer);
    t.is(await written, null);
    t.is(fs.readFileSync(file, 'utf8'), 'abababab');
    t.deepEqual(kinds(reports), []);
  });

  test(`${kind}: whoever reads a stream may free what it gave`, async (t) => {
    const reports = watched(t);
    const owner = make(false);
    const chunks = () => Readable.from([owner.alloc(8, 'a'), owner.alloc(8, 'b')]);
    for await (const chunk of chunks()) owner.free(chunk);
    await pipeline(
      chunks(),
      new Writable({
        write(chunk, _encoding, callback) {
          owner.free(chunk);
          callback();
        },
      }),
    );
    const gzip = zlib.createGzip().resume();
    const buffer = owner.alloc(8);
    await new Promise((resolve) =>
      gzip.write(buffer, () => {
        owner.free(buffer);
        resolve();
      }),
    );
    gzip.end();
    verify();
    t.deepEqual(kinds(reports), []);
    owner.close();
  });

  test(`${kind}: a web stream gives the Buffer itself`, async (t) => {
    const reports = watched(t);
    const owner = make(false);
    const buffer = owner.alloc(8);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(buffer);
        controller.close();
      },
    });
    const { value } = await stream.getReader().read();
    t.is(value, buffer);
    owner.free(value);
    owner.close();
    t.deepEqual(kinds(reports), []);
  });

  test(`${kind}: sample fills what is to be filled`, (t) => {
    watched(t, { level: 'sample', sampleEvery: 3 });
    const owner = make(false);
    for (let i = 0; i < 300; i++) {
      const buffers = [owner.alloc(20, 7), owner.tryAlloc(20, 7), owner.alloc(20)];
      t.deepEqual(
        buffers.map((one) => one.every((byte) => byte === 7)),
        [true, true, false],
      );
      for (const buffer of buffers) owner.free(buffer);
    }
    owner.close();
  });
}

test('a client that goes away makes no handler throw, without the guard either', async (t) => {
  const reports = watched(t);
  const arenas = requestArena({ guard: false });
  let answer;
  const url = await serve(
    t,
    http.createServer(
      arenas.wrap((req, res) => {
        const buffer = req.arena.from('late');
        res.write('begun');
        answer = () => {
          res.write(buffer);
          fs.writeFileSync(os.devNull, buffer);
          fs.write(1, buffer, 0, 0, () => {}); // to nobody
          res.end(buffer);
        };
      }),
    ),
  );
  const client = http.get(url, (response) => response.once('data', () => client.destroy()));
  client.on('error', () => {});
  await until(() => answer !== undefined && arenas.stats().inFlight === 0);
  t.notThrows(answer);
  t.deepEqual(kinds(reports), []);
});
