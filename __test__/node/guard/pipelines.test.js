'use strict';
// tier: run-time, differs by Node

// Streams that are connected, and lists of Buffers that become streams.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const { once } = require('node:events');
const stream = require('node:stream');
const consumers = require('node:stream/consumers');
const { setImmediate: turn } = require('node:timers/promises');
const { promisify } = require('node:util');
const test = require('ava');
const { Outliving, testOutliving, runs, SIZE } = require('../../helpers/outlive.js');
const { until } = require('../../helpers/until.js');

const { Duplex, PassThrough, Readable, Writable } = stream;

/** Takes a turn of the loop for each chunk, and one chunk at a time. */
class Slow extends Writable {
  parts = [];

  constructor(options) {
    super({ highWaterMark: 1, ...options });
  }

  _write(chunk, _encoding, done) {
    setImmediate(() => {
      this.parts.push(Buffer.from(chunk));
      done();
    });
  }
}

const letters = ['a', 'b', 'c', 'd'];
const stays = {
  kind: 'stream',
  expected: letters.map((letter) => `${letter}×${SIZE}`).join(' '),
};

function* buffersOf(o) {
  for (const letter of letters) yield o.make(letter);
}

const buffers = (o) => [...buffersOf(o)];

// Of objects, so that without the guard none is made of several: Node would throw where nobody catches it.
function source(o) {
  const readable = new Readable({ objectMode: true, read() {} });
  for (const buffer of buffers(o)) readable.push(buffer);
  readable.push(null);
  return readable;
}

const ways = {
  'a pipe': (readable, slow) => readable.pipe(slow),
  'a pipe through a PassThrough': (readable, slow) => readable.pipe(new PassThrough()).pipe(slow),
  'a pipeline': (readable, slow) => stream.pipeline(readable, new PassThrough(), slow, () => {}),
  'a pipeline through a generator': (readable, slow) => {
    const pass = async function* (chunks) {
      for await (const chunk of chunks) yield chunk;
    };
    stream.promises.pipeline(readable, pass, slow).catch(() => {});
  },
  'streams that are composed': (readable, slow) =>
    stream.compose(readable, new PassThrough({ highWaterMark: 1 })).pipe(slow),
  'a Duplex of two streams': (readable, slow) =>
    Duplex.from({ readable, writable: new PassThrough() }).pipe(slow),
};

for (const [name, connect] of Object.entries(ways)) {
  testOutliving(`${name} to where it is slow`, stays, async (o) => {
    const slow = new Slow();
    connect(source(o), slow);
    o.reset();
    await once(slow, 'finish');
    return runs(slow.parts);
  });
}

const fromLists = {
  'Readable.from(a list)': (list) => Readable.from(list),
  'Readable.from(a list), of bytes': (list) => Readable.from(list, { objectMode: false }),
  'Readable.from(a Buffer)': (list) => Readable.from(list[0]),
  'Duplex.from(a list)': (list) => Duplex.from(list),
  'stream.compose(a list)': (list) => stream.compose(list, new PassThrough({ objectMode: true })),
};

for (const [name, make] of Object.entries(fromLists)) {
  const expected = name.includes('a Buffer') ? `a×${SIZE}` : stays.expected;
  testOutliving(name, { kind: 'stream', expected }, async (o) => {
    const readable = make(buffers(o));
    o.reset();
    const slow = new Slow({ objectMode: true });
    readable.on('error', () => {}).pipe(slow);
    await once(slow, 'finish');
    return runs(slow.parts);
  });
}

const pipelines = {
  'pipeline(a list, …)': promisify((list, slow, done) => stream.pipeline(list, slow, done)),
  'pipeline([a list, …])': promisify((list, slow, done) => stream.pipeline([list, slow], done)),
  'promises.pipeline(a list, …)': (list, slow) => stream.promises.pipeline(list, slow),
};

for (const [name, connect] of Object.entries(pipelines)) {
  testOutliving(name, stays, async (o) => {
    const slow = new Slow();
    const done = connect(buffers(o), slow);
    o.reset();
    await done;
    return runs(slow.parts);
  });
}

const collectors = {
  'consumers.buffer()': (readable) => consumers.buffer(readable),
  'consumers.arrayBuffer()': (readable) => consumers.arrayBuffer(readable),
  'consumers.blob()': async (readable) => (await consumers.blob(readable)).arrayBuffer(),
  'readable.toArray()': (readable) => readable.toArray(),
};

for (const [name, collect] of Object.entries(collectors)) {
  testOutliving(`${name} of a source that is slow`, stays, async (o) => {
    const readable = new Readable({ read() {} });
    const collected = collect(readable);
    for (const buffer of buffersOf(o)) {
      readable.push(buffer);
      o.reset();
      for (let i = 0; i < 3; i++) await turn();
    }
    readable.push(null);
    const all = await collected;
    return runs(Array.isArray(all) ? all : Buffer.from(all));
  });
}

test('a list is let go when its stream is destroyed, or its pipeline fails', async (t) => {
  const o = new Outliving({ guard: true });
  const readable = Readable.from(buffers(o));
  const slow = new Slow();
  const piped = stream.promises.pipeline(buffers(o), slow);
  o.reset();
  readable.destroy();
  t.true(o.held > 0);
  slow.destroy(new Error('gone'));
  await t.throwsAsync(piped, { message: 'gone' });
  await until(() => o.held === 0);
});

test('a list that is pushed to its end is let go, though nobody reads', async (t) => {
  const o = new Outliving({ guard: true });
  const readable = Readable.from([o.make('a'), Promise.resolve(Buffer.from('b'))], {
    highWaterMark: 9,
  });
  o.reset();
  readable.read(0);
  await turn();
  await turn();
  t.is(runs(readable.read()), `a×${SIZE}`);
  await turn();
  t.is(o.held, 0);
  t.is(readable.read().toString(), 'b');
  readable.destroy();
});

test('wrong arguments are errors of Node, and hold nothing', async (t) => {
  const o = new Outliving({ guard: true });
  const list = buffers(o);
  t.throws(() => stream.pipeline(list, 5, () => {}), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => stream.pipeline(list, new PassThrough()), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => Readable.from(5), { code: 'ERR_INVALID_ARG_TYPE' });
  t.throws(() => Readable.from(list, { highWaterMark: 'x' }), { code: 'ERR_INVALID_ARG_VALUE' });
  await t.throwsAsync(stream.promises.pipeline(list, 5), { code: 'ERR_INVALID_ARG_TYPE' });
  await turn();
  o.reset();
  t.is(o.held, 0);
});

test('functions keep their names, lengths and promisified twins', (t) => {
  t.deepEqual([stream.pipeline.name, stream.pipeline.length], ['pipeline', 0]);
  t.is(promisify(stream.pipeline), stream.promises.pipeline);
  t.deepEqual([stream.compose.name, Readable.from.length], ['compose', 2]);
  t.deepEqual([Readable.prototype.push.length, Readable.prototype.read.length], [2, 1]);
});
