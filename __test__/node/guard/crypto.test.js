'use strict';
// tier: run-time, differs by Node

// What crypto and zlib do in the thread pool, with Buffers whose memory is reset meanwhile.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const crypto = require('node:crypto');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { Arena } = require('../../../lib/index.js');
const { SIZE, isAll, outlive, inPool } = require('../../helpers/in-flight.js');
const { letGo } = require('../../helpers/until.js');

const called = (call) =>
  new Promise((resolve, reject) =>
    call((error, value) => (error ? reject(error) : resolve(value))),
  );

const filling = {
  'randomFill()': (b) => promisify(crypto.randomFill)(b),
  'randomFill() of a part': (b) => called((done) => crypto.randomFill(b, 8, 1024, done)),
  'randomFill() from an offset': (b) => called((done) => crypto.randomFill(b, 8, done)),
  'randomFill() of an ArrayBuffer': (b) => called((done) => crypto.randomFill(b.buffer, done)),
};

const inverse = {
  gzip: 'gunzipSync',
  deflate: 'inflateSync',
  deflateRaw: 'inflateRawSync',
  brotliCompress: 'brotliDecompressSync',
  zstdCompress: 'zstdDecompressSync',
};

const forward = {
  gunzip: 'gzipSync',
  unzip: 'gzipSync',
  inflate: 'deflateSync',
  inflateRaw: 'deflateRawSync',
  brotliDecompress: 'brotliCompressSync',
  zstdDecompress: 'zstdCompressSync',
};

const existing = (table) => Object.entries(table).filter(([name]) => name in zlib);
const plain = () => Buffer.alloc(SIZE, 'a');

// Each does something with a Buffer of a's; the result must be that for a's on the heap.
const argon = (b) => ({
  message: b,
  nonce: b.subarray(0, 16),
  parallelism: 1,
  tagLength: 64,
  memory: 64,
  passes: 1,
});

const copying = {
  checkPrime: (b) => called((done) => crypto.checkPrime(b.subarray(0, 64), done)),
  ...(crypto.argon2 && {
    argon2: (b) => called((done) => crypto.argon2('argon2id', argon(b), done)),
  }),
};

for (const [name, fill] of Object.entries(filling)) {
  test.serial(`${name} keeps its memory with the guard alone`, async (t) => {
    for (const guard of [true, false]) {
      const { isIntact, stats } = await outlive(t, { guard }, inPool(fill));
      t.is(isIntact, guard);
      t.is(stats.crypto.operations > 0, guard);
    }
  });
}

for (const [name, back] of existing(inverse)) {
  test.serial(`${name}() compresses its bytes with the guard alone`, async (t) => {
    for (const guard of [true, false]) {
      const begin = inPool((buffer) => promisify(zlib[name])(buffer));
      const { seen } = await outlive(t, { guard }, begin);
      t.is(!(seen instanceof Error) && isAll(zlib[back](seen), 'a'), guard);
    }
  });
}

for (const [name, compress] of existing(forward)) {
  test.serial(`${name}() expands its bytes`, async (t) => {
    const compressed = zlib[compress](plain());
    const begin = inPool((buffer) => {
      buffer.set(compressed);
      return promisify(zlib[name])(buffer.subarray(0, compressed.length));
    });
    const { seen } = await outlive(t, { guard: true }, begin);
    t.true(isAll(seen, 'a'));
  });

  test.serial(`${name}() that fails holds nothing`, async (t) => {
    const arena = new Arena({ guard: true });
    await t.throwsAsync(promisify(zlib[name])(arena.allocUnsafe(SIZE).fill('a')));
    arena.reset();
    await letGo(arena);
  });
}

for (const [name, use] of Object.entries(copying)) {
  test.serial(`${name} copies by itself`, async (t) => {
    const expected = await use(plain());
    const { seen, stats } = await outlive(t, { guard: false }, inPool(use));
    t.deepEqual(seen, expected);
    t.is(stats.crypto.operations, 0);
  });
}

test.serial('randomFill() that Node refuses holds nothing', (t) => {
  const arena = new Arena({ guard: true });
  const buffer = arena.allocUnsafe(8);
  t.throws(() => crypto.randomFill(buffer, 9, () => {}), { code: 'ERR_OUT_OF_RANGE' });
  t.throws(() => crypto.randomFill(buffer), { code: 'ERR_INVALID_ARG_TYPE' });
  arena.reset();
  t.is(arena.stats().memory.held, 0);
});
