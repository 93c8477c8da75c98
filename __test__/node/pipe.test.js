'use strict';
// tier: run-time, differs

// What readable.pipe() moves goes back once it is written, if nobody else can have it, without a line of the program changed.

const test = require('ava');
const compression = require('compression');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { Duplex, PassThrough, pipeline } = require('node:stream');
const { sameBytes } = require('../helpers/bytes.js');
const { isNodeSince } = require('../helpers/backend.js');
const { stats } = require('../..');
const filing = require('../../lib/node/files.js');
const pipes = require('../../lib/node/pipe/patch.js');
const { Client } = require('../helpers/client.js');
const { releases } = require('../helpers/given-back.js');
const { Keeper, PIECE, bytes, ofSink, ofSource, stepwise, tap } = require('../helpers/keeper.js');
const { fileOf, gather, got, listen, sinks, sources } = require('../helpers/pumps.js');
const { until, untilCollected } = require('../helpers/until.js');

const KiB = 1024;

test.before(async () => {
  await releases();
  filing.install(true);
  pipes.install();
});

/** What the counts went up by while `work` ran. */
async function countsOf(work) {
  const before = stats();
  await work();
  const after = stats();
  const less = (name, of) => after[of][name] - before[of][name];
  return {
    released: less('released', 'bodies'),
    watched: less('watched', 'streams'),
    chunks: less('chunks', 'streams'),
    reused: less('reused', 'files'),
    shared: after.bodies.left.shared - before.bodies.left.shared,
    sink: after.streams.left.sink - before.streams.left.sink,
    readers: after.streams.left.readers - before.streams.left.readers,
  };
}

/** Which share their memory with what comes later. */
const shares = (source) =>
  isNodeSince(24, 22) && ['net.Socket', 'tls.TLSSocket', 'the output of a child'].includes(source);

for (const [source, sink] of [
  ...Object.keys(sources).map((source) => [source, 'net.Socket']),
  ...Object.keys(sinks).map((sink) => ['fs.ReadStream', sink]),
].slice(1)) {
  const isFile = source === 'fs.ReadStream';
  test.serial(`${source} to ${sink}: every byte comes, and goes back`, async (t) => {
    const { released, shared, watched } = await countsOf(async () => {
      const target = await sinks[sink](t);
      await sources[source](t, bytes, async (stream) => {
        stream.pipe(target.stream);
        await once(stream, 'end');
      });
      t.true(await got(target, bytes));
      await until(() => !Object.hasOwn(target.stream, 'write'));
    });
    t.is(watched, 1);
    // The first read of a file whose end nobody has told tells how long it is.
    const due = isFile ? bytes.length - PIECE : bytes.length;
    t.true(released + (shares(source) ? shared : 0) >= due, `${released} ${shared}`);
  });
}

/** A file of `length` bytes, of which the stream knows the end. */
const long = (t, length = bytes.length) =>
  fs.createReadStream(fileOf(t, bytes), { end: length - 1 });

const ofAnySink = {
  ...ofSink,
  'a method of all streams': (_sink, keeper) => tap(Duplex.prototype, 'write', keeper),
};

for (const [what, captures, of] of [
  ['the source', ofSource, (source) => source],
  ['the sink', ofAnySink, (_source, sink) => sink],
]) {
  for (const [name, capture] of Object.entries(captures)) {
    test.serial(`${name} of ${what}, before`, async (t) => {
      const keeper = new Keeper();
      const sink = await sinks['net.Socket'](t);
      const { chunks } = await countsOf(async () => {
        const source = long(t);
        const undo = capture(of(source, sink.stream), keeper);
        source.pipe(sink.stream);
        t.true(await got(sink, bytes));
        if (name === 'a method of all streams') undo();
      });
      if (name !== 'a listener of data that is gone when one counts') t.is(chunks, 0);
      keeper.check(t);
    });

    test.serial(`${name} of ${what}, meanwhile`, async (t) => {
      const keeper = new Keeper();
      const { stream, send, end } = await stepwise(t);
      const sink = await sinks['net.Socket'](t);
      stream.pipe(sink.stream);
      send(3 * PIECE);
      await until(() => stream.bytesRead === 3 * PIECE);
      const undo = capture(of(stream, sink.stream), keeper);
      end();
      t.true(await got(sink, bytes));
      if (name === 'a method of all streams') undo();
      keeper.check(t);
    });
  }
}

test.serial("a listener in the place of the pipe's has what it gets", async (t) => {
  const keeper = new Keeper();
  const sink = await sinks['net.Socket'](t);
  const source = long(t);
  source.pipe(sink.stream);
  source.removeAllListeners('data');
  source.on('data', (chunk) => {
    keeper.keep(chunk);
    sink.stream.write(chunk);
  });
  t.true(await got(sink, bytes));
  keeper.check(t);
});

/** A sink that reads nothing before read() is called, with a file piped to it of which chunks wait. */
async function stopped(t) {
  let read;
  const after = new Promise((resolve) => {
    read = resolve;
  });
  const sink = await sinks['net.Socket'](t, { after });
  const large = Buffer.concat(Array.from({ length: 15 }, () => bytes));
  const source = fs.createReadStream(fileOf(t, large), { end: large.length - 1 });
  source.pipe(sink.stream);
  await until(() => sink.stream.writableNeedDrain && source.readableLength > 0);
  return { source, sink, read, large };
}

test.serial('who reads by hand has a chunk that waited', async (t) => {
  const keeper = new Keeper();
  const { source, sink, read, large } = await stopped(t);
  keeper.keep(source.read());
  read();
  t.true(await got(sink, large));
  keeper.check(t);
});

for (const [when, hear] of [
  ['as it flows again', (source, _sink, take) => source.once('resume', take)],
  ['before it flows again', (_source, sink, take) => sink.once('drain', take)],
  ['before the pipe does', (_source, sink, take) => sink.prependOnceListener('drain', take)],
]) {
  test.serial(`who reads by hand ${when} has it`, async (t) => {
    const keeper = new Keeper();
    const { source, sink, read, large } = await stopped(t);
    hear(source, sink.stream, () => keeper.keep(source.read()));
    read();
    t.true(await got(sink, large));
    keeper.check(t);
  });
}

test.serial('who reads by hand while one is written has it', async (t) => {
  const keeper = new Keeper();
  const piece = 5 * KiB; // of which several come at once
  const behind = await listen(
    t,
    http.createServer((_req, res) => {
      for (let at = 0; at < 60 * piece; at += piece) res.write(bytes.subarray(at, at + piece));
      res.end();
    }),
  );
  const to = await listen(
    t,
    http.createServer((_req, res) => {
      http.get(behind, async (response) => {
        response.pipe(res);
        response.pause();
        await until(() => response.readableLength >= 3 * piece);
        const { writeHead } = res;
        let isFirst = true;
        res.writeHead = (...args) => {
          if (isFirst) {
            isFirst = false;
            keeper.keep(response.read());
            if (res.headersSent) return res;
          }
          return Reflect.apply(writeHead, res, args);
        };
        response.resume();
      });
    }),
  );
  const [response] = await once(http.get(to), 'response');
  t.is((await gather(response)).length, 60 * piece);
  keeper.check(t);
});

test.serial('a chunk that waited goes back', async (t) => {
  const { chunks } = await countsOf(async () => {
    const { sink, read, large } = await stopped(t);
    read();
    t.true(await got(sink, large));
  });
  t.is(chunks, 60);
});

test.serial('what comes by a stream that may keep it is left', async (t) => {
  const sink = await sinks['net.Socket'](t);
  const counts = await countsOf(async () => {
    long(t).pipe(new PassThrough()).pipe(sink.stream);
    t.true(await got(sink, bytes));
  });
  t.like(counts, { released: 0, watched: 0, reused: 0, sink: 1 });
});

test.serial('compression keeps the chunks of a response: they are left', async (t) => {
  const compress = compression({ threshold: 0 });
  const to = await listen(
    t,
    http.createServer((req, res) => {
      compress(req, res, () => {
        res.setHeader('content-type', 'application/octet-stream');
        long(t).pipe(res);
      });
    }),
  );
  const counts = await countsOf(async () => {
    const [response] = await once(http.get(to), 'response');
    sameBytes(t, await gather(response), bytes);
  });
  t.like(counts, { released: 0, watched: 0, sink: 1 });
});

test.serial('a delegate of a sink writes to it', async (t) => {
  const sink = await sinks['net.Socket'](t);
  const { stream, peer } = await stepwise(t);
  stream.pipe(sink.stream);
  await until(() => Object.hasOwn(sink.stream, 'write'));
  Object.create(sink.stream).write('first');
  peer.end(bytes);
  t.true(await got(sink, Buffer.concat([Buffer.from('first'), bytes])));
});

test.serial('chunks that a new write() swallows are not kept', async (t) => {
  const sink = await sinks['net.Socket'](t);
  const large = Buffer.alloc(100 * PIECE);
  const { stream, peer } = await stepwise(t);
  stream.pipe(sink.stream);
  await until(() => Object.hasOwn(sink.stream, 'write'));
  const refs = [];
  sink.stream.write = (chunk) => {
    refs.push(new WeakRef(chunk.buffer));
    return true;
  };
  peer.write(large);
  await until(() => stream.bytesRead === large.length);
  await untilCollected(() => refs.filter((ref) => ref.deref() !== undefined).length <= 65);
  t.true(refs.length > 65);
  stream.destroy();
  sink.stream.destroy();
});

test.serial('what a program writes beside a pipe stays its own', async (t) => {
  const own = Buffer.from('own');
  const { stream, send, end } = await stepwise(t);
  const sink = await sinks['net.Socket'](t);
  stream.pipe(sink.stream);
  send(PIECE);
  await until(() => stream.bytesRead === PIECE);
  await new Promise((resolve) => sink.stream.write(own, resolve));
  await new Promise((resolve) => sink.stream.write('text', 'latin1', resolve));
  t.throws(() => sink.stream.write(null), { code: 'ERR_STREAM_NULL_VALUES' });
  end();
  const received = await sink.received;
  const text = Buffer.from('text');
  sameBytes(
    t,
    received,
    Buffer.concat([bytes.subarray(0, PIECE), own, text, bytes.subarray(PIECE)]),
  );
  t.is(own.toString(), 'own');
});

test.serial('a pipe that ends leaves nothing, and another one begins anew', async (t) => {
  const sink = await sinks['net.Socket'](t);
  const counts = await countsOf(async () => {
    for (const end of [false, true]) {
      const source = long(t);
      source.pipe(sink.stream, { end });
      await once(source, 'end');
      await until(() => source.listenerCount('newListener') === 0);
      t.is(sink.stream.listenerCount('unpipe'), 0);
    }
    sameBytes(t, await sink.received, Buffer.concat([bytes, bytes]));
  });
  t.like(counts, { watched: 2, released: 2 * bytes.length });
});

test.serial('short messages, and short files, are not watched', async (t) => {
  const short = bytes.subarray(0, 60 * KiB);
  const counts = await countsOf(async () => {
    for (const name of ['the body of a response', 'the body of a request', 'fs.ReadStream']) {
      const sink = await sinks['fs.WriteStream'](t);
      await sources[name](t, short, async (stream) => {
        // Whose length is told: Node does so for what is written at once.
        stream.pipe(sink.stream);
        await once(stream, 'end');
      });
      sameBytes(t, await sink.received, short);
    }
  });
  t.like(counts, { watched: 0, sink: 0, readers: 0, released: 0 });
});

test.serial('a long message goes back after a short one of its connection', async (t) => {
  const file = fileOf(t, Buffer.alloc(0));
  const server = http.createServer((req, res) => {
    req.pipe(fs.createWriteStream(file)).on('close', () => res.end());
  });
  const client = await Client.connect((await listen(t, server)).port);
  const counts = await countsOf(async () => {
    for (const body of [bytes.subarray(0, KiB), bytes]) {
      client.send('/', { method: 'POST', body });
      await client.response();
      sameBytes(t, fs.readFileSync(file), body);
    }
  });
  t.like(counts, { watched: 1, released: bytes.length });
});

test.serial('a response that is cut off: what was not written is left', async (t) => {
  const to = await listen(
    t,
    http.createServer((_req, res) => {
      const large = Buffer.concat(Array.from({ length: 15 }, () => bytes));
      const source = fs.createReadStream(fileOf(t, large), { end: large.length - 1 });
      pipeline(source, res, () => {});
    }),
  );
  const { chunks } = await countsOf(async () => {
    const [response] = await once(http.get(to), 'response');
    await once(response, 'readable');
    response.destroy();
    await until(() => stats().files.open === 0);
  });
  t.true(chunks < 60);
});
