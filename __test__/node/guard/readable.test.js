'use strict';
// tier: run-time, differs by Node

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { once } = require('node:events');
const { PassThrough, Readable, Transform, Duplex, Writable } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const { Outliving, testOutliving, runs, SIZE } = require('../../helpers/outlive.js');
const { until, untilCollected } = require('../../helpers/until.js');
const { random } = require('../../helpers/random.js');

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

/** A source and a sink that are used already, so that Node 26.12 passes what waits directly to _write(). */
async function used(o, parts) {
  const source = readable({ highWaterMark: 1 });
  const sink = new Writable({
    write(chunk, _encoding, done) {
      setImmediate(() => {
        o.reset();
        parts.push(Buffer.from(chunk));
        done();
      });
    },
  });
  source.read(0);
  await new Promise((resolve) => sink.write(Buffer.alloc(SIZE, 'a'), resolve));
  return { source, sink };
}

const orders = {
  'pushed into a pipe': (source, sink, chunk) => {
    source.pipe(sink);
    source.pause();
    source.push(chunk);
    source.resume();
  },
  'piped later': (source, sink, chunk) => {
    source.push(chunk);
    source.pipe(sink);
  },
};

for (const [order, connect] of Object.entries(orders)) {
  testOutliving(`what waits, ${order}, is held while it is written`, stream, async (o) => {
    const parts = [];
    const { source, sink } = await used(o, parts);
    connect(source, sink, o.make('b'));
    await turn();
    source.push(null);
    await once(sink, 'finish');
    return runs(parts);
  });
}

test('a chunk is held where an application has given Object.prototype a `value`', (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  Object.defineProperty(Object.prototype, 'value', { value: 1, configurable: true });
  try {
    source.push(o.make('a'));
  } finally {
    Reflect.deleteProperty(Object.prototype, 'value');
  }
  o.reset();
  t.true(o.held > 0);
  t.is(runs(source.read()), `a×${SIZE}`);
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

// Streams that are never read to their end, and chunks that are none.

for (const [name, options] of Object.entries({
  'a Readable': {},
  'a Readable that emits no close': { emitClose: false },
  'a Readable of objects': { objectMode: true },
})) {
  test(`${name} that is destroyed lets go`, (t) => {
    const o = new Outliving({ guard: true });
    const source = readable(options);
    source.push(o.make('a'));
    o.reset();
    t.true(o.held > 0);
    source.destroy();
    t.is(o.held, 0);
  });
}

test('a Duplex that is destroyed with an error lets go', async (t) => {
  const o = new Outliving({ guard: true });
  const duplex = new Duplex({ read() {}, write() {} });
  duplex.push(o.make('a'));
  o.reset();
  t.true(o.held > 0);
  duplex.destroy(new Error('gone'));
  t.is(o.held, 0);
  t.is((await once(duplex, 'error').catch((error) => [error]))[0].message, 'gone');
});

test('a stream that nobody has any more lets go', async (t) => {
  const o = new Outliving({ guard: true });
  (() => readable().push(o.make('a')))();
  o.reset();
  t.true(o.held > 0);
  await untilCollected(() => o.held === 0);
  t.is(o.held, 0);
});

test('a listener that throws, in the midst of a read', async (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  source.on('data', () => {
    throw new Error('of the listener');
  });
  source.pause();
  source.push(o.make('a'));
  o.reset();
  t.throws(() => source.read(), { message: 'of the listener' });
  await turn();
  t.is(o.held, 0);
});

for (const put of ['push', 'unshift']) {
  test(`${put}() after the end is Node's error, and holds nothing`, async (t) => {
    const o = new Outliving({ guard: true });
    const source = readable();
    source.push(null);
    source.resume();
    await once(source, 'close').catch(() => {});
    source.on('error', () => {});
    source[put](o.make('a'));
    o.reset();
    t.is(o.held, 0);
  });
}

test('a dead Buffer in a pipe ends the pipe with an error', async (t) => {
  const o = new Outliving({ guard: true });
  const late = new Transform({
    transform(chunk, _encoding, done) {
      o.reset();
      done(null, this.kept ?? chunk);
      this.kept = chunk;
    },
  });
  const dead = o.make('a');
  late.kept = dead;
  o.reset();
  late.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }));
  const failed = once(late, 'error');
  late.write('x');
  t.is((await failed)[0].code, 'ERR_RALLOC_DEAD_BUFFER');
});

// Random programs on one stream's queue, against a list of what it must contain. Every chunk has an arena of its own,
// so it is told whether it holds.

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

class Program {
  #below;
  #queue = []; // { letter, left, outliving }
  #all = [];
  #objects;
  read = [];
  expected = [];

  constructor(seed) {
    this.#below = random(seed);
    this.#objects = seed % 3 === 0;
    this.source = new Readable({ read() {}, highWaterMark: 1e6, objectMode: this.#objects });
  }

  #put(method) {
    const below = this.#below;
    const letter = LETTERS[below(LETTERS.length)];
    const size = 1 + below(40);
    const outliving = below(2) === 0 ? new Outliving({ guard: true }) : null;
    const chunk = outliving?.make(letter, size) ?? Buffer.alloc(size, letter);
    this.source[method](chunk);
    outliving?.reset();
    if (outliving !== null) this.#all.push(outliving);
    const entry = { letter, left: size, outliving };
    if (method === 'push') this.#queue.push(entry);
    else this.#queue.unshift(entry);
  }

  #take() {
    const length = this.#queue.reduce((sum, { left }) => sum + left, 0);
    if (length === 0) return;
    let size = 1 + this.#below(Math.min(length, 60));
    if (this.#objects) size = this.#queue[0].left;
    this.read.push(Buffer.from(this.source.read(size)));
    while (size > 0) {
      const [first] = this.#queue;
      const part = Math.min(size, first.left);
      this.expected.push(Buffer.alloc(part, first.letter));
      first.left -= part;
      size -= part;
      if (first.left === 0) this.#queue.shift();
    }
  }

  async run(steps) {
    for (let i = 0; i < steps; i++) {
      const what = this.#below(8);
      if (what < 3) this.#put('push');
      else if (what === 3) this.#put('unshift');
      else if (what < 7) this.#take();
      else await turn();
    }
    await turn();
  }

  /** Those that hold: all that are in the queue, and no others. */
  check(t) {
    const inQueue = new Set(this.#queue.map(({ outliving }) => outliving));
    for (const one of this.#all) t.is(one.held > 0, inQueue.has(one));
  }

  close() {
    for (const { arena } of this.#all) arena.close();
  }
}

for (let seed = 1; seed <= 12; seed++) {
  test(`a queue holds exactly what it has: program ${seed}`, async (t) => {
    const program = new Program(seed);
    for (let round = 0; round < 5; round++) {
      await program.run(20);
      program.check(t);
    }
    t.is(runs(program.read), runs(program.expected));
    program.source.destroy();
    program.close();
  });
}
