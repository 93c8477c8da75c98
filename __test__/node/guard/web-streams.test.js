'use strict';
// tier: run-time, differs by Node

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const { once } = require('node:events');
const { Duplex, PassThrough, Readable, Writable } = require('node:stream');
const { buffer: bufferOf } = require('node:stream/consumers');
const { setImmediate: turn } = require('node:timers/promises');
const zlib = require('node:zlib');
const test = require('ava');
const { Outliving, testOutliving, runs, SIZE } = require('../../helpers/outlive.js');
const { until } = require('../../helpers/until.js');

const both = `a×${SIZE} b×${SIZE}`;
const held = { kind: 'web', expected: both };

/** A sink that takes a turn of the loop for each chunk. */
function slow(parts = []) {
  const write = async (chunk) => {
    await turn();
    parts.push(Buffer.from(chunk));
  };
  return { parts, stream: new WritableStream({ write }) };
}

async function collect(readable) {
  const parts = [];
  for await (const part of readable) parts.push(Buffer.from(part));
  return parts;
}

/** Writes without waiting, and closes. */
function write(writable, ...chunks) {
  const writer = writable.getWriter();
  for (const chunk of chunks) writer.write(chunk).catch(() => {});
  return writer.close();
}

testOutliving('a writer whose sink is slow', held, async (o) => {
  const { parts, stream } = slow();
  const closed = write(stream, o.make('a'), o.make('b'));
  o.reset();
  await closed;
  return runs(parts);
});

for (const [name, transformer] of Object.entries({
  'a TransformStream that passes on what it gets': undefined,
  'a TransformStream that gives its controller what it got': {
    transform: (chunk, controller) => controller.enqueue(chunk),
  },
})) {
  testOutliving(name, held, async (o) => {
    const { readable, writable } = new TransformStream(transformer, undefined, {
      highWaterMark: 9,
    });
    const closed = write(writable, o.make('a'), o.make('b'));
    await turn(); // its writes are over, and what it passed on waits
    o.reset();
    const parts = await collect(readable);
    await closed;
    return runs(parts);
  });
}

testOutliving('a CompressionStream', held, async (o) => {
  const { readable, writable } = new CompressionStream('gzip');
  const closed = write(writable, o.make('a'), o.make('b'));
  o.reset();
  const parts = await collect(readable);
  await closed;
  return runs(zlib.gunzipSync(Buffer.concat(parts)));
});

testOutliving('a controller of a ReadableStream', held, async (o) => {
  const readable = new ReadableStream({
    start(controller) {
      controller.enqueue(o.make('a'));
      controller.enqueue(o.make('b'));
      controller.close();
    },
  });
  o.reset();
  return runs(await collect(readable));
});

testOutliving('ReadableStream.from(a list), piped to where it is slow', held, async (o) => {
  const { parts, stream } = slow();
  const piped = ReadableStream.from([o.make('a'), o.make('b')]).pipeTo(stream);
  o.reset();
  await piped;
  return runs(parts);
});

testOutliving(
  'both sides of ReadableStream.tee()',
  { ...held, expected: [both, both] },
  async (o) => {
    const sides = ReadableStream.from([o.make('a'), o.make('b')]).tee();
    o.reset();
    return (await Promise.all(sides.map(collect))).map(runs);
  },
);

testOutliving('Writable.toWeb() of a stream that is slow', held, async (o) => {
  const parts = [];
  const writable = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      setImmediate(() => {
        parts.push(Buffer.from(chunk));
        done();
      });
    },
  });
  const closed = write(Writable.toWeb(writable), o.make('a'), o.make('b'));
  o.reset();
  await closed;
  return runs(parts);
});

testOutliving('Writable.fromWeb()', { kind: 'stream', expected: both }, async (o) => {
  const { parts, stream } = slow();
  const writable = Writable.fromWeb(stream);
  writable.write(o.make('a'));
  writable.end(o.make('b'));
  o.reset();
  await once(writable, 'finish');
  return runs(parts);
});

testOutliving('Readable.toWeb()', { kind: 'stream', expected: both }, async (o) => {
  const through = new PassThrough({ objectMode: true });
  const readable = Readable.toWeb(through);
  through.write(o.make('a'));
  through.end(o.make('b'));
  o.reset();
  return runs(await collect(readable));
});

testOutliving('Duplex.fromWeb()', { kind: 'stream', expected: both }, async (o) => {
  const duplex = Duplex.fromWeb(new TransformStream());
  duplex.write(o.make('a'));
  duplex.end(o.make('b'));
  o.reset();
  return runs(await bufferOf(duplex));
});

testOutliving('Readable.fromWeb()', held, async (o) => {
  const readable = Readable.fromWeb(ReadableStream.from([o.make('a'), o.make('b')]));
  o.reset();
  return runs(await bufferOf(readable));
});

test("a byte stream takes the memory itself, which is the arena's no more", async (t) => {
  const o = new Outliving({ guard: true });
  let controller;
  const readable = new ReadableStream({
    type: 'bytes',
    start(of) {
      controller = of;
    },
  });
  const given = o.make('a');
  const other = o.make('b');
  controller.enqueue(given);
  controller.close();
  t.is(other.length, 0, 'all Buffers over it are dead');
  o.reset();
  t.is(runs(await collect(readable)), `a×${SIZE}`);
});

test('a copy has the type of what was given', async (t) => {
  const o = new Outliving({ guard: true });
  const { buffer, byteOffset } = o.make('a', 64);
  const lengthOf = (Type) => 64 / (Type.BYTES_PER_ELEMENT ?? 1);
  const types = [Uint8Array, Float64Array, BigInt64Array, DataView];
  const views = types.map((Type) => new Type(buffer, byteOffset, lengthOf(Type)));
  const reader = ReadableStream.from([...views, o.make('a', 64)]).getReader();
  for (const Type of [...types, Buffer]) {
    const { value } = await reader.read();
    t.is(Object.getPrototypeOf(value), Type.prototype);
    t.is(value.byteLength, 64);
    t.not(value.buffer, buffer);
  }
});

test('what is given to no writer or controller is as Node does it', async (t) => {
  const o = new Outliving({ guard: true });
  const { prototype } = WritableStreamDefaultWriter;
  await t.throwsAsync(prototype.write.call({}, o.make('a')), { code: 'ERR_INVALID_THIS' });
  t.throws(() => ReadableStreamDefaultController.prototype.enqueue.call({}, o.make('a')));
  t.throws(() => TransformStreamDefaultController.prototype.enqueue.call({}, o.make('a')), {
    code: 'ERR_INVALID_THIS',
  });
  t.throws(() => WritableStream.prototype.getWriter.call({}), { code: 'ERR_INVALID_THIS' });
  t.throws(() => ReadableStream.from(5));
  await turn();
  o.reset();
  t.is(o.held, 0);
});

test('a write that fails is let go, and rejects once', async (t) => {
  const o = new Outliving({ guard: true });
  const sink = {
    async write() {
      await turn();
      throw new Error('full');
    },
  };
  const writer = new WritableStream(sink).getWriter();
  writer.closed.catch(() => {});
  const wrote = [writer.write(o.make('a')), writer.write(o.make('b'))];
  o.reset();
  t.true(o.held > 0);
  for (const one of wrote) await t.throwsAsync(one, { message: 'full' });
  await until(() => o.held === 0);
});
