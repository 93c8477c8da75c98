'use strict';
// tier: run-time

// What collect() does where it cannot go on: the memory is back, and the source is left as stream.pipeline() leaves it.

const test = require('ava');
const { once } = require('node:events');
const { PassThrough, Readable } = require('node:stream');
const { closing, each, source, stamped } = require('../helpers/sources.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;
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

for (const safety of ['detach', 'gc', 'recycle']) {
  for (const [name, end] of Object.entries({
    reset: (arena) => arena.reset(),
    close: (arena) => arena.close(),
  })) {
    test(`${safety}: a ${name} ends what is being collected, at its next chunk`, async (t) => {
      const arena = closing(t, { safety });
      arena.alloc(10); // the window is open
      const { readable, writer } = source();
      const collected = arena.collect(readable);
      collected.catch(() => {});
      await writer.write(Buffer.alloc(1000, 1));
      await until(() => arena.stats().allocated > 1000);
      end(arena);
      const other = name === 'reset' ? arena.alloc(2000) : Buffer.alloc(2000);
      writer.write(Buffer.alloc(1000, 2)).catch(() => {});
      await t.throwsAsync(collected, { code: 'ERR_RALLOC_DEAD_BUFFER' });
      t.true(
        other.every((byte) => byte === 0),
        'it did not write into what is used again',
      );
      t.is(arena.stats().holds, 0);
      await t.throwsAsync(writer.closed);
    });
  }

  test(`${safety}: a rewind ends what was begun after the checkpoint`, async (t) => {
    const arena = closing(t, { safety });
    const checkpoint = arena.checkpoint();
    const { readable, writer } = source();
    const collected = arena.collect(readable);
    collected.catch(() => {});
    await writer.write(Buffer.alloc(1000, 1));
    await until(() => arena.stats().allocated >= 1000);
    arena.rewind(checkpoint);
    const other = arena.alloc(16_000);
    writer.write(Buffer.alloc(1000, 2)).catch(() => {});
    await t.throwsAsync(collected, { code: 'ERR_RALLOC_DEAD_BUFFER' });
    t.true(other.every((byte) => byte === 0));
  });
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
