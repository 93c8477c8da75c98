'use strict';
// tier: run-time, differs

// Which chunks pump() takes for Node's own, and which sinks for done with them: classes and functions of the user, Buffers that were given
// to a stream.

const test = require('ava');
const fs = require('node:fs');
const { PassThrough, Readable, Transform } = require('node:stream');
const { sameBytes } = require('../helpers/bytes.js');
const { pump, stats } = require('../..');
const { releases } = require('../helpers/given-back.js');
const { Keeper, bytes, releasedBy, stepwise, tap } = require('../helpers/keeper.js');
const { fileOf, got, sinks } = require('../helpers/pumps.js');

test.before(releases);

const passing = {
  'a PassThrough': () => new PassThrough(),
  'a Transform of the user': () =>
    new Transform({
      transform(chunk, _encoding, done) {
        done(null, chunk);
      },
    }),
  'a generator': () =>
    async function* each(source) {
      for await (const chunk of source) yield chunk;
    },
};

for (const [name, make] of Object.entries(passing)) {
  test.serial(`${name} between them may keep its chunks`, async (t) => {
    const sink = await sinks['fs.WriteStream'](t);
    const source = fs.createReadStream(fileOf(t, bytes));
    t.is(await releasedBy(() => pump(source, make(), sink.stream)), 0);
    t.true(await got(sink, bytes));
  });
}

test.serial('a sink of a class of the user, and one with functions of his own', async (t) => {
  const keeper = new Keeper();
  class Mine extends fs.WriteStream {
    _write(chunk, encoding, done) {
      keeper.keep(chunk);
      super._write(chunk, encoding, done);
    }
  }
  class Plain extends fs.WriteStream {}
  const file = `${fileOf(t, bytes)}.copy`;
  const write = (...args) => {
    keeper.keep(args[1]);
    return fs.write(...args);
  };
  for (const [sink, expected] of [
    [new Mine(file), 0],
    [fs.createWriteStream(file, { fs: { ...fs, write } }), 0],
    [new Plain(file), bytes.length],
  ]) {
    const source = fs.createReadStream(fileOf(t, bytes));
    const released = await releasedBy(() => pump(source, sink));
    t.is(released > 0, expected > 0);
    sameBytes(t, fs.readFileSync(file), bytes);
  }
  keeper.check(t);
});

test.serial(
  'a file that is read or written by patched functions, or into other memory',
  async (t) => {
    const keeper = new Keeper();
    for (const [object, name] of [
      [fs, 'read'],
      [Buffer, 'allocUnsafeSlow'],
      [fs, 'write'],
      [Readable.prototype, 'push'],
    ]) {
      const undo = tap(object, name, keeper);
      try {
        const sink = await sinks['fs.WriteStream'](t);
        const source = fs.createReadStream(fileOf(t, bytes));
        const { plain } = stats().bodies.links;
        t.is(await releasedBy(() => pump(source, sink.stream)), 0, name);
        t.is(stats().bodies.links.plain, plain + 1);
        t.true(await got(sink, bytes));
      } finally {
        undo();
      }
    }
    keeper.check(t, false);
  },
);

test.serial('a file with functions of the user', async (t) => {
  const keeper = new Keeper();
  const read = (...args) => {
    keeper.keep(args[1]);
    return fs.read(...args);
  };
  const sink = await sinks['fs.WriteStream'](t);
  const source = fs.createReadStream(fileOf(t, bytes), { fs: { ...fs, read } });
  t.is(await releasedBy(() => pump(source, sink.stream)), 0);
  t.true(await got(sink, bytes));
  keeper.check(t, false);
});

test.serial('a stream of a FileHandle is left', async (t) => {
  const handle = await fs.promises.open(fileOf(t, bytes));
  const sink = await sinks['net.Socket'](t);
  t.is(await releasedBy(() => pump(handle.createReadStream(), sink.stream)), 0);
  t.true(await got(sink, bytes));
});

for (const kind of ['net.Socket', 'fs.ReadStream']) {
  for (const give of ['unshift', 'push', 'emit']) {
    test.serial(`a ${kind} that was given a cached Buffer by ${give}()`, async (t) => {
      const cached = Buffer.from(new ArrayBuffer(1000)).fill(99);
      const { stream: socket, end } = await stepwise(t);
      const source = kind === 'net.Socket' ? socket : fs.createReadStream(fileOf(t, bytes));
      const sink = await sinks['fs.WriteStream'](t);
      const given = () => (give === 'emit' ? source.emit('data', cached) : source[give](cached));
      if (give !== 'emit') given();
      const released = await releasedBy(async () => {
        const pumped = pump(source, sink.stream);
        given();
        end();
        await pumped;
      });
      t.true(cached.every((byte) => byte === 99) && cached.length === 1000);
      const extra = give === 'emit' ? 1 : 2;
      const all = await sink.received;
      t.is(all.length, bytes.length + extra * 1000);
      sameBytes(t, all.subarray(extra * 1000), bytes);
      t.true(released > 0, 'what Node gave goes back all the same');
    });
  }
}

test.serial('an encoding, set before or meanwhile', async (t) => {
  const text = Buffer.alloc(1_000_000, 'ralloc ');
  for (const early of [true, false]) {
    const source = fs.createReadStream(fileOf(t, text));
    const sink = await sinks['fs.WriteStream'](t);
    if (early) source.setEncoding('utf8');
    const pumped = pump(source, sink.stream);
    if (!early) source.setEncoding('utf8');
    await pumped;
    t.true(await got(sink, text));
  }
});
