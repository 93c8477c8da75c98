'use strict';
// tier: run-time, differs by Node

// Whoever may have a chunk that pump() moves keeps its bytes: captures at the source and at the sink, before and meanwhile.

const test = require('ava');
const compression = require('compression');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const { EventEmitter } = require('node:events');
const { Duplex, Stream, Writable } = require('node:stream');
const zlib = require('node:zlib');
const { sameBytes } = require('../helpers/bytes.js');
const { pump } = require('../..');
const { releases } = require('../helpers/given-back.js');
const {
  Keeper,
  PIECE,
  bytes,
  ofSink,
  ofSource,
  releasedBy,
  stepwise,
  tap,
} = require('../helpers/keeper.js');
const { fileOf, gather, got, listen, sinks } = require('../helpers/pumps.js');
const { until } = require('../helpers/until.js');

test.before(releases);

for (const [name, capture] of Object.entries(ofSource)) {
  test.serial(`at the source, before: ${name}`, async (t) => {
    const keeper = new Keeper();
    const source = fs.createReadStream(fileOf(t, bytes));
    const sink = await sinks['net.Socket'](t);
    const released = await releasedBy(async () => {
      capture(source, keeper);
      await pump(source, sink.stream);
      t.true(await got(sink, bytes));
    });
    if (name !== 'a listener of data that is gone when one counts') t.is(released, 0);
    keeper.check(t);
  });

  test.serial(`at the source, meanwhile: ${name}`, async (t) => {
    const keeper = new Keeper();
    const { stream, send, end } = await stepwise(t);
    const sink = await sinks['fs.WriteStream'](t);
    const pumped = pump(stream, sink.stream);
    send(3 * PIECE);
    await until(() => stream.bytesRead === 3 * PIECE);
    capture(stream, keeper);
    end();
    await pumped;
    t.true(await got(sink, bytes));
    keeper.check(t);
  });
}

/** `prototype.on` is replaced, and what it adds for 'data' of `source` keeps chunks. */
function tapOn(prototype, source, keeper) {
  const before = Object.getOwnPropertyDescriptor(prototype, 'on');
  const { on } = prototype;
  prototype.on = function (name, listener) {
    if (this !== source || name !== 'data') return on.call(this, name, listener);
    return on.call(this, name, (chunk) => {
      keeper.keep(chunk);
      listener.call(this, chunk);
    });
  };
  return () => {
    if (before === undefined) delete prototype.on;
    else Object.defineProperty(prototype, 'on', before);
  };
}

for (const [name, prototype] of Object.entries({
  EventEmitter: EventEmitter.prototype,
  Stream: Stream.prototype,
})) {
  for (const [when, isForGood] of [
    ['for good', true],
    ['only as it begins', false],
  ]) {
    test.serial(`at the source: on() of ${name}, below that of Readable, ${when}`, async (t) => {
      const keeper = new Keeper();
      const move = async (patch) => {
        const source = fs.createReadStream(fileOf(t, bytes));
        const sink = await sinks['net.Socket'](t);
        const undo = patch(source);
        const pumped = pump(source, sink.stream);
        if (!isForGood) undo?.();
        await pumped;
        if (isForGood) undo?.();
        t.true(await got(sink, bytes));
      };
      t.true((await releasedBy(() => move(() => undefined))) > 0, 'nobody has patched it');
      t.is(await releasedBy(() => move((source) => tapOn(prototype, source, keeper))), 0);
      keeper.check(t);
    });
  }
}

for (const [name, capture] of Object.entries(ofSink)) {
  for (const kind of ['net.Socket', 'tls.TLSSocket', 'fs.WriteStream']) {
    test.serial(`at a ${kind}, before: ${name}`, async (t) => {
      const keeper = new Keeper();
      const sink = await sinks[kind](t);
      capture(sink.stream, keeper);
      const source = fs.createReadStream(fileOf(t, bytes));
      t.is(await releasedBy(() => pump(source, sink.stream)), 0);
      t.true(await got(sink, bytes));
      keeper.check(t);
    });

    test.serial(`at a ${kind}, meanwhile: ${name}`, async (t) => {
      const keeper = new Keeper();
      const { stream, send, end } = await stepwise(t);
      const sink = await sinks[kind](t);
      const pumped = pump(stream, sink.stream);
      send(3 * PIECE);
      await until(() => stream.bytesRead === 3 * PIECE);
      capture(sink.stream, keeper);
      end();
      await pumped;
      t.true(await got(sink, bytes));
      keeper.check(t);
    });
  }
}

for (const [name, capture] of Object.entries({
  'a method write() of the response': (res, keeper) => tap(res, 'write', keeper),
  'a method write() of its socket': (res, keeper) => tap(res.socket, 'write', keeper),
  'a method _writeGeneric() of its socket': (res, keeper) =>
    tap(res.socket, '_writeGeneric', keeper),
  'a method of all sockets': (_res, keeper) => tap(Duplex.prototype, 'write', keeper),
})) {
  for (const queued of [false, true]) {
    test.serial(`at a response${queued ? ' behind another' : ''}: ${name}`, async (t) => {
      const keeper = new Keeper();
      let undo;
      let first;
      const settled = [];
      const to = await listen(
        t,
        http.createServer((req, res) => {
          if (queued && first === undefined) {
            first = res;
            return;
          }
          if (!queued) undo = capture(res, keeper);
          settled.push(pump(fs.createReadStream(fileOf(t, bytes)), res));
          if (!queued) return;
          undo = capture(name.includes('socket') ? req : res, keeper);
          first.end('first');
        }),
      );
      const client = net.connect(to);
      const answer = gather(client);
      const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
      client.write(
        queued ? `${GET}\r\n${GET}Connection: close\r\n\r\n` : `${GET}Connection: close\r\n\r\n`,
      );
      const released = await releasedBy(async () => {
        t.true((await answer).includes(bytes.subarray(0, 1000)));
        await Promise.all(settled);
      });
      undo?.();
      t.true(released <= PIECE, 'what was read into at the end of the file, for nothing');
      keeper.check(t);
    });
  }
}

test.serial('at a compressor: a method write() of its handle', async (t) => {
  const keeper = new Keeper();
  const sink = await sinks['zlib.Gzip'](t);
  const handle = sink.stream._handle;
  const { write } = handle;
  handle.write = function (flush, chunk, ...rest) {
    if (chunk?.length > 0) keeper.keep(chunk);
    return write.call(this, flush, chunk, ...rest);
  };
  const source = fs.createReadStream(fileOf(t, bytes));
  t.is(await releasedBy(() => pump(source, sink.stream)), 0);
  t.true(await got(sink, bytes));
  keeper.check(t);
});

for (const [name, object, method, kind] of [
  ['fs.read()', fs, 'read', 'fs.WriteStream'],
  ['fs.write()', fs, 'write', 'fs.WriteStream'],
  ['write() of all Writables', Writable.prototype, 'write', 'fs.WriteStream'],
  ['_writeGeneric() of all sockets', net.Socket.prototype, '_writeGeneric', 'net.Socket'],
]) {
  test.serial(`a patch of ${name} is not called to find out that it is one`, async (t) => {
    const own = object[method];
    const calls = [];
    object[method] = function (...args) {
      calls.push(args.length);
      return Reflect.apply(own, this, args);
    };
    t.teardown(() => {
      object[method] = own;
    });
    const sink = await sinks[kind](t);
    await pump(fs.createReadStream(fileOf(t, bytes)), sink.stream);
    t.true(await got(sink, bytes));
    t.true(calls.length > 0);
    t.false(calls.includes(0));
  });
}

test.serial('at a socket that has chunks waiting', async (t) => {
  const keeper = new Keeper();
  let read;
  const after = new Promise((resolve) => {
    read = resolve;
  });
  const large = Buffer.concat(Array.from({ length: 6 }, () => bytes));
  const sink = await sinks['net.Socket'](t, { after });
  const source = fs.createReadStream(fileOf(t, large), { highWaterMark: 4096 });
  const pumped = pump(source, sink.stream);
  await until(() => sink.stream.writableNeedDrain && source.isPaused());
  t.true(sink.stream.writableLength > 4096, 'one is with the kernel, and more wait');
  tap(sink.stream, '_write', keeper);
  tap(sink.stream, '_writev', keeper);
  read();
  await pumped;
  t.true(await got(sink, large));
  keeper.check(t);
});

test.serial('compression keeps the chunks of a response: none is released', async (t) => {
  const compress = compression({ threshold: 0 });
  const to = await listen(
    t,
    http.createServer((req, res) => {
      compress(req, res, () => {
        res.setHeader('Content-Type', 'text/plain');
        pump(fs.createReadStream(fileOf(t, bytes)), res);
      });
    }),
  );
  const released = await releasedBy(async () => {
    const response = await new Promise((resolve) => {
      http.get({ ...to, headers: { 'accept-encoding': 'gzip' } }, resolve);
    });
    const body = await gather(response.pipe(zlib.createGunzip()));
    sameBytes(t, body, bytes);
  });
  t.is(released, 0);
});
