'use strict';
// tier: run-time, differs

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const { once } = require('node:events');
const { PassThrough, Readable, Transform } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const test = require('ava');
const { Outliving, testOutliving, runs, SIZE } = require('../helpers/outlive.js');
const { until } = require('../helpers/until.js');

const readable = (options) => new Readable({ read() {}, ...options });

/** What is there now: Node 26 gives it chunk by chunk. */
function rest(source) {
  const parts = [];
  for (let part = source.read(); part !== null; part = source.read()) parts.push(part);
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/** All of it, as an async iterator gives it. */
async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return runs(parts);
}

const stream = { kind: 'stream', expected: `a×${SIZE} b×${SIZE}` };

testOutliving('what was pushed is read after the reset', stream, (o) => {
  const source = readable();
  source.push(o.make('a'));
  source.push(o.make('b'));
  o.reset();
  return runs(rest(source));
});

testOutliving('what was put back is read after the reset', stream, (o) => {
  const source = readable();
  source.push(Buffer.alloc(SIZE, 'b'));
  source.unshift(o.make('a'));
  o.reset();
  return runs([source.read(SIZE), source.read()]);
});

testOutliving('parts of chunks, and several as one', stream, (o) => {
  const source = readable();
  source.push(o.make('a'));
  source.push(o.make('b'));
  o.reset();
  return runs([source.read(10), source.read(SIZE - 1), source.read(SIZE / 2), rest(source)]);
});

testOutliving('chunks of a stream of objects', stream, (o) => {
  const source = readable({ objectMode: true });
  source.push({ not: 'a Buffer' });
  source.push(o.make('a'));
  source.push(o.make('b'));
  o.reset();
  source.read();
  return runs([source.read(), source.read()]);
});

testOutliving('views of other types', { ...stream, expected: 'a×64 b×64' }, (o) => {
  const source = readable({ objectMode: true });
  for (const [letter, Type] of Object.entries({ a: Float64Array, b: DataView })) {
    const { buffer, byteOffset } = o.make(letter, 64);
    source.push(new Type(buffer, byteOffset, 64 / (Type.BYTES_PER_ELEMENT ?? 1)));
  }
  o.reset();
  const bytesOf = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return runs([source.read(), source.read()].map(bytesOf));
});

testOutliving('an async iterator that is slow', stream, async (o) => {
  const source = readable();
  source.push(o.make('a'));
  source.push(o.make('b'));
  source.push(null);
  o.reset();
  await turn();
  return collect(source);
});

testOutliving('listeners of data that come late', stream, async (o) => {
  const source = readable();
  source.push(o.make('a'));
  source.push(o.make('b'));
  source.push(null);
  o.reset();
  await turn();
  const parts = [];
  source.on('data', (part) => parts.push(Buffer.from(part)));
  await once(source, 'end');
  return runs(parts);
});

testOutliving(
  'what is waited for by a promise',
  { ...stream, expected: `a×${SIZE}` },
  async (o) => {
    const source = readable();
    source.push(o.make('a'));
    o.reset();
    const [part] = await once(source, 'data');
    return runs(part);
  },
);

testOutliving('an encoding that is set later', { ...stream, expected: 'a×500 b×500' }, (o) => {
  const source = readable();
  source.push(o.make('a', 500));
  o.reset();
  source.setEncoding('latin1');
  source.push(o.make('b', 500));
  o.reset();
  return runs(rest(source));
});

testOutliving('a PassThrough and a Transform that nobody reads yet', stream, async (o) => {
  const through = new PassThrough();
  const transform = new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });
  through.write(o.make('a'));
  transform.write(o.make('b'));
  await turn(); // their writes are over, and what they pushed waits
  o.reset();
  return runs([through.read(), transform.read()]);
});

test('a chunk holds until it has left the queue, behind others and before others', async (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  source.push(Buffer.alloc(10));
  source.push(o.make('a', 20));
  source.push('a string');
  o.reset();
  for (const size of [10, 19]) {
    source.read(size);
    source.unshift(Buffer.alloc(3));
    source.unshift('xyz');
    source.read(6);
    await turn();
    t.true(o.held > 0);
  }
  source.push(Buffer.alloc(30));
  source.read(1);
  await turn();
  t.is(o.held, 0);
  t.is(source.readableLength, 38);
});

test('a chunk that listeners get at once holds nothing, whatever they push', async (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  let seen;
  source.on('data', (part) => {
    seen = runs(part);
    source.pause();
    source.push(Buffer.alloc(10));
  });
  await turn(); // it flows
  source.push(o.make('a'));
  o.reset();
  t.is(seen, `a×${SIZE}`);
  t.is(source.readableLength, 10);
  t.is(o.held, 0);
});

test('what becomes a string holds nothing', (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  source.push(o.make('a', 500));
  o.reset();
  t.true(o.held > 0);
  source.setEncoding('latin1');
  t.is(o.held, 0);
  source.push(o.make('b', 500));
  o.reset();
  t.is(o.held, 0);
  source.unshift(o.make('c', 500));
  o.reset();
  t.true(o.held > 0, 'Node leaves what is put back as it is');
  source.destroy();
});

test('what a listener pushes and reads within a read is held until it leaves', async (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  source.pause();
  source.once('data', () => {
    source.push(o.make('b', 50));
    source.read(5);
  });
  source.push(o.make('a', 100));
  source.push(Buffer.alloc(100));
  source.read(20);
  source.read(170); // 5 bytes of the plain one are left, and b
  o.reset();
  await turn();
  t.true(o.held > 0);
  t.is(runs(rest(source).subarray(-50)), 'b×50');
  await until(() => o.held === 0);
});

test('a chunk that _read() pushes is held', async (t) => {
  const o = new Outliving({ guard: true });
  const letters = ['a', 'b', 'c'];
  const source = new Readable({
    highWaterMark: SIZE * 2,
    read() {
      const letter = letters.shift();
      this.push(letter === undefined ? null : o.make(letter));
    },
  });
  source.read(0);
  await turn();
  o.reset();
  t.true(o.held > 0);
  t.is(await collect(source), `a×${SIZE} b×${SIZE} c×${SIZE}`);
  await until(() => o.held === 0);
});
