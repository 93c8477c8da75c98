'use strict';
// tier: run-time

// arena.collect(): a whole stream in one Buffer of the arena, which leases what arrives, and gives all of it back where reading fails.

const test = require('ava');
const { createReadStream, readFileSync } = require('node:fs');
const { PassThrough, Readable } = require('node:stream');
const { once } = require('node:events');
const { stats } = require('../..');
const { fractions } = require('../helpers/fractions.js');
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

test('what is leased while a stream comes is about twice what came, whatever its limit', async (t) => {
  for (const limit of [2 * MiB, 1024 * MiB]) {
    const arena = closing(t, { maxBytes: 64 * MiB });
    const { readable, writer } = source();
    const collected = arena.collect(readable, { limit });
    let came = 0;
    for (const size of [1, 1, 10_000, 10_000, 100_000, 500_000, 500_000, 700_000]) {
      await writer.write(Buffer.alloc(size, 1));
      came += size;
      await until(() => arena.stats().allocated >= came);
      const { leased } = arena.stats().memory;
      t.true(leased <= Math.max(2.5 * came, 64 * KiB), `${leased} for ${came}`);
    }
    await writer.close();
    t.is((await collected).length, came);
    t.true(arena.stats().allocated < came + 4096, 'nothing is there twice');
  }
});

test('an arena collects as much as its limit, which has no room for a second copy', async (t) => {
  for (const before of [0, 1000]) {
    const arena = closing(t, { maxBytes: 4 * MiB });
    const first = arena.allocUnsafe(before).fill(1);
    const bytes = stamped(3 * MiB);
    const whole = await arena.collect(each(...cut(bytes, fractions(7))));
    t.true(whole.equals(bytes));
    t.true(first.every((byte) => byte === 1));
    t.true(arena.owns(whole));
  }
});

test('what is left of the last span serves the next allocation', async (t) => {
  const arena = closing(t, { maxBytes: 64 * MiB });
  const whole = await arena.collect(each(Buffer.alloc(5000, 1), Buffer.alloc(5000, 2)));
  const { spans } = arena.stats();
  const next = arena.alloc(5000);
  t.is(next.buffer, whole.buffer);
  t.is(arena.stats().spans, spans);
  t.true(whole.subarray(5000).every((byte) => byte === 2));
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

// What collect() does where it cannot go on: the memory is back, and the source is left as stream.pipeline() leaves it.

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';

test('a scope and a checkpoint end what was collected in them, and nothing else', async (t) => {
  const arena = closing(t);
  const first = await arena.collect(each(stamped(100_000)));
  let inner;
  await arena.scope(async (scope) => {
    inner = await scope.collect(each(stamped(50_000), stamped(50_000)));
    t.is(inner.length, 100_000);
  });
  t.is(inner.length, 0);
  const checkpoint = arena.checkpoint();
  const second = await arena.collect(each(stamped(50_000), stamped(50_000)));
  const after = arena.alloc(100);
  arena.rewind(checkpoint);
  t.is(second.length, 0);
  t.is(after.length, 0);
  t.true(first.equals(stamped(100_000)));
});

test('a chunk that is dead is an error, as it is for concat()', async (t) => {
  const other = closing(t);
  const dead = other.from('bytes');
  other.reset();
  const arena = closing(t);
  await t.throwsAsync(arena.collect(each(Buffer.from('one'), dead)), {
    code: 'ERR_RALLOC_DEAD_BUFFER',
  });
  t.is(arena.stats().allocated, 0);
  t.is((await arena.collect(each(Buffer.alloc(0), Buffer.from('two')))).toString(), 'two');
});

test('a chunk that lies about its length is taken as it is', async (t) => {
  const arena = closing(t);
  arena.from('secret '.repeat(100));
  arena.reset();
  const liar = Object.defineProperty(Buffer.from('x'), 'length', { value: 100 });
  t.is((await arena.collect(each(liar, Buffer.from('y')))).toString(), 'xy');
});

const ends = {
  reset: (arena) => arena.reset(),
  close: (arena) => arena.close(),
  'rewind to before it': (arena, checkpoint) => arena.rewind(checkpoint),
};

for (const safety of ['detach', 'gc', 'recycle']) {
  for (const [name, end] of Object.entries(ends)) {
    test(`${safety}: a ${name} ends what is being collected, at its next chunk`, async (t) => {
      const arena = closing(t, { safety });
      arena.alloc(10); // the window is open
      const checkpoint = arena.checkpoint();
      const { readable, writer } = source();
      const collected = arena.collect(readable);
      collected.catch(() => {});
      await writer.write(Buffer.alloc(1000, 1));
      await until(() => arena.stats().allocated > 1000);
      end(arena, checkpoint);
      const other = name === 'close' ? Buffer.alloc(16_000) : arena.alloc(16_000);
      writer.write(Buffer.alloc(1000, 2)).catch(() => {});
      await t.throwsAsync(collected, { code: 'ERR_RALLOC_DEAD_BUFFER' });
      t.true(
        other.every((byte) => byte === 0),
        'it did not write into what is used again',
      );
      t.is(arena.stats().holds, 0);
      await t.throwsAsync(writer.closed);
    });

    test(`${safety}: a ${name} ends what is being collected after its last chunk`, async (t) => {
      const arena = closing(t, { safety });
      arena.alloc(10);
      const checkpoint = arena.checkpoint();
      const { readable, writer } = source();
      const collected = arena.collect(readable);
      collected.catch(() => {});
      await writer.write(Buffer.alloc(1000, 1));
      await until(() => arena.stats().allocated > 1000);
      end(arena, checkpoint);
      await writer.close();
      await t.throwsAsync(collected, { code: 'ERR_RALLOC_DEAD_BUFFER' });
      t.is(arena.stats().holds, 0);
    });
  }
}

test('what failed in the window leaves bytes that alloc() zeroes, and `wipe` wipes', async (t) => {
  for (const wipe of [false, true]) {
    const arena = closing(t, { wipe, chunkSize: 64 * KiB });
    let head = arena.allocUnsafe(100).fill(1);
    const fail = async () => {
      const failing = each(Buffer.alloc(5000, 255), Buffer.alloc(5000, 255), 'no bytes');
      await t.throwsAsync(arena.collect(failing), { code: INVALID });
    };
    await fail();
    arena.reset();
    arena.allocUnsafe(200); // behind what is known to be dirty
    t.true(arena.alloc(20_000).every((byte) => byte === 0));
    arena.reset();
    head = arena.allocUnsafe(100).fill(1);
    await fail();
    t.is(arena.stats().allocated, 104);
    if (wipe) t.true(arena.allocUnsafe(10_000).every((byte) => byte === 0));
    else t.true(arena.alloc(10_000).every((byte) => byte === 0));
    t.true(head.every((byte) => byte === 1));
    arena.reset();
    t.true(arena.alloc(20_000).every((byte) => byte === 0));
  }
});

test('an error of the source is passed on, and the source is destroyed, cancelled or returned', async (t) => {
  const arena = closing(t);
  const broken = new Error('broken');
  const readable = new PassThrough();
  const first = arena.collect(readable);
  readable.write(Buffer.alloc(1000));
  await until(() => arena.stats().allocated > 0);
  readable.destroy(broken);
  t.is(await t.throwsAsync(first), broken);

  const { readable: web, writer } = source();
  const second = arena.collect(web);
  writer.abort(broken).catch(() => {});
  t.is(await t.throwsAsync(second), broken);
  t.false(web.locked);

  let returned = false;
  async function* iterable() {
    try {
      yield Buffer.alloc(10);
      yield Buffer.alloc(10);
    } finally {
      returned = true;
    }
  }
  await t.throwsAsync(arena.collect(iterable(), { limit: 15 }), { code: 'ERR_RALLOC_LIMIT' });
  t.true(returned);

  const limited = new PassThrough();
  limited.write(Buffer.alloc(100));
  const error = await t.throwsAsync(arena.collect(limited, { limit: 15 }), {
    code: 'ERR_RALLOC_LIMIT',
  });
  t.true(limited.destroyed);
  t.is(limited.errored, error);
  t.is(arena.stats().allocated, 0);
});

test('what cannot be read is refused, and stays as it was', async (t) => {
  const arena = closing(t);
  const read = new PassThrough();
  read.end('x');
  read.resume();
  await once(read, 'end');
  const locked = new ReadableStream();
  locked.getReader();
  const decoded = new PassThrough();
  decoded.setEncoding('utf8');
  const destroyed = new PassThrough();
  destroyed.destroy();
  for (const wrong of [undefined, null, 1, 'x', {}, [Buffer.alloc(1)], Buffer.alloc(1), () => {}]) {
    await t.throwsAsync(arena.collect(wrong), { code: INVALID, instanceOf: TypeError });
  }
  for (const wrong of [read, locked, decoded, Readable.from(['x'])]) {
    await t.throwsAsync(arena.collect(wrong), { code: INVALID, instanceOf: TypeError });
  }
  await t.throwsAsync(arena.collect(destroyed), { code: 'ERR_RALLOC_ABORTED' });
  for (const limit of [-1, 1.5, Number.NaN]) {
    await t.throwsAsync(arena.collect(each(), { limit }), {
      code: INVALID,
      instanceOf: RangeError,
    });
  }
  await t.throwsAsync(arena.collect(each(), { limit: '1' }), { code: INVALID });
  await t.throwsAsync(arena.collect(each(), { limits: 1 }), { code: INVALID });
  await t.throwsAsync(arena.collect(each('text')), { code: INVALID, instanceOf: TypeError });
  t.false(decoded.destroyed);
  t.is(arena.stats().allocated, 0);
  await t.throwsAsync(arena.body(), { code: 'ERR_RALLOC_UNSUPPORTED' });
  arena.close();
  await t.throwsAsync(arena.collect(each()), { code: 'ERR_RALLOC_CLOSED' });
});
