'use strict';
// tier: run-time

// arena.collect(): a whole stream in one Buffer of the arena, which leases what arrives, and gives all of it back where reading fails.

const test = require('ava');
const { createReadStream, readFileSync } = require('node:fs');
const { PassThrough, Readable } = require('node:stream');
const { stats } = require('../..');
const { fractions } = require('../helpers/swarm.js');
const { closing, cut, each, source, stamped } = require('../helpers/sources.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;
const MiB = 1024 * KiB;

for (const safety of ['detach', 'gc', 'recycle']) {
  test(`${safety}: streams of every kind become one Buffer of the arena`, async (t) => {
    const arena = closing(t, { safety });
    const bytes = stamped(300_000);
    const next = fractions(5);
    const sources = {
      'an async iterable': () => each(...cut(bytes, next)),
      'a Readable': () => Readable.from(cut(bytes, next), { objectMode: false }),
      'a ReadableStream': () => ReadableStream.from(cut(bytes, next)),
      'the body of a Response': () => new Response(bytes).body,
    };
    for (const [name, make] of Object.entries(sources)) {
      const whole = await arena.collect(make());
      t.true(Buffer.isBuffer(whole));
      t.true(whole.equals(bytes), name);
      t.true(arena.owns(whole), name);
      arena.reset();
      t.is(whole.length, safety === 'detach' ? 0 : bytes.length, name);
    }
    const file = await arena.collect(createReadStream(__filename, { highWaterMark: 100 }));
    t.true(file.equals(readFileSync(__filename)));
  });

  test(`${safety}: what others allocate meanwhile keeps its bytes`, async (t) => {
    const arena = closing(t, { safety });
    const next = fractions(11);
    for (let round = 0; round < 20; round++) {
      const kept = [];
      const bytes = stamped(Math.floor(next() * 600_000), round);
      const parts = cut(bytes, next);
      const allocate = (zero) => {
        const size = Math.floor(next() * 3000);
        const buffer = zero ? arena.alloc(size) : arena.allocUnsafe(size);
        if (zero) t.true(buffer.every((byte) => byte === 0));
        kept.push(buffer.fill(kept.length & 255));
      };
      const interleaved = async function* () {
        for (const part of parts) {
          yield part;
          if (next() < 0.3) allocate(next() < 0.5);
        }
      };
      const [one, two] = await Promise.all([
        arena.collect(interleaved()),
        arena.collect(each(...cut(bytes, next))),
      ]);
      for (let i = 0; i < 10; i++) allocate(true);
      t.true(one.equals(bytes));
      t.true(two.equals(bytes));
      t.true(kept.every((buffer, i) => buffer.every((byte) => byte === (i & 255))));
      arena.reset();
    }
  });
}

test('nothing is an empty Buffer', async (t) => {
  const arena = closing(t);
  t.is((await arena.collect(each())).length, 0);
  t.is((await arena.collect(each(Buffer.alloc(0)))).length, 0);
  t.is((await arena.collect(Readable.from([], { objectMode: false }))).length, 0);
  t.is(arena.stats().allocated, 0);
});

test('a Readable in object mode is collected where it gives bytes, and nothing else', async (t) => {
  const arena = closing(t);
  const chunk = Buffer.from('twice ');
  const whole = await arena.collect(Readable.from([chunk, chunk, new Uint8Array([33])]));
  t.is(whole.toString(), 'twice twice !');
  t.is(chunk.toString(), 'twice ', 'which is its own still');
  const mixed = Readable.from([chunk, 'text']);
  await t.throwsAsync(arena.collect(mixed), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  t.true(mixed.destroyed);
  await t.throwsAsync(arena.collect(Readable.from([{}])), { message: /"chunk" argument/ });
});

test('what is leased is at most about eight times what came', async (t) => {
  const arena = closing(t, { maxBytes: 64 * MiB });
  const { readable, writer } = source();
  const collected = arena.collect(readable);
  let came = 0;
  for (const size of [1, 1, 10_000, 10_000, 100_000, 500_000, 500_000]) {
    await writer.write(Buffer.alloc(size, 1));
    came += size;
    await until(() => arena.stats().allocated >= came);
    const { leased } = arena.stats().memory;
    t.true(leased <= Math.max(9 * came, 64 * KiB), `${leased} for ${came}`);
  }
  await writer.close();
  t.is((await collected).length, came);
  t.true(arena.stats().allocated < came + 4096, 'nothing is there twice');
});

test('what is left of the last span serves the next allocation', async (t) => {
  const arena = closing(t, { maxBytes: 64 * MiB });
  const whole = await arena.collect(each(Buffer.alloc(100_000, 1), Buffer.alloc(100_000, 2)));
  const { spans } = arena.stats();
  const next = arena.alloc(100_000);
  t.is(next.buffer, whole.buffer);
  t.is(arena.stats().spans, spans);
  t.true(whole.subarray(100_000).every((byte) => byte === 2));
});

test('a stream that succeeded is left as it is, without listeners', async (t) => {
  const arena = closing(t);
  const readable = new PassThrough();
  readable.end(Buffer.alloc(1000));
  const before = readable.eventNames();
  await arena.collect(readable);
  t.true(readable.readableEnded);
  t.deepEqual(readable.eventNames(), before);
  const web = ReadableStream.from([Buffer.alloc(10)]);
  await arena.collect(web);
  t.false(web.locked);
});

test.serial('chunks of a source that others may share are copied and never released', async (t) => {
  const arena = closing(t);
  const cached = Buffer.from(new ArrayBuffer(1000)).fill(1);
  const before = stats().bodies;
  const stream = () => {
    const through = new PassThrough();
    through.end(cached);
    return through;
  };
  for (const make of [stream, () => ReadableStream.from([cached]), () => each(cached)]) {
    t.true((await arena.collect(make())).equals(cached));
  }
  t.is(cached.length, 1000);
  const { copied, released, left } = stats().bodies;
  t.is(copied - before.copied, 3000);
  t.is(left.foreign - before.left.foreign, 3000);
  t.is(released, before.released);
});

test("the arena's own limit is an error, and the memory is back", async (t) => {
  const arena = closing(t, { maxBytes: 4 * MiB });
  const parts = Array.from({ length: 50 }, () => Buffer.alloc(100_000, 1));
  await t.throwsAsync(arena.collect(each(...parts)), { code: 'ERR_RALLOC_LIMIT' });
  t.is(arena.stats().allocated, 0);
  t.is(arena.alloc(3 * MiB).length, 3 * MiB);
});

test('a stream that is closed before its end is an error', async (t) => {
  const arena = closing(t);
  const readable = new PassThrough();
  const collected = arena.collect(readable);
  readable.write(Buffer.alloc(1000));
  await until(() => arena.stats().allocated > 0);
  readable.destroy();
  await t.throwsAsync(collected, { code: 'ERR_RALLOC_ABORTED' });
  t.is(arena.stats().allocated, 0);
});

test('more than the limit is an error, and the memory is back', async (t) => {
  const arena = closing(t);
  const parts = () => [Buffer.alloc(600, 1), Buffer.alloc(401, 2)];
  const sources = {
    'an async iterable': () => each(...parts()),
    'a Readable': () => Readable.from(parts(), { objectMode: false }),
    'a ReadableStream': () => ReadableStream.from(parts()),
  };
  for (const [name, make] of Object.entries(sources)) {
    const error = await t.throwsAsync(arena.collect(make(), { limit: 1000 }), {
      code: 'ERR_RALLOC_LIMIT',
    });
    const { requested, limit, used, option, status } = error;
    t.deepEqual(
      { requested, limit, used, option, status },
      { requested: 1001, limit: 1000, used: 600, option: 'limit', status: 413 },
    );
    t.is(arena.stats().allocated, 0, name);
  }
  t.is((await arena.collect(each(...parts()), { limit: 1001 })).length, 1001);
});
